package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

func TestNewClock(t *testing.T) {
	t.Parallel()
	got := api.NewClock(time.Hour)(&gateway.Request{Received: time.UnixMilli(7)})
	assert.Equal(t, price.Clock{Now: 7, Retention: time.Hour}, got)
}

// path serves a request whose path has a parameter to a handler that reads it.
func path(t *testing.T, name, value string, read func(*gateway.Params)) gateway.Response {
	t.Helper()
	event, err := json.Marshal(map[string]any{"httpMethod": "GET", "resource": "/", "pathParameters": map[string]string{name: value}})
	require.NoError(t, err)
	return gateway.Serve(t.Context(), gateway.Endpoint{Route: "GET /", Log: slog.New(slog.DiscardHandler),
		Handle: func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
			p := r.Params()
			read(p)
			return gateway.Answer{}, p.Err()
		}}, event)
}

func TestPathParameters(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		read func(*gateway.Params) string
		good []string
		bad  []string
	}{
		"productId": {api.ProductID, []string{"ZU-1042", "a.b_c", strings.Repeat("x", 64)},
			[]string{"", "a b", "..", strings.Repeat("x", 65)}},
		"competitorId": {api.CompetitorID, []string{"bigmart", "a1", strings.Repeat("x", 40)}, []string{"", "B1", "a", strings.Repeat("x", 41)}},
	}
	for name, tt := range tests {
		for _, value := range tt.good {
			response := path(t, name, value, func(p *gateway.Params) { assert.Equal(t, value, tt.read(p)) })
			assert.Equal(t, http.StatusOK, response.StatusCode, response.Body)
		}
		for _, value := range tt.bad {
			response := path(t, name, value, func(p *gateway.Params) { tt.read(p) })
			assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, value)
			assert.Contains(t, response.Body, `{"pointer":"/path/`+name+`","code":"invalid-field","detail":"A `+name+` has `, value)
		}
	}
}

type gtins map[price.GTIN]string

func (g gtins) ProductOfGTIN(_ context.Context, gtin price.GTIN) (string, error) {
	if id := g[gtin]; id != "" {
		return id, nil
	}
	return "", fault.New(fault.NotFound, fault.CodeUnknownGTIN, "No product has the gtin "+string(gtin)+".")
}

