package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// TestEndpoint_Retention: the window that is usual before a to reaches behind the retention's end, where nothing is shown
// even if it is still stored.
func TestEndpoint_Retention(t *testing.T) {
	t.Parallel()
	settings := cases.Settings
	settings.Retention = 36 * time.Hour // until 2026-07-04T21:14:05.112
	db := storetest.Seeded(t)
	record(t, db, cases.Now, "2026-07-04T21:14:05.112Z", 2300)
	record(t, db, cases.Now, "2026-07-04T21:14:05.111Z", 2400)
	e := endpoint(boot.Function{Settings: settings, Store: db})
	for to, want := range map[string][]string{ // two more are stored at 09:14:03 and 21:14:03 of the fourth
		"2026-07-05T12:00:00Z":     {"2026-07-05T09:14:03.000Z", "2026-07-04T21:14:05.112Z"},
		"2026-07-04T21:14:05.112Z": {"2026-07-04T21:14:05.112Z"},
		"2026-07-04T21:14:05.111Z": nil,
		"2026-07-04T12:00:00Z":     nil,
	} {
		for _, view := range []string{"raw", "changes"} {
			question := cases.Case{Request: "GET /v1/products/ZU-1042/history?view=" + view + "&to=" + to}
			response, _ := cases.Metered(t, e, question.Event(t, e))
			require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
			assert.Equal(t, want, moments(t, response.Body), "to %s, %s", to, view)
			assert.Contains(t, response.Body, `"next":null`)
		}
	}
}

// found is a store whose history is what it is.
type found store.Page

func (found) ProductOfGTIN(context.Context, price.GTIN) (string, error) { return "", nil }

func (f found) History(context.Context, string, store.Window) (store.Page, error) {
	return store.Page(f), nil
}

// TestEndpoint_SuspectSegments: what a board cannot have flushed is shown, and an alarm tells us of it.
func TestEndpoint_SuspectSegments(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings})
	for name, want := range map[string]int{"seg#1#20260706T090000.000#0000000007": 1, "": 0} {
		page := found{}
		if name != "" {
			page.Suspect = []string{name}
		}
		e.Handle = list(page, api.NewClock(cases.Settings.Retention))
		response, samples := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/P1/history"}.Event(t, e))
		assert.Equal(t, http.StatusOK, response.StatusCode, response.Body)
		assert.Equal(t, want, samples.Sum("InternalErrors"))
	}
}

// record stores a price of bigmart for ZU-1042, in cents.
func record(t *testing.T, db *store.Store, received time.Time, at string, minor int64) {
	t.Helper()
	observedAt, err := price.ParseTimestamp(at)
	require.NoError(t, err)
	verdicts, err := db.Record(t.Context(), []price.Submission{{Observation: price.Observation{
		Key:   price.OfferKey{ProductID: "ZU-1042", CompetitorID: "bigmart"},
		Terms: price.Terms{Price: price.Money{Minor: minor, Currency: "USD"}, Shipping: price.Money{Minor: 299, Currency: "USD"}},
		URL:   "https://bigmart.example/p/77", Source: price.Source{ID: "feed-b", Confidence: price.NoConfidence}, ObservedAt: observedAt,
	}}}, price.At(received), false)
	require.NoError(t, err)
	require.NoError(t, verdicts[0].Err)
}

// moments returns when the observations of an answer were made.
func moments(t *testing.T, body string) (all []string) {
	t.Helper()
	var answer struct{ Observations []struct{ ObservedAt string } }
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	for _, o := range answer.Observations {
		all = append(all, o.ObservedAt)
	}
	return all
}

