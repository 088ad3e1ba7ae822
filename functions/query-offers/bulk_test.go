package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/contract"
	"pricing/shared/testkit/storetest"
)

type object = map[string]any

// told is what these tests read of an answer.
type told struct {
	Results []struct {
		Index     int
		GTIN      string
		ProductID *string
		Status    int
		Retryable bool
		Problem   *gateway.Problem
		Matched   int
		Offers    []object
		Truncated bool
	}
	Counts api.BulkCounts
	Retry  bool
}

// statuses are the statuses of the entries.
func (a told) statuses() []int {
	all := make([]int, len(a.Results))
	for i, r := range a.Results {
		all[i] = r.Status
	}
	return all
}

// market is a table with products that hold so many offers of 500 and more sellers.
type market struct {
	client *dynamodb.Client
	table  string
}

func newMarket(t testing.TB) market {
	t.Helper()
	client, table := storetest.Table(t)
	m := market{client, table}
	storetest.Seed(t, m.store(client, 8))
	return m
}

func (m market) store(client *dynamodb.Client, width int) *store.Store {
	return store.New(client, store.Options{Table: m.table, Retention: storetest.Retention, Width: width})
}

// offer is an observation of a product; change makes it what a test wants.
func offer(product string, seller int, change func(*price.Observation)) price.Submission {
	o := price.Observation{
		Key:    price.OfferKey{ProductID: product, CompetitorID: "shopx", SellerID: fmt.Sprint("Seller ", seller)},
		Terms:  price.Terms{Price: price.Money{Minor: int64(1000 + seller), Currency: "USD"}, Shipping: price.Money{Currency: "USD"}},
		Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence}, ObservedAt: price.At(cases.Now.Add(-time.Minute)),
	}
	if change != nil {
		change(&o)
	}
	return price.Submission{Observation: o}
}

// record stores observations, 500 a request.
func (m market) record(t testing.TB, in []price.Submission) {
	t.Helper()
	s := m.store(m.client, 8)
	for some := range slices.Chunk(in, 500) {
		verdicts, err := s.Record(t.Context(), some, price.At(cases.Now), false)
		require.NoError(t, err)
		for _, v := range verdicts {
			require.NoError(t, v.Err)
		}
	}
}

// split makes a product of so many offers that the next write splits it, and writes it once more.
func (m market) split(t *testing.T, product string) {
	t.Helper()
	var in []price.Submission
	for seller := range 60 {
		in = append(in, offer(product, seller, nil))
	}
	m.record(t, in)
	m.record(t, []price.Submission{offer(product, 0, func(o *price.Observation) { o.ObservedAt++ })})
	p, err := m.store(m.client, 1).Product(t.Context(), product, false)
	require.NoError(t, err)
	require.Greater(t, len(p.Boards), 1)
}

