package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/board"
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
		question := cases.Case{Request: "GET /v1/products/ZU-1042/history?view=daily&to=" + to}
		response, _ := cases.Metered(t, e, question.Event(t, e))
		require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
		var page struct {
			Days     []struct{ N int }
			Coverage struct{ RequestedDays, ObservedDays int }
		}
		require.NoError(t, json.Unmarshal([]byte(response.Body), &page))
		n := 0
		for _, day := range page.Days {
			n += day.N
		}
		assert.Equal(t, len(want), n, to)
		assert.Equal(t, len(want), page.Coverage.ObservedDays, "one observation a day here")
		assert.GreaterOrEqual(t, page.Coverage.RequestedDays, 2, "what was asked for counts, kept or not")
	}
}

// damaged is a store whose history has segments that no board can have flushed.
type damaged []string

func (d damaged) History(context.Context, string, store.Window) (store.Page, error) {
	return store.Page{Told: store.Told{Suspect: d}}, nil
}

func (damaged) ProductOfGTIN(context.Context, price.GTIN) (string, error) { return "", nil }

func (d damaged) DailyHistory(context.Context, string, store.Window, *board.DayKey) (store.DayPage, error) {
	return store.DayPage{Told: store.Told{Suspect: d}}, nil
}

// TestEndpoint_SuspectSegments: what a board cannot have flushed is shown, and an alarm tells us of it.
func TestEndpoint_SuspectSegments(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings})
	for want, segments := range []damaged{nil, {"seg#1#20260706T090000.000#0000000007"}} {
		e.Handle = list(segments, api.NewClock(cases.Settings.Retention))
		for _, view := range []string{"raw", "daily"} {
			response, samples := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/P1/history?view=" + view}.Event(t, e))
			assert.Equal(t, http.StatusOK, response.StatusCode, response.Body)
			assert.Equal(t, want, samples.Sum("InternalErrors"))
		}
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
		"at its beginning":        {path, position(now, "2026-06-07T00:00:00.000Z", "shopx", "crawler-a"), http.StatusOK, ""},
		"between rows there":      {path, position(now, "2026-06-07T00:00:00.000Z", "", ""), http.StatusOK, ""},
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
		"a row before the window":   {path, position(now, "2026-06-06T23:59:59.999Z", "shopx", "crawler-a"), http.StatusBadRequest, "cursor"},
		"a moment before it":        {path, position(now, "2026-06-06T23:59:59.999Z", "", ""), http.StatusBadRequest, "cursor"},
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

// TestEndpoint_ForgedDays: the same of the cursors of days.
func TestEndpoint_ForgedDays(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	const now, path = "2026-07-06T09:14:05.112Z", "GET /v1/products/ZU-1042/history?view=daily"
	position := func(to, date, key, currency string) string {
		text, err := json.Marshal(map[string]string{"u": to, "d": date, "k": key, "c": currency})
		require.NoError(t, err)
		return string(text)
	}
	tests := map[string]struct {
		request, position string
		wantStatus        int
	}{
		"one that was given":        {path, position(now, "2026-07-05", "bigmart", "USD"), http.StatusOK},
		"a whole day":               {path, position(now, "2026-07-05", "", ""), http.StatusOK},
		"the window's last day":     {path, position(now, "2026-07-06", "shopx", "USD"), http.StatusOK},
		"its first":                 {path, position(now, "2026-06-07", "", ""), http.StatusOK},
		"no such currency":          {path, position(now, "2026-07-05", "bigmart", "???"), http.StatusOK}, // a place between rows, no more
		"behind the window":         {path, position(now, "2026-07-07", "", ""), http.StatusBadRequest},
		"before it":                 {path, position(now, "2026-06-06", "", ""), http.StatusBadRequest},
		"no date":                   {path, position(now, "2026-07-05T00:00:00Z", "", ""), http.StatusBadRequest},
		"no day":                    {path, position(now, "2026-02-30", "", ""), http.StatusBadRequest},
		"no offer":                  {path, position(now, "2026-07-05", "bigmart||", ""), http.StatusBadRequest},
		"an offer that is filtered": {path + "&competitorId=shopx", position(now, "2026-07-05", "bigmart", "USD"), http.StatusBadRequest},
		"of observations":           {path, `{"u":"` + now + `","t":"` + now + `","k":"shopx","s":"crawler-a"}`, http.StatusBadRequest},
		"of days for observations":  {"GET /v1/products/ZU-1042/history", position(now, "2026-07-05", "", ""), http.StatusBadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := cases.Forged(t, e, tt.request, tt.position)
			assert.Equal(t, tt.wantStatus, response.StatusCode, response.Body)
			if tt.wantStatus != http.StatusOK {
				assert.Contains(t, response.Body, "urn:problem-type:pricing:cursor-invalid")
			}
		})
	}
}

