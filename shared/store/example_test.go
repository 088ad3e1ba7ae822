package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/testkit/storetest"
)

// example stands for the test that an Example does not have. What would fail a test panics.
type example struct{ testing.TB }

func (example) Helper()                           {}
func (example) Context() context.Context          { return context.Background() }
func (example) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (example) FailNow()                          { panic("failed") }

// A request with three observations: one is stored, one says the same again, and one is refused because nobody has registered
// its competitor.
func ExampleStore_Record() {
	ctx := context.Background()
	s := storetest.New(example{})
	if _, err := s.PutCompetitor(ctx, price.Competitor{ID: "bigmart", Name: "BigMart", FreshFor: 26 * time.Hour, Active: true}); err != nil {
		fmt.Println(err)
		return
	}
	now := price.At(time.Date(2026, 7, 6, 9, 15, 0, 0, time.UTC))
	seen := func(competitor string) price.Submission {
		return price.Submission{Observation: price.Observation{
			Key:    price.OfferKey{ProductID: "ZU-1042", CompetitorID: competitor},
			Terms:  price.Terms{Price: price.Money{Minor: 1999, Currency: "USD"}},
			Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence}, ObservedAt: now.Add(-time.Minute),
		}}
	}
	verdicts, err := s.Record(ctx, []price.Submission{seen("bigmart"), seen("bigmart"), seen("nobody")}, now, false)
	if err != nil { // nothing can be said of any of them
		fmt.Println(err)
		return
	}
	for _, v := range verdicts {
		if v.Err != nil {
			fmt.Println(fault.Of(v.Err).Fields[0].Code)
			continue
		}
		fmt.Println(v.Result.Outcome, v.Result.Offer.Current.Terms.Price, "in the catalogue:", v.Catalogued)
	}
	// Output:
	// created 19.99 USD in the catalogue: false
	// duplicate 19.99 USD in the catalogue: false
	// unknown-competitor
}
