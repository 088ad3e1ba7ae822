package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"pricing/shared/board"
	"pricing/shared/price"
)

func TestTry(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	from := price.At(time.Date(2026, 6, 7, 0, 0, 0, 0, time.UTC))
	to := price.At(time.Date(2026, 7, 6, 9, 14, 5, 0, time.UTC))
	var rows []board.Row
	for i, c := range []string{"own", "bigmart", "shopx", "kyoto", "dealz", "mega-store", "otto", "amazing", "zeta", "last"} {
		p := int64(2000 + 100*i)
		for at := from.Add(time.Duration(i) * time.Hour); at < to; at = at.Add(time.Duration(1+r.IntN(30)) * time.Hour) {
			if r.IntN(4) == 0 {
				p += int64(r.IntN(300)) - 150
			}
			if c == "kyoto" && at > to.Add(-10*24*time.Hour) || c == "own" && r.IntN(4) > 0 {
				continue
			}
			o := board.Observation{ObservedAt: at, Terms: price.Terms{Price: price.Money{Minor: p, Currency: "USD"}, Shipping: price.Money{Currency: "USD"}}}
			if r.IntN(15) == 0 {
				o.Terms.Availability = price.AvailabilityOutOfStock
				if r.IntN(2) == 0 {
					o.Terms.Price = price.Money{}
				}
			}
			k := price.OfferKey{ProductID: "ZU-1042", CompetitorID: c}
			if c == "otto" {
				k.SellerID = "Otto & Söhne <script>"
			}
			rows = append(rows, board.Row{Key: k, Observation: o})
		}
	}
	for _, w := range [][2]int{{240, 120}, {320, 200}, {800, 320}, {1600, 700}} {
		f := frame{"ZU-1042", board.Span{From: from, To: to}, from.Add(48 * time.Hour), w[0], w[1]}
		v := newView(f, choose(board.Refold(rows), f.window), rows, nil)
		os.WriteFile("/tmp/h/plot-try-"+[]string{"a", "b", "c", "d"}[map[int]int{240: 0, 320: 1, 800: 2, 1600: 3}[w[0]]]+".svg", draw(v), 0o644)
	}
}
