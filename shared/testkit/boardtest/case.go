// Package boardtest makes the traffic of one product for property tests and compares what comes of it with the oracle. It also
// counts what happened, so that a property is not proved on cases in which nothing does.
//
// Draw gives a Case. A test sends its requests to whatever keeps the product, and the same to a Ledger, which knows what has to
// come out. Tally refuses a run in which one of the Events was rare.
//
// Boards are split and flushed by their size, so the long sellers and labels here are what makes few observations enough.
// The sellers of a crowd all hash to one shard of four, half of them to another of eight: once split into four, that shard
// is soon too large and the product is split again.
package boardtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
)

// Product is the product that every case is about.
const Product = "ZU-1042"

// Competitors are those that a case may name.
var Competitors = []string{"bigmart", "shopx", "marketplace"}

// Phase is what is received at one moment.
type Phase struct {
	Now      price.Timestamp
	Requests []Request
}

// Request is what a client sends at once.
type Request struct {
	Client       string
	Observations []price.Observation
}

// clients are those of a case. One is named like a source, which is stored in another way.
var clients = []string{"crawler-a", "night-run", "agency"}

// Case is the traffic of a product.
type Case struct {
	Retention time.Duration
	Phases    []Phase // Now never falls
}

// Retention is every case's.
const Retention = 100 * day

const (
	day     = 24 * time.Hour
	longest = 120 // bytes of a promotion's label
)

var start = price.At(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))

// crowd are offers of a marketplace whose keys take much room and hash alike.
var crowd = sync.OnceValue(func() []price.OfferKey {
	var keys []price.OfferKey
	for n := 0; len(keys) < 12; n++ {
		k := price.OfferKey{ProductID: Product, CompetitorID: "marketplace", SellerID: fmt.Sprintf("%0128d", n)}
		if board.ShardOf(k, 8).I == len(keys)%2*4 {
			keys = append(keys, k)
		}
	}
	return keys
})

// few are offers as most products have them.
var few = []price.OfferKey{
	{ProductID: Product, CompetitorID: "bigmart"},
	{ProductID: Product, CompetitorID: "shopx", SellerID: "Otto & Söhne|100 %", Condition: price.ConditionUsed, Region: "DE"},
	{ProductID: Product, CompetitorID: "bigmart", Audience: price.AudienceMember},
}

// labels are long, so that they soon fill a board, but for one.
var labels = []string{strings.Repeat("a", longest), strings.Repeat("b", longest), strings.Repeat("c", longest), "Sommer"}

var urls = []string{"", "https://bigmart.example/p/77", "https://shopx.example/a?b=c", "https://shopx.example/a?b=d"}

// drawTerms draws terms; a case has few of them, so that runs of equal ones are common.
func drawTerms(t *rapid.T) price.Terms {
	n := rapid.IntRange(0, 1<<16-1).Draw(t, "terms")
	pick := func(of int) int {
		chosen := n % of
		n /= of
		return chosen
	}
	usd := func(minor int) price.Money { return price.Money{Minor: int64(minor), Currency: "USD"} }
	terms := price.Terms{Price: usd(1995 + pick(3))}
	if p := pick(6); p < 5 {
		terms.Promotion = price.Promotion{Present: true, Label: labels[p%len(labels)], ValidThrough: price.NoTime}
		if pick(2) > 0 {
			terms.Promotion.ValidThrough = start.Add(300 * day)
			terms.Promotion.MinQuantity = 2
		}
	}
	terms.Shipping = []price.Money{{}, usd(0), usd(299)}[pick(3)]
	terms.ListPrice = []price.Money{{}, usd(2999)}[pick(2)]
	terms.PriceType = price.PriceType(pick(3))
	if pick(4) == 3 {
		terms = price.Terms{Availability: price.AvailabilitySoldOut, Promotion: terms.Promotion}
	}
	return terms
}

// drawn is what the observations of one case are drawn from.
type drawn struct {
	keys    []price.OfferKey
	terms   []price.Terms
	step    time.Duration // between two moments
	moments int
	sources int
	urls    []string
}