// TestEndpoint_ForgedCursors: a cursor that nobody was given is judged like the parameters. What it names must be a place in
// the window that the query could ask for.
func TestEndpoint_ForgedCursors(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	const now, row = "2026-07-06T09:14:05.112Z", "2026-07-06T08:14:03.000Z"
	position := func(to, seen, key, source string) string {
		text, err := json.Marshal(map[string]string{"u": to, "t": seen, "k": key, "s": source})
		require.NoError(t, err)
		return string(text)
	}
	good := position(now, row, "shopx", "crawler-a")
	const path = "GET /v1/products/ZU-1042/history"
	tests := map[string]struct {
		request, position string
		wantStatus        int
		wantAt            string
	}{
		"one that was given":      {path, good, http.StatusOK, ""},
		"between rows":            {path, position(now, row, "", ""), http.StatusOK, ""},
		"at the window's end":     {path, position(now, now, "shopx", "crawler-a"), http.StatusOK, ""},
		"behind the window's end": {path, position(now, "2026-07-06T09:14:05.113Z", "", ""), http.StatusOK, ""},
		"at its beginning":        {path, position(now, "2026-06-06T09:14:05.112Z", "shopx", "crawler-a"), http.StatusOK, ""},
		"between rows there":      {path, position(now, "2026-06-06T09:14:05.112Z", "", ""), http.StatusOK, ""},
		"of an earlier day":       {path, position("2026-07-05T00:00:00Z", "2026-07-04T00:00:00Z", "shopx", "crawler-a"), http.StatusOK, ""},
		"with the query's to": {path + "?to=2026-07-05T00:00:00Z", position(now, "2026-07-04T00:00:00Z", "shopx", "crawler-a"),
			http.StatusOK, ""},

		"no document":               {path, "x", http.StatusBadRequest, "cursor"},
		"no text":                   {path, `{"u":1,"t":1,"k":"shopx","s":"crawler-a"}`, http.StatusBadRequest, "cursor"},
		"a number for an offer":     {path, `{"u":"` + now + `","t":"` + row + `","k":5,"s":"crawler-a"}`, http.StatusBadRequest, "cursor"},
		"no window":                 {path, position("", row, "shopx", "crawler-a"), http.StatusBadRequest, "cursor"},
		"no moment":                 {path, position(now, "", "shopx", "crawler-a"), http.StatusBadRequest, "cursor"},
		"no offer":                  {path, position(now, row, "shopx||", "crawler-a"), http.StatusBadRequest, "cursor"},
		"a row behind the window":   {path, position(now, "2026-07-06T09:14:05.113Z", "shopx", "crawler-a"), http.StatusBadRequest, "cursor"},
		"a moment far behind it":    {path, position(now, "2026-07-06T09:14:05.114Z", "", ""), http.StatusBadRequest, "cursor"},
		"a row before the window":   {path, position(now, "2026-06-06T09:14:05.111Z", "shopx", "crawler-a"), http.StatusBadRequest, "cursor"},
		"a moment before it":        {path, position(now, "2026-06-06T09:14:05.111Z", "", ""), http.StatusBadRequest, "cursor"},
		"a row that does not match": {path + "?competitorId=bigmart", good, http.StatusBadRequest, "cursor"},
		"not in the query's window": {path + "?to=2026-07-05T00:00:00Z", good, http.StatusBadRequest, "cursor"},
		"a window that ends before it begins": {path + "?from=2026-07-05T00:00:00Z",
			position("2026-07-04T00:00:00Z", "2026-07-04T00:00:00Z", "", ""), http.StatusBadRequest, "from"},
		"a window wider than the retention": {path + "?from=2026-07-05T00:00:00Z", position("2037-07-04T00:00:00Z", row, "", ""),
			http.StatusUnprocessableEntity, "from"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := cases.Forged(t, e, tt.request, tt.position)
			assert.Equal(t, tt.wantStatus, response.StatusCode, response.Body)
			if tt.wantAt != "" {
				assert.Contains(t, response.Body, `"pointer":"/query/`+tt.wantAt+`"`)
			}
		})
	}
}

// TestEndpoint_Pages walks the changes of a product, newest first, while prices come in and time goes on: nothing is shown twice
// and what has not changed is not shown.
func TestEndpoint_Pages(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	seen := func(at string, minor int64) { record(t, db, cases.Now, at, minor) }
	seen("2026-07-05T10:00:00Z", 2150) // as at 09:14:03
	seen("2026-06-20T10:00:00Z", 2100)
	assert.Equal(t, []string{
		"shopx 2026-07-06T08:14:03.000Z", "kyoto 2026-07-06T07:14:03.000Z", "shopx 2026-07-05T21:14:03.000Z",
		"bigmart 2026-07-05T09:14:03.000Z", "bigmart 2026-07-05T08:00:00.000Z", "bigmart 2026-07-04T21:14:03.000Z",
		"bigmart 2026-07-04T09:14:03.000Z", "bigmart 2026-06-20T10:00:00.000Z",
	}, walk(t, db, "GET /v1/products/ZU-1042/history", func(page int) {
		switch page {
		case 1:
			seen("2026-07-06T08:20:00Z", 1800) // in front of the page: not shown
		case 2:
			seen("2026-07-05T08:00:00Z", 2199) // behind it
		}
	}))
}

// TestEndpoint_PagesOfOneWindow: where no window is asked for, that of the first page holds for all, at both ends.
func TestEndpoint_PagesOfOneWindow(t *testing.T) {
	t.Parallel()
	rows := []string{
		"bigmart 2026-06-06T09:14:05.112Z", "bigmart 2026-07-04T09:14:03.000Z", "bigmart 2026-07-04T21:14:03.000Z",
		"bigmart 2026-07-05T09:14:03.000Z", "shopx 2026-07-05T21:14:03.000Z", "kyoto 2026-07-06T07:14:03.000Z",
		"shopx 2026-07-06T08:14:03.000Z", "bigmart 2026-07-06T09:14:05.112Z",
	}
	for _, order := range []string{"asc", "desc"} {
		db := storetest.Seeded(t)
		record(t, db, cases.Now, "2026-06-06T09:14:05.111Z", 2400) // just outside
		record(t, db, cases.Now, "2026-06-06T09:14:05.112Z", 2500)
		record(t, db, cases.Now, "2026-07-06T09:14:05.112Z", 2600)
		shown := walk(t, db, "GET /v1/products/ZU-1042/history?view=raw&order="+order, func(page int) {
			if page == 1 {
				record(t, db, cases.Now.Add(time.Hour), "2026-07-06T09:14:05.113Z", 2700) // outside the first page's window
			}
		})
		if order == "desc" {
			slices.Reverse(shown)
		}
		assert.Equal(t, rows, shown, order)
	}
}

// walk returns the rows of all pages. From page to page an hour passes, and meanwhile is called.
func walk(t *testing.T, db *store.Store, request string, meanwhile func(page int)) (shown []string) {
	t.Helper()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	inner := e.Handle
	page := 0
	e.Handle = func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		r.Received = cases.Now.Add(time.Duration(page) * time.Hour)
		answer, err := inner(ctx, r)
		page++
		meanwhile(page)
		return answer, err
	}
	for _, page := range cases.Pages(t, e, request, "observations") {
		var rows []struct{ CompetitorID, ObservedAt string }
		require.NoError(t, json.Unmarshal(page, &rows))
		for _, row := range rows {
			shown = append(shown, row.CompetitorID+" "+row.ObservedAt)
		}
	}
	return shown
}