// ask serves a query and checks that its answer is as the contract says. It returns the log line too.
func ask(t *testing.T, s *store.Store, query object) (gateway.Response, told, object) {
	t.Helper()
	body, err := json.Marshal(query)
	require.NoError(t, err)
	var log bytes.Buffer
	e := endpoint(boot.Function{Settings: cases.Settings, Store: s})
	e.Now = func() time.Time { return cases.Now }
	e.Log = slog.New(slog.NewJSONHandler(&log, nil))
	response := gateway.Serve(t.Context(), e, cases.Case{Request: e.Route, Body: body}.Event(t, e))
	promised, err := contract.Load(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.NoError(t, promised.CheckAnswer(e.Route, response.StatusCode, response.Headers, response.Body))
	var answer told
	require.NoError(t, json.Unmarshal([]byte(response.Body), &answer), response.Body)
	var line object
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	return response, answer, line
}

// TestEndpoint_500 asks for 500 products of 8 offers each, of which some are unknown, ill-formed, named twice, split or damaged:
// each has its own entry, and five calls read all but the split ones.
func TestEndpoint_500(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const split, damaged, twice, illFormed, unknown = 7, 77, 177, 277, 377
	var in []price.Submission
	ids := make([]string, 500)
	want := make([]int, 500)
	for i := range ids {
		ids[i] = fmt.Sprintf("ZU-%04d", i)
		want[i] = http.StatusOK
		for seller := range 8 {
			if i != split {
				in = append(in, offer(ids[i], seller, nil))
			}
		}
	}
	m.record(t, in)
	m.split(t, ids[split])
	whole := slices.Delete(slices.Clone(ids), split, split+1)
	response, answer, line := ask(t, m.store(m.client, 4), object{"productIds": whole})
	require.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, api.BulkCounts{Positions: 499, Found: 499}, answer.Counts)
	assert.LessOrEqual(t, line["storeCalls"], 6.0, "the list of competitors is read too")
	assert.LessOrEqual(t, line["readUnits"], 260.0)
	for i, r := range answer.Results {
		assert.Equal(t, i, r.Index)
		assert.Equal(t, whole[i], *r.ProductID)
		require.Len(t, r.Offers, 8)
		assert.Equal(t, "Seller 0", r.Offers[0]["sellerId"])
		assert.NotContains(t, r.Offers[0], "url")
	}

	storetest.Damage(t, m.client, m.table, ids[damaged])
	ids[twice] = ids[0]
	ids[illFormed] = "a b"
	ids[unknown] = "NOPE"
	want[damaged] = http.StatusInternalServerError
	want[illFormed] = http.StatusUnprocessableEntity
	want[unknown] = http.StatusNotFound
	response, answer, line = ask(t, m.store(m.client, 4), object{"productIds": ids})
	assert.Equal(t, http.StatusMultiStatus, response.StatusCode)
	assert.Equal(t, want, answer.statuses())
	assert.Equal(t, api.BulkCounts{Positions: 500, Found: 497, NotFound: 1, Invalid: 1, Failed: 1}, answer.Counts)
	assert.True(t, answer.Retry)
	assert.Empty(t, response.Headers["Retry-After"], "nothing is throttled")
	assert.InDelta(t, 7, line["storeCalls"], 0, "one more for the split product")
	assert.Equal(t, "ERROR", line["level"], "we have to mend something")
	assert.Contains(t, line["error"], ids[damaged])
	assert.True(t, answer.Results[damaged].Retryable)
	assert.Equal(t, "urn:problem-type:pricing:internal", answer.Results[damaged].Problem.Type)
	assert.Equal(t, 60, answer.Results[split].Matched)
	assert.Len(t, answer.Results[split].Offers, 20)
	assert.True(t, answer.Results[split].Truncated)
	assert.Equal(t, answer.Results[0].Offers, answer.Results[twice].Offers)
	assert.Equal(t, twice, answer.Results[twice].Index)

	ids = append(ids, "one-more")
	response, _, _ = ask(t, m.store(m.client, 4), object{"productIds": ids[:250], "gtins": ids[:251]})
	assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	assert.Contains(t, response.Body, "too-many-items")
}

// TestEndpoint_Throttled: a store that stops answering in the middle throttles what it did not answer, and that alone.
func TestEndpoint_Throttled(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	var in []price.Submission
	ids := make([]string, 250)
	for i := range ids {
		ids[i] = fmt.Sprint("ZU-", i)
		in = append(in, offer(ids[i], 1, nil))
	}
	m.record(t, in)
	m.split(t, "SPLIT")
	ids = append(ids, "SPLIT")
	for name, tt := range map[string]struct {
		befalls func(c storetest.Call, batch int) storetest.Action // batch numbers the BatchGetItem calls
		status  int
		counts  api.BulkCounts
	}{
		"keys are left over": {func(_ storetest.Call, batch int) storetest.Action {
			if batch == 1 {
				return storetest.Leave
			}
			return storetest.Pass
		}, http.StatusOK, api.BulkCounts{Positions: 251, Found: 251}},
		"from the second call on": {func(_ storetest.Call, batch int) storetest.Action {
			if batch > 1 {
				return storetest.Throttle
			}
			return storetest.Pass
		}, http.StatusMultiStatus, api.BulkCounts{Positions: 251, Found: 100, Throttled: 151}},
		"the split one": {func(c storetest.Call, _ int) storetest.Action {
			if c.Operation == "Query" && !strings.Contains(c.Content(), "competitors") {
				return storetest.Throttle
			}
			return storetest.Pass
		}, http.StatusMultiStatus, api.BulkCounts{Positions: 251, Found: 250, Throttled: 1}},
		"all": {func(_ storetest.Call, batch int) storetest.Action {
			if batch > 0 {
				return storetest.Throttle
			}
			return storetest.Pass
		}, http.StatusServiceUnavailable, api.BulkCounts{Positions: 251, Throttled: 251}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var batches atomic.Int32
			client := storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
				batch := 0
				if c.Operation == "BatchGetItem" {
					batch = int(batches.Add(1))
				}
				return tt.befalls(c, batch)
			}))
			response, answer, line := ask(t, m.store(client, 1), object{"productIds": ids})
			assert.Equal(t, tt.status, response.StatusCode)
			assert.Equal(t, tt.counts, answer.Counts)
			assert.Equal(t, tt.counts.Throttled > 0, answer.Retry)
			assert.Equal(t, tt.counts.Throttled > 0, response.Headers["Retry-After"] != "")
			if tt.counts.Throttled > 0 {
				assert.Equal(t, "WARN", line["level"])
				assert.NotEmpty(t, line["error"])
			}
			for i, r := range answer.Results {
				require.Equal(t, ids[i], *r.ProductID)
				if r.Status != http.StatusOK {
					require.Equal(t, http.StatusServiceUnavailable, r.Status)
					require.True(t, r.Retryable)
					require.Equal(t, "urn:problem-type:pricing:throttled", r.Problem.Type)
				}
			}
		})
	}
}