// Draw draws a case.
func Draw(t *rapid.T) Case {
	d := drawn{sources: 3}
	d.urls = urls[:rapid.SampledFrom([]int{1, 2, 3, 4, 4, 4}).Draw(t, "urls")] // none, one and none, or such that change and come back
	d.keys = few[:rapid.IntRange(1, len(few)).Draw(t, "offers")]
	most := 40
	if rapid.IntRange(0, 2).Draw(t, "crowd") == 0 {
		d.keys = crowd()
		most = 28
	}
	for range rapid.IntRange(1, 4).Draw(t, "kinds of terms") {
		d.terms = append(d.terms, drawTerms(t))
	}
	d.step = rapid.SampledFrom([]time.Duration{time.Millisecond, time.Hour, 6 * day, 17 * day}).Draw(t, "step")
	d.moments = rapid.SampledFrom([]int{3, 12, 40}).Draw(t, "moments")
	c := Case{Retention: Retention}
	now := start.Add(Retention)
	var earlier []price.Observation
	for phase := range rapid.IntRange(1, 3).Draw(t, "phases") {
		if phase > 0 {
			now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, Retention / 2, Retention + 3*day}).Draw(t, "pause"))
		}
		p := Phase{Now: now}
		n := rapid.IntRange(1, most).Draw(t, "observations")
		for n > 0 {
			size := min(n, rapid.IntRange(1, 8).Draw(t, "request"))
			n -= size
			request := Request{Client: rapid.SampledFrom(clients).Draw(t, "client")}
			for range size {
				o := d.observation(t, now)
				if again := rapid.IntRange(0, 7).Draw(t, "again"); again == 7 && len(earlier) > 0 {
					o = earlier[rapid.IntRange(0, len(earlier)-1).Draw(t, "which")]
					o.URL = rapid.SampledFrom([]string{o.URL, d.urls[0], d.urls[len(d.urls)-1]}).Draw(t, "url")
				}
				if o.ObservedAt >= now.Add(-Retention) { // older ones are refused when a request is read
					request.Observations = append(request.Observations, o)
					earlier = append(earlier, o)
				}
			}
			p.Requests = append(p.Requests, request)
		}
		c.Phases = append(c.Phases, p)
	}
	return c
}

func (d drawn) observation(t *rapid.T, now price.Timestamp) price.Observation {
	moment := rapid.IntRange(0, d.moments-1).Draw(t, "moment")
	n := rapid.IntRange(0, 1<<12-1).Draw(t, "observation")
	pick := func(of int) int {
		chosen := n % of
		n /= of
		return chosen
	}
	o := price.Observation{Key: d.keys[pick(len(d.keys))], Terms: d.terms[pick(len(d.terms))], URL: d.urls[pick(len(d.urls))],
		ObservedAt: max(now.Add(-time.Duration(moment)*d.step), now.Add(-Retention))}
	o.Source.ID = []string{"crawler-a", "feed-b", "vendor-c"}[pick(d.sources)]
	o.Source.Confidence = []price.Confidence{price.NoConfidence, 0, 9700}[pick(3)]
	o.Source.Kind = price.SourceKind(pick(2))
	return o
}

// Of returns the case as that of another product.
func (c Case) Of(productID string) Case {
	out := Case{Retention: c.Retention}
	for _, p := range c.Phases {
		other := Phase{Now: p.Now}
		for _, request := range p.Requests {
			request.Observations = slices.Clone(request.Observations)
			for i := range request.Observations {
				request.Observations[i].Key.ProductID = productID
			}
			other.Requests = append(other.Requests, request)
		}
		out.Phases = append(out.Phases, other)
	}
	return out
}

// Shuffled returns the case's accepted observations as other requests of any clients: in each phase in any order, some twice,
// and some from earlier phases again that have not left the retention.
func (c Case) Shuffled(t *rapid.T, accepted [][]price.Observation) Case {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
	out := Case{Retention: c.Retention}
	var earlier []price.Observation
	for i, p := range c.Phases {
		items := slices.Clone(accepted[i])
		earlier = append(earlier, items...)
		for _, o := range earlier {
			if o.ObservedAt >= p.Now.Add(-c.Retention) && random.IntN(4) == 0 {
				items = append(items, o)
			}
		}
		random.Shuffle(len(items), func(a, b int) { items[a], items[b] = items[b], items[a] })
		other := Phase{Now: p.Now}
		for len(items) > 0 {
			n := 1 + random.IntN(min(len(items), 8))
			other.Requests = append(other.Requests, Request{clients[random.IntN(len(clients))], items[:n]})
			items = items[n:]
		}
		out.Phases = append(out.Phases, other)
	}
	return out
}
