package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// shows compares a document with the JSON that clients read.
func shows(t *testing.T, want string, document any) {
	t.Helper()
	got, err := json.Marshal(document)
	require.NoError(t, err)
	assert.JSONEq(t, want, string(got))
}

func at(t *testing.T, text string) price.Timestamp {
	t.Helper()
	moment, err := price.ParseTimestamp(text)
	require.NoError(t, err)
	return moment
}

// offer returns an offer with everything that it may have.
func offer(t *testing.T) board.Offer {
	usd := func(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }
	return board.Offer{
		Key: price.OfferKey{ProductID: "P", CompetitorID: "shopx", SellerID: "Otto", Condition: price.ConditionUsed,
			Audience: price.AudienceApp, Region: "DE"},
		Current: board.Observation{
			ObservedAt: at(t, "2026-07-06T09:00:00Z"), ReceivedAt: at(t, "2026-07-06T09:00:01Z"),
			Source: price.Source{ID: "crawler-a", Kind: price.SourceFeed, Confidence: 9700},
			Terms: price.Terms{
				Price: usd(1995), Shipping: usd(299), ListPrice: usd(2900), Availability: price.AvailabilityLimitedAvailability,
				PriceType: price.PriceTypeClearance,
				Promotion: price.Promotion{Present: true, Label: "Sommer", ValidThrough: at(t, "2026-08-01T00:00:00Z"), MinQuantity: 2},
			},
		},
		FirstSeen: at(t, "2026-07-01T00:00:00Z"), RunStart: at(t, "2026-07-05T00:00:00Z"),
		Previous: board.Previous{At: at(t, "2026-07-04T00:00:00Z"), Price: usd(2150)},
	}
}

func TestNewOffer(t *testing.T) {
	t.Parallel()
	full := offer(t)
	full.URL.Name = board.NameURL(full.Key, "https://shopx.example/1")
	product := store.Product{URLs: map[board.URLName]string{full.URL.Name: "https://shopx.example/1"}}
	shopx := price.Competitor{ID: "shopx", FreshFor: time.Hour}
	described := func(o board.Offer, c price.Competitor, urls bool, now string) api.Offer {
		return api.NewOffers([]api.ChosenOffer{{Offer: &o, Competitor: c}}, product, urls, at(t, now))[0]
	}
	shows(t, `{"competitorId":"shopx","sellerId":"Otto","itemCondition":"Used","audience":"app","region":"DE",
		"availability":"LimitedAvailability","price":{"amount":"19.95","currency":"USD"},"shipping":{"amount":"2.99","currency":"USD"},
		"landed":{"amount":"22.94","currency":"USD"},"listPrice":{"amount":"29.00","currency":"USD"},"priceType":"clearance",
		"promotion":{"label":"Sommer","validThrough":"2026-08-01T00:00:00.000Z","minQuantity":2},
		"previousPrice":{"amount":"21.50","currency":"USD"},"observedAt":"2026-07-06T09:00:00.000Z","firstSeenAt":"2026-07-01T00:00:00.000Z",
		"lastSeenAt":"2026-07-06T09:00:00.000Z","lastChangedAt":"2026-07-05T00:00:00.000Z","staleAt":"2026-07-06T10:00:00.000Z","stale":false,
		"url":"https://shopx.example/1","source":{"id":"crawler-a","confidence":"0.97"},"observationId":"`+full.Current.ID(full.Key)+`"}`,
		described(full, shopx, true, "2026-07-06T09:59:59.999Z"))
	assert.True(t, described(full, shopx, true, "2026-07-06T10:00:00Z").Stale, "at the very moment")

	ours := board.Offer{Key: price.OfferKey{ProductID: "P", CompetitorID: price.Own}, FirstSeen: price.NoTime, RunStart: price.NoTime,
		Current: board.Observation{Source: price.Source{ID: "s", Confidence: price.NoConfidence}}}
	least := board.Offer{Key: price.OfferKey{ProductID: "P", CompetitorID: "b2"}, FirstSeen: price.NoTime, RunStart: price.NoTime,
		Current: board.Observation{Source: price.Source{ID: "s", Confidence: price.NoConfidence}}}
	shows(t, `{"competitorId":"b2","sellerId":null,"itemCondition":"New","audience":"public","region":null,"availability":"InStock",
		"price":null,"shipping":null,"landed":null,"listPrice":null,"priceType":"regular","promotion":null,"previousPrice":null,
		"observedAt":"1970-01-01T00:00:00.000Z","firstSeenAt":null,"lastSeenAt":"1970-01-01T00:00:00.000Z","lastChangedAt":null,
		"staleAt":"1970-01-02T02:00:00.000Z","stale":true,"url":null,"source":{"id":"s","confidence":null},
		"observationId":"`+least.Current.ID(least.Key)+`"}`, described(least, price.Competitor{}, true, "2026-07-06T09:00:00Z"))

	// Our own price never goes stale; urls that nobody asked for are not there.
	shows(t, `{"competitorId":"own","sellerId":null,"itemCondition":"New","audience":"public","region":null,"availability":"InStock",
		"price":null,"shipping":null,"landed":null,"listPrice":null,"priceType":"regular","promotion":null,"previousPrice":null,
		"observedAt":"1970-01-01T00:00:00.000Z","firstSeenAt":null,"lastSeenAt":"1970-01-01T00:00:00.000Z","lastChangedAt":null,
		"staleAt":null,"stale":false,"source":{"id":"s","confidence":null},"observationId":"`+ours.Current.ID(ours.Key)+`"}`,
		described(ours, price.Competitor{ID: price.Own}, false, "2026-07-06T09:00:00Z"))
}