// TestEndpoint_GTINs: products may be asked for by gtins as well; their entries come behind those of productIds, and a store that
// does not say whose a gtin is throttles that position.
func TestEndpoint_GTINs(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	storetest.PutGTIN(t, m.client, m.table, "06291041500213", "ZU-1042")
	storetest.PutGTIN(t, m.client, m.table, "00000096385074", "GONE")
	query := object{"productIds": []string{"ZU-1042", "NOPE"},
		"gtins": []string{"6291041500213", "06291041500213", "96385074", "4006381333931"}}
	response, answer, line := ask(t, m.store(m.client, 4), query)
	assert.Equal(t, http.StatusMultiStatus, response.StatusCode)
	assert.Equal(t, []int{200, 404, 200, 200, 404, 404}, answer.statuses())
	assert.Equal(t, "6291041500213", answer.Results[2].GTIN, "as sent")
	assert.Equal(t, "06291041500213", answer.Results[3].GTIN, "as sent")
	assert.Equal(t, answer.Results[0].Offers, answer.Results[3].Offers)
	assert.Equal(t, "GONE", *answer.Results[4].ProductID)
	assert.Equal(t, "urn:problem-type:pricing:unknown-product", answer.Results[4].Problem.Type)
	assert.Nil(t, answer.Results[5].ProductID)
	assert.Equal(t, "urn:problem-type:pricing:unknown-gtin", answer.Results[5].Problem.Type)
	assert.InDelta(t, 3, line["storeCalls"], 0, "competitors, gtins and products")

	client := storetest.Client(storetest.Proxy(t, func(c storetest.Call) storetest.Action {
		if c.Operation == "BatchGetItem" && strings.Contains(c.Content(), "g#") {
			return storetest.Throttle
		}
		return storetest.Pass
	}))
	response, answer, _ = ask(t, m.store(client, 4), query)
	assert.Equal(t, http.StatusMultiStatus, response.StatusCode)
	assert.Equal(t, []int{200, 404, 503, 503, 503, 503}, answer.statuses())
	assert.Equal(t, "1", response.Headers["Retry-After"])
}

// TestEndpoint_TooLarge: an answer never passes its bound. What has no room is asked for again, by itself, until nothing is left;
// all of it together is what each product alone is answered.
func TestEndpoint_TooLarge(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	var in []price.Submission
	for product := range 3 {
		for seller := range 20 {
			in = append(in, offer(fmt.Sprint("BIG-", product), seller, func(o *price.Observation) {
				o.Key.SellerID = fmt.Sprintf(`%d "%s"`, seller, strings.Repeat(`\"`, 40+product))
				o.URL = "https://shopx.example/" + strings.Repeat("x", 400)
				o.Terms.Promotion = price.Promotion{Present: true, Label: strings.Repeat("&", 120), ValidThrough: price.NoTime}
			}))
		}
	}
	m.record(t, in)
	s := m.store(m.client, 4)
	left := make([]string, 500)
	for i := range left {
		left[i] = fmt.Sprint("BIG-", i%4) // of which there are three
	}
	alone := map[string][]object{}
	for product := range 3 {
		id := fmt.Sprint("BIG-", product)
		_, answer, _ := ask(t, s, object{"productIds": []string{id}, "include": "url"})
		require.Len(t, answer.Results[0].Offers, 20)
		alone[id] = answer.Results[0].Offers
	}
	requests, found := 0, 0
	for len(left) > 0 {
		response, answer, _ := ask(t, s, object{"productIds": left, "include": "url"})
		requests++
		returned := gateway.Returned([]byte(response.Body))
		assert.LessOrEqual(t, returned, gateway.MaxAnswer)
		if answer.Counts.TooLarge > 0 {
			assert.Greater(t, returned, gateway.MaxAnswer-50_000, "an entry more would not have fitted")
			assert.Equal(t, http.StatusMultiStatus, response.StatusCode)
			assert.True(t, answer.Retry)
			assert.Empty(t, response.Headers["Retry-After"])
		}
		var again []string
		for i, r := range answer.Results {
			require.Equal(t, left[i], *r.ProductID)
			switch {
			case r.Status == http.StatusRequestEntityTooLarge:
				require.True(t, r.Retryable)
				require.Equal(t, "urn:problem-type:pricing:too-large", r.Problem.Type)
				again = append(again, left[i])
				continue
			case left[i] == "BIG-3":
				require.Equal(t, http.StatusNotFound, r.Status)
			default:
				require.Equal(t, alone[left[i]], r.Offers)
				found++
			}
			require.Empty(t, again, "nothing is answered behind what has no room")
		}
		require.Less(t, len(again), len(left))
		left = again
	}
	assert.Greater(t, requests, 2)
	assert.Equal(t, 375, found)
}

