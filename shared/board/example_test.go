package board_test

import (
	"fmt"
	"time"

	"pricing/shared/board"
	"pricing/shared/price"
)

// Two requests about one offer. The second has an observation that was made before the newest of the first: it is late, and the
// run of equal terms begins earlier for it.
func ExampleApply() {
	morning := price.At(time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC))
	bigmart := price.OfferKey{ProductID: "ZU-1042", CompetitorID: "bigmart"}
	observed := func(hour int, cents int64) board.Incoming {
		return board.Incoming{Key: bigmart, Observation: board.NewObservation(price.Observation{
			Key: bigmart, Terms: price.Terms{Price: price.Money{Minor: cents, Currency: "USD"}},
			Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence}, ObservedAt: morning.Add(time.Duration(hour) * time.Hour),
		}, "night-run", morning.Add(24*time.Hour))}
	}
	clock := price.Clock{Now: morning.Add(24 * time.Hour), Retention: 400 * 24 * time.Hour}
	b := board.New("ZU-1042")
	for n, request := range [][]board.Incoming{
		{observed(0, 2199), observed(3, 1999), observed(0, 2199)},
		{observed(2, 1999)},
	} {
		var history board.History
		r := board.Request{Clock: clock, Mark: board.Mark{byte(n)}, Room: board.MaxOffers}
		change, need := board.Apply(b, request, r, &history)
		for len(need) > 0 { // not here: these offers have nothing in segments
			for _, span := range need {
				history.Add(span) // and the segments that Reach says
			}
			change, need = board.Apply(b, request, r, &history)
		}
		for _, r := range change.Results {
			o := r.Offer
			fmt.Println(r.Outcome, "now", o.Current.Terms.Price, "since", o.RunStart, "before", o.Previous.Price)
		}
		b = change.Next // what is stored if the table still holds the version before
		fmt.Println("version", b.Version)
	}
	// Output:
	// created now 19.99 USD since 2026-07-06T12:00:00.000Z before 21.99 USD
	// changed now 19.99 USD since 2026-07-06T12:00:00.000Z before 21.99 USD
	// duplicate now 19.99 USD since 2026-07-06T12:00:00.000Z before 21.99 USD
	// version 1
	// late now 19.99 USD since 2026-07-06T11:00:00.000Z before 21.99 USD
	// version 2
}