func TestNewObservation(t *testing.T) {
	t.Parallel()
	full := offer(t)
	shows(t, `{"competitorId":"shopx","sellerId":"Otto","itemCondition":"Used","audience":"app","region":"DE",
		"observedAt":"2026-07-06T09:00:00.000Z","receivedAt":"2026-07-06T09:00:01.000Z","price":{"amount":"19.95","currency":"USD"},
		"shipping":{"amount":"2.99","currency":"USD"},"listPrice":{"amount":"29.00","currency":"USD"},"availability":"LimitedAvailability",
		"priceType":"clearance","promotion":{"label":"Sommer","validThrough":"2026-08-01T00:00:00.000Z","minQuantity":2},
		"source":{"id":"crawler-a","kind":"feed","confidence":"0.97"},"observationId":"`+full.Current.ID(full.Key)+`"}`,
		api.NewObservation(board.Row{Key: full.Key, Observation: full.Current}))
}

func TestNewCompetitor(t *testing.T) {
	t.Parallel()
	full := price.Competitor{ID: "bigmart", Name: "BigMart", Kind: price.Marketplace, Domain: "bigmart.example", Country: "US",
		DefaultCurrency: "USD", FreshFor: 26 * time.Hour, Active: true}
	shows(t, `{"competitorId":"bigmart","name":"BigMart","kind":"marketplace","domain":"bigmart.example","country":"US",
		"defaultCurrency":"USD","freshFor":"PT26H","status":"active"}`, api.NewCompetitor(full))
	shows(t, `{"competitorId":"b2","name":"B","kind":"retailer","domain":null,"country":null,"defaultCurrency":null,"freshFor":"PT1H",
		"status":"inactive"}`, api.NewCompetitor(price.Competitor{ID: "b2", Name: "B", FreshFor: time.Hour}))
	heard := store.Competitor{Competitor: full, LastReceivedAt: at(t, "2026-07-06T09:00:00Z"), LastObservedAt: price.NoTime}
	shows(t, `{"competitorId":"bigmart","name":"BigMart","kind":"marketplace","domain":"bigmart.example","country":"US",
		"defaultCurrency":"USD","freshFor":"PT26H","status":"active",
		"health":{"lastReceivedAt":"2026-07-06T09:00:00.000Z","lastObservedAt":null}}`,
		api.WithHealth(heard))
}
