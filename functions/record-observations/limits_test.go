package main

import (
	"encoding/json"
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
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

// good is an item that is stored.
func good() object {
	return object{
		"itemId": "good", "productId": "ZU-1042", "competitorId": "bigmart", "availability": "InStock",
		"price":  object{"amount": "19.95", "currency": "USD"},
		"source": object{"id": "crawler-a", "kind": "crawler"}, "observedAt": "2026-07-06T09:14:03Z",
	}
}

// foreign adds members that no observation has.
func foreign(to object, count int) object {
	out := maps.Clone(to)
	for i := range count {
		out[fmt.Sprintf("x%05d", i)] = 1
	}
	return out
}

// sent serves a document.
func sent(t *testing.T, s *store.Store, document any) gateway.Response {
	t.Helper()
	body, err := json.Marshal(document)
	if text, ok := document.(json.RawMessage); ok { // json.Marshal would write it anew
		body = text
	}
	require.NoError(t, err)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: s})
	e.Now = func() time.Time { return cases.Now }
	e.Log = slog.New(slog.DiscardHandler)
	return gateway.Serve(t.Context(), e, cases.Case{Request: e.Route, Body: body}.Event(t, e))
}

func results(t *testing.T, r gateway.Response) []api.Result {
	t.Helper()
	var answer struct{ Results []api.Result }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &answer), r.Body)
	return answer.Results
}

// named returns how many broken fields a problem names, and the sentence that says how many more there are.
func named(p *gateway.Problem) (fields int, more string) {
	last := p.Errors[len(p.Errors)-1]
	if strings.HasPrefix(last.Detail, "and ") {
		return len(p.Errors) - 1, last.Detail
	}
	return len(p.Errors), ""
}

// TestEndpoint_FaultsAreCounted: of the faults of a request only the first 20 of an item and the first 200 of all are
// named, so that the answer never grows past what Lambda can return.
func TestEndpoint_FaultsAreCounted(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)

	t.Run("500 items of 130 foreign members", func(t *testing.T) {
		t.Parallel()
		items := make([]object, api.BatchItems)
		for i := range items {
			items[i] = foreign(good(), 130)
			items[i]["itemId"] = fmt.Sprintf("i%d", i)
		}
		response := sent(t, s, object{"observations": items})
		assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
		assert.Less(t, len(response.Body), 200_000)
		for i, r := range results(t, response) {
			fields, more := named(r.Problem)
			wantFields, wantMore := fault.ItemFields, "and 110 more"
			if i >= 10 {
				wantFields, wantMore = 0, "and 130 more"
			}
			assert.Equal(t, wantFields, fields, i)
			assert.Equal(t, wantMore, more, i)
			last := r.Problem.Errors[len(r.Problem.Errors)-1]
			assert.Equal(t, fault.Field{Pointer: fmt.Sprintf("/observations/%d", i), Code: fault.CodeInvalidField, Detail: wantMore}, last)
			assert.Equal(t, "urn:problem-type:pricing:invalid-field", r.Problem.Type)
			assert.Equal(t, http.StatusUnprocessableEntity, r.Problem.Status)
		}
	})

	t.Run("500 empty items", func(t *testing.T) {
		t.Parallel()
		response := sent(t, s, object{"observations": make([]struct{}, api.BatchItems)})
		assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
		assert.Less(t, len(response.Body), 200_000)
		total := 0
		for i, r := range results(t, response) {
			fields, more := named(r.Problem)
			total += fields
			switch {
			case i < 33: // each lacks 6
				assert.Equal(t, 6, fields, i)
				assert.Empty(t, more, i)
				assert.Equal(t, "6 rules are broken; errors lists each.", r.Problem.Detail)
			case i == 33:
				assert.Equal(t, 2, fields)
				assert.Equal(t, "and 4 more", more)
				assert.Equal(t, "6 rules are broken; errors lists the first 2.", r.Problem.Detail)
			default:
				assert.Equal(t, "and 6 more", more, i)
				assert.Empty(t, r.Problem.Detail, "it would say no more than that entry")
			}
		}
		assert.Equal(t, fault.RequestFields, total)
	})

	t.Run("one fault in each of 500 items", func(t *testing.T) {
		t.Parallel()
		items := make([]object, api.BatchItems)
		for i := range items {
			items[i] = object{"productId": "ZU-1042", "observedAt": fmt.Sprintf("2026-07-06T09:%02d:%02dZ", i/60, i%60)}
		}
		defaults := good()
		delete(defaults, "itemId")
		delete(defaults, "productId")
		defaults["competitorId"] = "nobody" // which the store finds
		response := sent(t, s, object{"defaults": defaults, "observations": items})
		assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
		for i, r := range results(t, response) {
			assert.Equal(t, "urn:problem-type:pricing:unknown-competitor", r.Problem.Type, "that, every item keeps")
			require.Len(t, r.Problem.Errors, 1)
			assert.Equal(t, fault.CodeUnknownCompetitor, r.Problem.Errors[0].Code)
			if i < fault.RequestFields {
				assert.Equal(t, "/defaults/competitorId", r.Problem.Errors[0].Pointer)
				continue
			}
			assert.Equal(t, "and 1 more", r.Problem.Errors[0].Detail)
		}
	})

	t.Run("foreign members of the document", func(t *testing.T) {
		t.Parallel()
		response := sent(t, s, foreign(object{"observations": []object{good()}}, 70_000))
		assert.Equal(t, http.StatusBadRequest, response.StatusCode)
		var p gateway.Problem
		require.NoError(t, json.Unmarshal([]byte(response.Body), &p))
		fields, more := named(&p)
		assert.Equal(t, fault.ItemFields, fields)
		assert.Equal(t, "and 69980 more", more)
		assert.Equal(t, "70000 rules are broken; errors lists the first 20.", p.Detail)
	})
}