// TestEndpoint_SameRows: in each view and order the pages of one row each are together what one page holds, as JSON and as CSV, whose
// Link leads to the next page. The one order is the other reversed.
func TestEndpoint_SameRows(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	record(t, db, cases.Now, "2026-07-05T10:00:00Z", 2150)
	record(t, db, cases.Now, "2026-07-05T23:59:59.999Z", 2000)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	for view, member := range map[string]string{"changes": "observations", "raw": "observations", "daily": "days"} {
		var upwards []json.RawMessage
		for _, order := range []string{"asc", "desc"} {
			path := "GET /v1/products/ZU-1042/history?view=" + view + "&order=" + order
			response, _ := cases.Metered(t, e, cases.Case{Request: path}.Event(t, e))
			var whole map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(response.Body), &whole))
			var rows, paged []json.RawMessage
			require.NoError(t, json.Unmarshal(whole[member], &rows))
			require.Greater(t, len(rows), 5)
			if order == "asc" {
				upwards = rows
			} else {
				slices.Reverse(upwards)
				assert.Equal(t, upwards, rows)
			}
			for _, page := range cases.Pages(t, e, path, member) {
				var some []json.RawMessage
				require.NoError(t, json.Unmarshal(page, &some))
				paged = append(paged, some...)
			}
			assert.Equal(t, rows, paged, path)

			table, last := inCSV(t, e, path)
			require.Empty(t, last)
			assert.Len(t, table, 1+len(rows))
			pages, next := inCSV(t, e, path+"&limit=1")
			for next != "" {
				require.Less(t, len(pages), 100)
				assert.Len(t, pages, 2)
				assert.Equal(t, [][]string{table[0], table[1]}, pages)
				table = slices.Delete(table, 1, 2)
				pages, next = inCSV(t, e, "GET /v1/products/ZU-1042/history"+next)
			}
			assert.Equal(t, table, pages)
		}
	}
}

// inCSV returns a page as CSV, and what its Link adds to the path; empty: nothing follows.
func inCSV(t *testing.T, e gateway.Endpoint, request string) (table [][]string, next string) {
	t.Helper()
	accept := "text/csv"
	response, _ := cases.Metered(t, e, cases.Case{Request: request, Headers: map[string]*string{"Accept": &accept}}.Event(t, e))
	require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
	assert.Equal(t, "Accept", response.Headers["Vary"])
	table, err := csv.NewReader(strings.NewReader(response.Body)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, len(table), strings.Count(response.Body, "\r\n"))
	next, _ = strings.CutSuffix(strings.TrimPrefix(response.Headers["Link"], "<"), `>; rel="next"`)
	return table, next
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
		"bigmart 2026-06-07T00:00:00.000Z", "bigmart 2026-07-04T09:14:03.000Z", "bigmart 2026-07-04T21:14:03.000Z",
		"bigmart 2026-07-05T09:14:03.000Z", "shopx 2026-07-05T21:14:03.000Z", "kyoto 2026-07-06T07:14:03.000Z",
		"shopx 2026-07-06T08:14:03.000Z", "bigmart 2026-07-06T09:14:05.112Z",
	}
	for _, order := range []string{"asc", "desc"} {
		db := storetest.Seeded(t)
		record(t, db, cases.Now, "2026-06-06T23:59:59.999Z", 2400) // just outside
		record(t, db, cases.Now, "2026-06-07T00:00:00Z", 2500)
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