// TestEndpoint_PerProductLimit: it counts for each currency of the price, in the order that was asked for, so that no currency is
// hidden behind another. Filters come first, and matched counts all that they let pass.
func TestEndpoint_PerProductLimit(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	var in []price.Submission
	for seller := range 25 {
		in = append(in,
			offer("MIXED", seller, nil),
			offer("MIXED", seller, func(o *price.Observation) {
				o.Key.Region = "JP"
				o.Terms.Price = price.Money{Minor: int64(5000 - seller), Currency: "JPY"}
				o.Terms.Shipping = price.Money{}
			}))
	}
	for seller := range 3 {
		in = append(in, offer("MIXED", seller, func(o *price.Observation) {
			o.Key.Region = "US"
			o.Terms = price.Terms{Availability: price.AvailabilitySoldOut}
		}))
	}
	own := offer("MIXED", 0, func(o *price.Observation) {
		o.Key.CompetitorID = price.Own
		o.Key.SellerID = ""
		o.Terms.Price.Minor = 1
	})
	m.record(t, append(in, own))
	for name, tt := range map[string]struct {
		query     object
		matched   int
		want      string // the amounts in order
		truncated bool
	}{
		"one of each, landed, which is not known of yen": {object{"perProductLimit": 1}, 53, "10.00 USD, 5000 JPY, none", true},
		"two of each, by price": {object{"perProductLimit": 2, "sort": "price"}, 53,
			"4976 JPY, 4977 JPY, 10.00 USD, 10.01 USD, none, none", true},
		"all of few":      {object{"perProductLimit": 3, "filter": object{"region": "US"}}, 3, "none, none, none", false},
		"of one currency": {object{"perProductLimit": 2, "sort": "price", "filter": object{"currency": "JPY"}}, 25, "4976 JPY, 4977 JPY", true},
		"in stock":        {object{"perProductLimit": 1, "sort": "price", "filter": object{"inStock": true}}, 50, "4976 JPY, 10.00 USD", true},
		"with our own":    {object{"perProductLimit": 1, "filter": object{"includeOwn": true}}, 54, "0.01 USD, 5000 JPY, none", true},
		"our own":         {object{"filter": object{"competitorId": "own"}}, 1, "0.01 USD", false},
		"nothing":         {object{"filter": object{"competitorId": "bigmart"}}, 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.query["productIds"] = []string{"MIXED"}
			response, answer, _ := ask(t, m.store(m.client, 4), tt.query)
			require.Equal(t, http.StatusOK, response.StatusCode)
			r := answer.Results[0]
			var got []string
			for _, o := range r.Offers {
				text := "none"
				if money, ok := o["price"].(object); ok {
					text = fmt.Sprint(money["amount"], " ", money["currency"])
				}
				got = append(got, text)
			}
			assert.Equal(t, tt.want, strings.Join(got, ", "))
			assert.Equal(t, tt.matched, r.Matched)
			assert.Equal(t, tt.truncated, r.Truncated)
		})
	}
	_, answer, _ := ask(t, m.store(m.client, 4), object{"productIds": []string{"MIXED"}})
	assert.Len(t, answer.Results[0].Offers, 43, "20 of each currency at most")
}