// TestEndpoint_AHugeItemSpoilsNoOther: what was stored is said to be stored, whatever stood beside it.
func TestEndpoint_AHugeItemSpoilsNoOther(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)
	response := sent(t, s, object{"observations": []object{good(), foreign(object{}, 70_000)}})
	assert.Equal(t, http.StatusMultiStatus, response.StatusCode)
	got := results(t, response)
	require.Len(t, got, 2)
	assert.Equal(t, http.StatusCreated, got[0].Status)
	assert.True(t, stored(t, s)[got[0].ObservationID])
	fields, more := named(got[1].Problem)
	assert.Equal(t, fault.ItemFields, fields)
	assert.Equal(t, "and 69986 more", more, "the missing ones as well")
}

// TestEndpoint_TooManyValues: a document of more than 100,000 JSON values is refused as a whole.
func TestEndpoint_TooManyValues(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)
	before := stored(t, s)
	for name, document := range map[string]object{
		"in an item":      {"observations": []object{good(), foreign(object{}, 100_000)}},
		"in the document": foreign(object{"observations": []int{1}}, 100_000),
	} {
		response := sent(t, s, document)
		assert.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode, name)
		assert.Contains(t, response.Body, "urn:problem-type:pricing:too-large", name)
	}
	assert.Equal(t, before, stored(t, s))
}

// TestEndpoint_LongNames: a name is cut in pointers, at a character's border.
func TestEndpoint_LongNames(t *testing.T) {
	t.Parallel()
	item := good()
	item[strings.Repeat("x", 63)+"ü"+strings.Repeat("y", 1000)] = 1
	got := results(t, sent(t, storetest.Seeded(t), object{"observations": []object{item}}))
	require.Len(t, got, 1)
	require.Len(t, got[0].Problem.Errors, 1)
	assert.Equal(t, "/observations/0/"+strings.Repeat("x", 63), got[0].Problem.Errors[0].Pointer)
}

// TestEndpoint_LongItemIDs: an itemId that is too long is not sent back. In an answer "<" takes six bytes, so that one would
// make of a request that may be read an answer that may not be sent, with a good item in it.
func TestEndpoint_LongItemIDs(t *testing.T) {
	t.Parallel()
	item, err := json.Marshal(good())
	require.NoError(t, err)
	body := `{"observations":[` + string(item) + `,{"itemId":"` + strings.Repeat("<", 1_000_000) + `"}]}`
	response := sent(t, storetest.Seeded(t), json.RawMessage(body))
	assert.Equal(t, http.StatusMultiStatus, response.StatusCode)
	got := results(t, response)
	require.Len(t, got, 2)
	assert.Equal(t, "good", got[0].ItemID)
	assert.Equal(t, http.StatusCreated, got[0].Status)
	assert.Empty(t, got[1].ItemID)
	assert.Contains(t, got[1].Problem.Errors[0].Detail, "Must be 1 to 128 bytes long")
	assert.Less(t, len(response.Body), 10_000)
}

// TestEndpoint_TooManyItems: 500 items are taken, of 501 not one.
func TestEndpoint_TooManyItems(t *testing.T) {
	t.Parallel()
	s := storetest.Seeded(t)
	before := stored(t, s)
	items := make([]object, api.BatchItems+1)
	for i := range items {
		items[i] = good()
		delete(items[i], "itemId")
	}
	response := sent(t, s, object{"observations": items})
	assert.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	var p gateway.Problem
	require.NoError(t, json.Unmarshal([]byte(response.Body), &p))
	assert.Equal(t, []fault.Field{{Pointer: "/observations", Code: fault.CodeTooManyItems,
		Detail: "At most 500 observations are taken at once, not 501."}}, p.Errors)
	assert.Equal(t, before, stored(t, s))

	response = sent(t, s, object{"observations": items[1:]})
	assert.Equal(t, http.StatusOK, response.StatusCode, response.Body)
	assert.Len(t, results(t, response), api.BatchItems)
}
