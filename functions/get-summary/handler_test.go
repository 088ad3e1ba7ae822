package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/oracle"
	"pricing/shared/testkit/oracleof"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

func TestParseDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"none": 0, "P1D": 1, "P30D": 30, "P400D": 400} {
		days, ok := parseDays(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, days)
	}
	for _, text := range []string{"", "P", "PD", "P0D", "P01D", "P+1D", "P-1D", "P1", "1D", "p1d", "PT1D", "P1W", "P1DT1H", "P1.5D", " P1D",
		"P99999999999999999999D"} {
		_, ok := parseDays(text)
		assert.False(t, ok, text)
	}
}

// record stores observations, as many at a time as a batch may have.
func record(t *testing.T, db *store.Store, observations []price.Observation) {
	t.Helper()
	for batch := range slices.Chunk(observations, 500) {
		in := make([]price.Submission, len(batch))
		for i, o := range batch {
			in[i] = price.Submission{Observation: o, Writer: price.Writer{Own: true}}
		}
		verdicts, err := db.Record(t.Context(), in, price.At(cases.Now), false)
		require.NoError(t, err)
		for _, v := range verdicts {
			require.NoError(t, v.Err)
		}
	}
}

// ask asks a question by its event and returns what it cost.
func ask(t *testing.T, e gateway.Endpoint, request string) (body string, spent meter.Counts) {
	t.Helper()
	inner := e.Handle
	e.Handle = func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		ctx, m := meter.With(ctx)
		answer, err := inner(ctx, r)
		spent = m.Counts()
		return answer, err
	}
	response, _ := cases.Metered(t, e, cases.Case{Request: request}.Event(t, e))
	require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
	return response.Body, spent
}

// market draws what was observed of a product by some sellers, and of our own price, in the last three weeks.
func market(random *rand.Rand, product string, sellers, n int) []price.Observation {
	usd := func(minor int) price.Money { return price.Money{Minor: int64(minor), Currency: "USD"} }
	seen := map[string]price.Observation{}
	for len(seen) < n {
		o := price.Observation{Key: price.OfferKey{ProductID: product, CompetitorID: []string{"bigmart", "shopx", "kyoto"}[random.IntN(3)]},
			Source: price.Source{ID: []string{"s1", "s2"}[random.IntN(2)], Confidence: price.Confidence(random.IntN(2) * 5000)}}
		o.ObservedAt = price.At(cases.Now).Add(-time.Duration(random.IntN(500)) * time.Hour)
		o.Terms.Price = usd(1000 + random.IntN(5))
		if random.IntN(4) > 0 {
			o.Terms.Shipping = usd(random.IntN(2) * 3)
		}
		if random.IntN(5) == 0 {
			o.Terms.Availability = price.AvailabilityOutOfStock
		}
		if seller := random.IntN(sellers); seller > 0 {
			o.Key.SellerID = fmt.Sprint("seller-", seller, strings.Repeat("x", 40))
		}
		switch random.IntN(12) {
		case 0:
			o.Key.Region = "BY"
		case 1:
			o.Key = price.OfferKey{ProductID: product, CompetitorID: price.Own}
		}
		seen[o.ID()] = o
	}
	return slices.SortedFunc(maps.Values(seen), func(a, b price.Observation) int { // which is no order of time
		return strings.Compare(a.ID(), b.ID())
	})
}