func TestFindProductID(t *testing.T) {
	t.Parallel()
	const none = ""
	tests := map[string]struct {
		path, by, id string
		status       int
		answer       string
	}{
		"by its id":            {"ZU-1042", none, "ZU-1042", http.StatusOK, ""},
		"by its id, as said":   {"6291041500213", "productId", "6291041500213", http.StatusOK, ""},
		"by its gtin":          {"6291041500213", "gtin", "P1", http.StatusOK, ""},
		"with zeros before it": {"06291041500213", "gtin", "P1", http.StatusOK, ""},
		"a gtin nobody has": {"96385074", "gtin", none, http.StatusNotFound,
			`"detail":"No product has the gtin 00000096385074."`},
		"a wrong check digit": {"6291041500214", "gtin", none, http.StatusUnprocessableEntity,
			`{"pointer":"/path/productId","code":"gtin-check-digit","detail":"The check digit of 6291041500214 should be 3."}`},
		"no gtin": {"ZU-1042", "gtin", none, http.StatusUnprocessableEntity,
			`{"pointer":"/path/productId","code":"invalid-field","detail":"\"ZU-1042\" is not a GTIN of 8, 12, 13 or 14 digits."}`},
		"broken encoding": {"%zz", "gtin", none, http.StatusUnprocessableEntity, `"detail":"The percent-encoding is broken."`},
		"by something else": {"ZU-1042", "mpn", "ZU-1042", http.StatusUnprocessableEntity,
			`{"pointer":"/query/by","code":"invalid-field","detail":"Must be one of productId, gtin."}`},
		"no id": {"a b", none, "a b", http.StatusUnprocessableEntity, `"pointer":"/path/productId","code":"invalid-field"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := map[string]any{"httpMethod": "GET", "resource": "/", "pathParameters": map[string]string{"productId": tt.path}}
			if tt.by != none {
				event["multiValueQueryStringParameters"] = map[string][]string{"by": {tt.by}}
			}
			raw, err := json.Marshal(event)
			require.NoError(t, err)
			response := gateway.Serve(t.Context(), gateway.Endpoint{Route: "GET /", Query: []string{api.ByParam},
				Log: slog.New(slog.DiscardHandler),
				Handle: func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
					p := r.Params()
					id, err := api.FindProductID(ctx, p, gtins{"06291041500213": "P1"})
					assert.Equal(t, tt.id, id)
					if err == nil {
						err = p.Err()
					}
					return gateway.Answer{}, err
				}}, raw)
			assert.Equal(t, tt.status, response.StatusCode, response.Body)
			assert.Contains(t, response.Body, tt.answer)
		})
	}
}

// query serves a request with query parameters to a handler that reads them.
func query(t *testing.T, parameters map[string]string, read func(*gateway.Params)) gateway.Response {
	t.Helper()
	values := map[string][]string{}
	var known []string
	for name, value := range parameters {
		values[name] = []string{value}
		known = append(known, name)
	}
	event, err := json.Marshal(map[string]any{"httpMethod": "GET", "resource": "/", "multiValueQueryStringParameters": values})
	require.NoError(t, err)
	return gateway.Serve(t.Context(), gateway.Endpoint{Route: "GET /", Query: known, Log: slog.New(slog.DiscardHandler),
		Handle: func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
			p := r.Params()
			read(p)
			return gateway.Answer{}, p.Err()
		}}, event)
}

func TestReadKeyFilter(t *testing.T) {
	t.Parallel()
	key := price.OfferKey{ProductID: "P", CompetitorID: "bigmart", SellerID: "Otto", Region: "DE",
		Condition: price.ConditionUsed, Audience: price.AudienceApp}
	tests := map[string]struct{ passes, not string }{
		"competitorId":  {"bigmart", "shopx"},
		"sellerId":      {"Otto", "otto"},
		"region":        {"DE", "AT"},
		"itemCondition": {"Used", "New"},
		"audience":      {"app", "public"},
	}
	assert.Len(t, api.FilterParams, len(tests))
	for _, name := range api.FilterParams {
		t.Run(name, func(t *testing.T) {
			for value, want := range map[string]bool{tests[name].passes: true, tests[name].not: false} {
				response := query(t, map[string]string{name: value}, func(p *gateway.Params) {
					assert.Equal(t, want, api.ReadKeyFilter(p).Passes(key), value)
				})
				assert.Equal(t, http.StatusOK, response.StatusCode, response.Body)
			}
		})
	}
	query(t, nil, func(p *gateway.Params) {
		assert.True(t, api.ReadKeyFilter(p).Passes(key), "no parameter lets every offer pass")
	})
	all := map[string]string{}
	for name, test := range tests {
		all[name] = test.passes
	}
	query(t, all, func(p *gateway.Params) {
		f := api.ReadKeyFilter(p)
		only := f.Only("P")
		assert.True(t, f.Passes(key))
		assert.Equal(t, &key, only)
	})
	for name := range tests {
		some := maps.Clone(all)
		delete(some, name)
		query(t, some, func(p *gateway.Params) {
			only := api.ReadKeyFilter(p).Only("P")
			assert.Nil(t, only, "without %s several may pass", name)
		})
	}
	without := key
	without.SellerID = ""
	without.Region = ""
	for _, name := range []string{"sellerId", "region"} {
		response := query(t, map[string]string{name: "none"}, func(p *gateway.Params) {
			passes := api.ReadKeyFilter(p).Passes
			assert.True(t, passes(without), name)
			assert.False(t, passes(key), name)
		})
		assert.Equal(t, http.StatusOK, response.StatusCode, response.Body)
	}
}

// TestReadKeyFilter_Refuses: what no observation could have is a typo, and must not read as "nobody sells it".
func TestReadKeyFilter_Refuses(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][]string{
		"competitorId":  {"", "B", "none!", strings.Repeat("x", 41)},
		"sellerId":      {"", strings.Repeat("x", 129), "M\xfcller", "Shop ", "Shop\u200b", "Cafe\u0301"},
		"itemCondition": {"", "used", "none"},
		"audience":      {"", "all", "none"},
		"region":        {"", "New York", "\xff", "ü", "None!", strings.Repeat("x", 17)},
	} {
		for _, value := range values {
			response := query(t, map[string]string{name: value}, func(p *gateway.Params) { api.ReadKeyFilter(p) })
			assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, "%s %q", name, value)
			assert.Contains(t, response.Body, `"pointer":"/query/`+name+`","code":"invalid-field"`, "%q", value)
		}
	}
	for _, name := range []string{"sellerId", "region"} {
		response := query(t, map[string]string{name: ""}, func(p *gateway.Params) { api.ReadKeyFilter(p) })
		assert.Contains(t, response.Body, "Must not be empty; none asks for offers without one.")
	}
	response := query(t, map[string]string{"sellerId": "M\xfcller"}, func(p *gateway.Params) { api.ReadKeyFilter(p) })
	assert.Contains(t, response.Body, "another encoding than UTF-8?")

	own := map[string]string{"competitorId": "own", "sellerId": "Otto"}
	response = query(t, own, func(p *gateway.Params) { api.ReadKeyFilter(p) })
	assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	assert.Contains(t, response.Body, `"pointer":"/query/sellerId","code":"invalid-field","detail":"Our own prices have no seller."`)
	own["sellerId"] = "none"
	response = query(t, own, func(p *gateway.Params) { api.ReadKeyFilter(p) })
	assert.Equal(t, http.StatusOK, response.StatusCode)
}

func TestPage(t *testing.T) {
	t.Parallel()
	var cursor string
	query(t, map[string]string{"limit": "7"}, func(p *gateway.Params) {
		page := api.ReadPage(p, 3, 10)
		assert.Equal(t, 7, page.Limit)
		assert.Empty(t, page.After)
		cursor = *page.Next("there")
	})
	query(t, map[string]string{"cursor": cursor}, func(p *gateway.Params) {
		page := api.ReadPage(p, 3, 10)
		assert.Equal(t, 3, page.Limit)
		assert.Equal(t, "there", page.After)
	})
	response := query(t, map[string]string{"cursor": cursor}, func(p *gateway.Params) { api.ReadPage(p, 3, 10).Invalid() })
	assert.Contains(t, response.Body, `{"pointer":"/query/cursor","code":"cursor-invalid","detail":"Not a cursor of this query."}`)
	for name, value := range map[string]string{"limit": "11", "cursor": "x"} {
		response := query(t, map[string]string{name: value}, func(p *gateway.Params) { api.ReadPage(p, 3, 10) })
		assert.Contains(t, response.Body, `"/query/`+name+`"`)
	}
}

// TestItem: each thing that may become of an item has one word, one status and one problem.
func TestItem(t *testing.T) {
	t.Parallel()
	newProduct := []string{"unknown-product"}
	busy := fault.New(fault.Unavailable, fault.CodeThrottled, "x")
	missing := fmt.Errorf("read: %w", fault.New(fault.NotFound, fault.CodeUnknownProduct, "secret"))
	secretField := &fault.Error{Code: fault.CodeConflict, Fields: []fault.Field{{Pointer: "/secret"}}}
	invalid := fault.Fields([]fault.Field{{Pointer: "/price", Code: fault.CodeMissingField, Detail: "x"}})
	result := func(o board.Outcome) store.Verdict {
		return store.Verdict{ProductID: "P", Result: board.Result{Outcome: o}}
	}
	tests := map[string]struct {
		item      api.Item
		outcome   string
		status    int
		retryable bool
		warnings  []string
	}{
		"created":                       {api.Item{Verdict: result(board.Created)}, "created", http.StatusCreated, false, newProduct},
		"changed":                       {api.Item{Verdict: result(board.Changed)}, "changed", http.StatusCreated, false, newProduct},
		"unchanged":                     {api.Item{Verdict: result(board.Unchanged)}, "unchanged", http.StatusCreated, false, newProduct},
		"late":                          {api.Item{Verdict: result(board.Late)}, "late", http.StatusCreated, false, newProduct},
		"duplicate":                     {api.Item{Verdict: result(board.Duplicate)}, "duplicate", http.StatusOK, false, newProduct},
		"of a product in the catalogue": {api.Item{Verdict: store.Verdict{Catalogued: true}}, "created", http.StatusCreated, false, []string{}},
		"conflict":                      {api.Item{Verdict: result(board.Conflict)}, "conflict", http.StatusConflict, false, []string{}},
		"a broken rule":                 {api.Item{Faults: invalid}, "rejected", http.StatusUnprocessableEntity, false, []string{}},
		"refused by the store": {api.Item{Verdict: store.Verdict{Err: invalid}}, "rejected", http.StatusUnprocessableEntity, false,
			[]string{}},
		"a store that does not answer": {api.Item{Verdict: store.Verdict{Err: busy}}, "throttled", http.StatusServiceUnavailable, true,
			[]string{}},
		"a mistake of ours": {api.Item{Verdict: store.Verdict{Err: errors.New("secret")}}, "failed",
			http.StatusInternalServerError, true, []string{}},
		"a missing item that must exist": {api.Item{Verdict: store.Verdict{Err: missing}}, "failed", http.StatusInternalServerError, true,
			[]string{}},
		"a fault of ours about fields": {api.Item{Verdict: store.Verdict{Err: secretField}}, "failed", http.StatusInternalServerError, true,
			[]string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			results := api.NewResults([]api.Item{{}, tt.item})
			require.Len(t, results, 2)
			got := results[1]
			assert.Equal(t, 1, got.Index)
			assert.Equal(t, tt.outcome, got.Outcome)
			assert.Equal(t, tt.status, got.Status)
			assert.Equal(t, tt.retryable, got.Retryable)
			assert.Equal(t, tt.warnings, got.Warnings)
			assert.Equal(t, tt.item.Stored(), got.Problem == nil)
			text, err := json.Marshal(got)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "secret")
			if tt.outcome == store.OutcomeFailed {
				assert.Equal(t, &gateway.Problem{Type: "urn:problem-type:pricing:internal", Title: "Internal error",
					Status: http.StatusInternalServerError, Errors: []fault.Field{},
					Detail: "Something went wrong on our side. The request id finds it in our logs."}, got.Problem)
			}
		})
	}
}

func TestCounts_Status(t *testing.T) {
	t.Parallel()
	assert.Equal(t, http.StatusOK, api.Counts{Received: 5, Created: 1, Changed: 1, Unchanged: 1, Late: 1, Duplicate: 1}.Status())
	assert.Equal(t, http.StatusMultiStatus, api.Counts{Received: 2, Duplicate: 1, Throttled: 1}.Status())
	assert.Equal(t, http.StatusMultiStatus, api.Counts{Received: 2, Late: 1, Rejected: 1}.Status())
	assert.Equal(t, http.StatusMultiStatus, api.Counts{Received: 2, Created: 1, Failed: 1}.Status())
	assert.Equal(t, http.StatusServiceUnavailable, api.Counts{Received: 2, Throttled: 1, Conflict: 1}.Status())
	assert.Equal(t, http.StatusServiceUnavailable, api.Counts{Received: 3, Throttled: 1, Failed: 1, Rejected: 1}.Status())
	assert.Equal(t, http.StatusInternalServerError, api.Counts{Received: 3, Failed: 1, Rejected: 1, Conflict: 1}.Status())
	assert.Equal(t, http.StatusUnprocessableEntity, api.Counts{Received: 2, Rejected: 1, Conflict: 1}.Status())

	assert.True(t, api.Counts{Received: 2, Created: 1, Throttled: 1}.Retry())
	assert.True(t, api.Counts{Received: 2, Created: 1, Failed: 1}.Retry())
	assert.False(t, api.Counts{Received: 2, Created: 1, Rejected: 1}.Retry())
}
