package price_test

import (
	"fmt"
	"time"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// An observation of a batch takes what it lacks from the batch's defaults. Every broken rule is reported at once, each
// where the member stood.
func ExampleReadSubmission() {
	document, err := jsondoc.Parse([]byte(`{
		"defaults": {"competitorId": "bigmart", "source": {"id": "crawler-a", "kind": "crawler"}, "itemCondition": "Old"},
		"observations": [
			{"productId": "ZU-1042", "price": {"amount": "19.9", "currency": "USD"}, "availability": "InStock",
			 "itemCondition": "Used", "observedAt": "2026-07-06T11:14:03.5+02:00"},
			{"productId": "ZU-1042", "price": {"amount": "19.999", "currency": "USD"}, "availability": "InStock",
			 "observedAt": "2026-07-06T09:14:03Z"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	clock := price.Clock{Now: price.At(time.Date(2026, 7, 6, 9, 15, 0, 0, time.UTC)), Retention: 400 * 24 * time.Hour}
	var request jsondoc.Reader
	root, _ := request.At(document, "").Object("defaults", "observations")
	observations, _ := root.Required("observations").Array()
	for _, sent := range observations {
		var faults jsondoc.Reader
		o := price.ReadSubmission(sent.With(&faults), root.Optional("defaults").With(&faults), true, clock).Observation
		if err := faults.Err(); err != nil {
			for _, field := range fault.Of(err).Fields {
				fmt.Println(field.Pointer, field.Code)
			}
			continue
		}
		fmt.Println(o.Key.CompetitorID, o.Key.Condition, o.Terms.Price, o.ObservedAt)
	}
	// Output:
	// bigmart Used 19.90 USD 2026-07-06T09:14:03.500Z
	// /defaults/itemCondition invalid-field
	// /observations/1/price/amount amount-precision
}

// Three shops and our own price. The fourth shop's shipping is not known, so its offer is excluded: it may be cheaper than
// ours or not.
func ExampleSummarize() {
	now := price.At(time.Date(2026, 7, 6, 12, 0, 0, 0, time.UTC))
	offer := func(competitorID string, cents int64, shipping price.Money) price.Offer {
		return price.Offer{Current: price.Observation{
			Key:   price.OfferKey{ProductID: "ZU-1042", CompetitorID: competitorID},
			Terms: price.Terms{Price: price.Money{Minor: cents, Currency: "USD"}, Shipping: shipping}, ObservedAt: now.Add(-time.Hour),
		}}
	}
	free := price.Money{Minor: 0, Currency: "USD"}
	summary := price.Summarize(price.Snapshot{
		Now: now,
		Offers: []price.Offer{offer(price.Own, 2499, free), offer("bigmart", 2294, free), offer("shopx", 2649, free),
			offer("megastore", 2799, free), offer("dealz", 1999, price.Money{})},
		Competitor: func(id string) price.Competitor { return price.Competitor{ID: id, Active: true} },
	}, price.SummaryQuery{Reference: price.ReferenceMedian})
	fmt.Println("median", summary.Market.Median, "mean", summary.Market.Mean)
	fmt.Println("rank", summary.Position.Rank, "of", summary.Position.Of, "undecided", summary.Position.Undecided)
	fmt.Println("index", summary.PriceIndex.Value)
	fmt.Println(summary.Excluded[0].Key.CompetitorID, summary.Excluded[0].Reason)
	// Output:
	// median 26.49 mean 25.81
	// rank 2 of 4 undecided 1
	// index 94.34
	// dealz shipping-unknown
}