// TestEndpoint_Oracle: markets of few and of many sellers, flushed and split, which came in in any order, are summarized as the oracle
// does it. The boards are read once.
func TestEndpoint_Oracle(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	random := rand.New(rand.NewPCG(7, 7))
	flushed, split := 0, 0
	for i, size := range []struct{ sellers, n int }{{1, 1}, {1, 40}, {2, 300}, {3, 10}, {5, 600}, {40, 900}, {60, 200}} {
		product := fmt.Sprint("M-", i)
		observations := market(random, product, size.sellers, size.n)
		record(t, db, observations)
		mapPrice := price.Money{Minor: 1003, Currency: "USD"}
		require.NoError(t, db.SetCatalogue(t.Context(), product, board.Catalogue{MAP: mapPrice}, 1))
		known := oracle.Known{Now: cases.Now, MAP: oracleof.Money(mapPrice), Digits: func(string) int { return 2 }, Shops: map[string]oracle.Shop{
			"bigmart": {FreshFor: 26 * time.Hour, Active: true}, "shopx": {FreshFor: time.Hour, Active: true},
			"kyoto": {FreshFor: 26 * time.Hour, Active: true}}}
		byKey := map[oracle.Key][]oracle.Observation{}
		for _, o := range observations {
			theirs := oracleof.Observation(o)
			known.Rows = append(known.Rows, theirs)
			byKey[theirs.Key] = append(byKey[theirs.Key], theirs)
		}
		for _, all := range byKey {
			known.Offers = append(known.Offers, oracle.Fold(all))
		}
		for _, q := range []oracle.Question{
			{Basis: "landed", Reference: "median", Per: "competitor", Region: "none", Days: 30},
			{Basis: "price", Reference: "mean", Per: "offer", Region: "none", Days: 7, IncludeStale: true},
			{Basis: "landed", Reference: "competitor:kyoto", Per: "offer", Region: "BY", Days: 14, IncludeStale: true},
			{Basis: "price", Reference: "min", Per: "competitor", Region: "none", Seller: "none"},
		} {
			q.Condition, q.Audience = "New", "public"
			query := url.Values{"basis": {q.Basis}, "reference": {q.Reference}, "per": {q.Per}, "region": {q.Region},
				"includeStale": {fmt.Sprint(q.IncludeStale)}, "window": {"none"}}
			if q.Days > 0 {
				query.Set("window", fmt.Sprintf("P%dD", q.Days))
			}
			if q.Seller != "" {
				query.Set("sellerId", q.Seller)
			}
			body, spent := ask(t, e, "GET /v1/products/"+product+"/summary?"+query.Encode())
			want := oracle.Summary(known, q)
			want["productId"] = product
			want["windowOmitted"] = nil
			text, err := json.Marshal(want)
			require.NoError(t, err)
			require.JSONEq(t, string(text), body, "%s, %v", product, q)
			if q.Days == 0 {
				assert.Equal(t, 1, spent.Calls, "the boards alone")
			} else if spent.Calls > 1 {
				flushed++
			}
		}
		read, err := db.Product(t.Context(), product, false)
		require.NoError(t, err)
		split += min(len(read.Boards)-1, 1)
	}
	assert.Positive(t, flushed)
	assert.Positive(t, split)
}

// TestEndpoint_WindowTooLarge: a window that costs too much is left out, and everything else is told. One that is smaller is read in
// a call or two.
func TestEndpoint_WindowTooLarge(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	var observations []price.Observation
	for i := range 10_000 {
		observations = append(observations, price.Observation{
			Key: price.OfferKey{ProductID: "HUGE", CompetitorID: "bigmart"}, Source: price.Source{ID: "s"},
			ObservedAt: price.At(cases.Now).Add(-time.Duration(10_000-i) * 4 * time.Minute),
			Terms: price.Terms{Price: price.Money{Minor: int64(i), Currency: "USD"}, Shipping: price.Money{Currency: "USD"},
				Promotion: price.Promotion{Present: true, Label: fmt.Sprint(strings.Repeat("x", 110), i), ValidThrough: price.NoTime}},
		})
	}
	record(t, db, observations)
	require.NoError(t, db.SetCatalogue(t.Context(), "HUGE", board.Catalogue{MAP: price.Money{Minor: 11_000, Currency: "USD"}}, 1))
	var told struct {
		Market        struct{ N int }
		Window        json.RawMessage
		WindowOmitted *string
		MAP           struct {
			Breaches []struct{ BelowSince *string }
		}
	}
	read := func(window string) meter.Counts {
		body, spent := ask(t, e, "GET /v1/products/HUGE/summary?window="+window)
		require.NoError(t, json.Unmarshal([]byte(body), &told))
		return spent
	}
	spent := read("P30D")
	assert.Equal(t, 1, told.Market.N)
	assert.Equal(t, "null", string(told.Window))
	assert.Equal(t, "too-large", *told.WindowOmitted)
	require.Len(t, told.MAP.Breaches, 1)
	assert.Nil(t, told.MAP.Breaches[0].BelowSince)
	assert.LessOrEqual(t, spent.ReadUnits, 280.0, "a call brings 1 MB at most")

	told.WindowOmitted = nil
	spent = read("P15D")
	assert.Contains(t, string(told.Window), `"observedDays":15`)
	assert.Nil(t, told.WindowOmitted)
	assert.LessOrEqual(t, spent.Calls, 4)
	assert.Greater(t, spent.ReadUnits, 100.0)
}

// suspicious is a store with segments that an older board must have been put back over.
type suspicious struct{ *store.Store }

func (suspicious) Whole(context.Context, store.Product, store.Window, float64) (store.Page, error) {
	return store.Page{Told: store.Told{Suspect: []string{"seg#1#20260706T090000.000#0000000007"}}}, nil
}

// TestEndpoint_SuspectSegments: what a board cannot have flushed counts, and an alarm tells us of it.
func TestEndpoint_SuspectSegments(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	for window, want := range map[string]int{"P1D": 1, "none": 0} {
		e.Handle = summarize(suspicious{storetest.Seeded(t)}, func(r *gateway.Request) price.Clock {
			return price.Clock{Now: price.At(r.Received), Retention: cases.Settings.Retention}
		})
		response, samples := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/ZU-7007/summary?window=" + window}.Event(t, e))
		assert.Equal(t, http.StatusOK, response.StatusCode, response.Body)
		assert.Equal(t, want, samples.Sum("InternalErrors"))
	}
}
