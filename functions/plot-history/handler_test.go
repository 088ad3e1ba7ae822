package main

import (
	"context"
	"flag"
	"net/http"
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
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// update is the flag of the cases: write what is expected anew.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint, func(t *testing.T, response gateway.Response, _ metertest.Samples) {
		policy := ""
		if response.StatusCode == http.StatusOK {
			policy = "default-src 'none'; style-src 'unsafe-inline'"
			parsed(t, []byte(response.Body))
		}
		assert.Equal(t, policy, response.Headers["Content-Security-Policy"])
		assert.Equal(t, "nosniff", response.Headers["X-Content-Type-Options"])
	})
}

// windowed is a store whose history is this. It keeps what was asked for.
type windowed struct {
	*store.Store
	page  store.Page
	asked []store.Window
}

func (w *windowed) Whole(_ context.Context, _ store.Product, asked store.Window, _ float64) (store.Page, error) {
	w.asked = append(w.asked, asked)
	return w.page, nil
}

// ask serves a request on the history of a product.
func (w *windowed) ask(t *testing.T, request string) (picture node, samples metertest.Samples) {
	t.Helper()
	e := endpoint(boot.Function{Settings: cases.Settings})
	e.Handle = plot(w, api.NewClock(cases.Settings.Retention))
	response, samples := cases.Metered(t, e, cases.Case{Request: request}.Event(t, e))
	require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
	return parsed(t, []byte(response.Body)), samples
}

func row(t *testing.T, competitor, at string, minor int64) board.Row {
	t.Helper()
	seen, err := price.ParseTimestamp(at)
	require.NoError(t, err)
	return board.Row{Key: price.OfferKey{ProductID: "ZU-1042", CompetitorID: competitor},
		Observation: board.Observation{ObservedAt: seen, Terms: price.Terms{Price: price.Money{Minor: minor, Currency: "USD"}}}}
}

// TestEndpoint_Unread: what was not read is not shown, and the picture says so.
func TestEndpoint_Unread(t *testing.T) {
	t.Parallel()
	const request = "GET /v1/products/ZU-1042/history.svg?from=2026-07-01T00:00:00Z"
	first := row(t, "bigmart", "2026-07-05T08:00:00Z", 2150)
	second := row(t, "bigmart", "2026-07-03T08:00:00Z", 2250)
	db := &windowed{Store: storetest.Seeded(t), page: store.Page{Rows: []board.Row{first, second}}}
	picture, _ := db.ask(t, request)
	require.Len(t, db.asked, 1)
	w := db.asked[0]
	assert.True(t, w.Descending)
	assert.Equal(t, "2026-07-01T00:00:00.000Z", w.From.String())
	assert.Equal(t, price.At(cases.Now), w.To, "no later than now")
	assert.True(t, w.Match(first.Key))
	assert.False(t, w.Match(price.OfferKey{ProductID: "ZU-1042", CompetitorID: "kyoto"}), "only what is shown is read")
	assert.Empty(t, picture.all("unread"))
	assert.Contains(t, picture.Nodes[1].Text, "bigmart: last price 21.50, lowest 21.50, highest 22.50; 2 observations")
	assert.NotContains(t, textOf(picture), "Too much")

	db.page.Next = &store.Position{ObservedAt: second.Observation.ObservedAt}
	picture, _ = db.ask(t, request)
	assert.Len(t, picture.all("unread"), 1)
	assert.Contains(t, textOf(picture), "Too much for one picture: nothing before 2026-07-03 08:00 was read.")
}

// TestEndpoint_Suspect: what a board cannot have flushed is shown, and an alarm tells us of it.
func TestEndpoint_Suspect(t *testing.T) {
	t.Parallel()
	for _, suspect := range [][]string{nil, {"seg#1#20260706T090000.000#0000000007"}} {
		db := &windowed{Store: storetest.Seeded(t), page: store.Page{Told: store.Told{Suspect: suspect}}}
		_, samples := db.ask(t, "GET /v1/products/ZU-1042/history.svg")
		assert.Equal(t, len(suspect), samples.Sum("InternalErrors"))
	}
}

// TestEndpoint_Own: our own price lasts until it is changed, so a window begins with the price that was set before it, if the history
// reaches so far. It is drawn in our own currency.
func TestEndpoint_Own(t *testing.T) {
	t.Parallel()
	db := storetest.Seeded(t)
	for at, minor := range map[string]int64{
		"2026-05-01T08:00:00Z": 2600, "2026-05-02T08:00:00Z": 2500, "2026-07-03T08:00:00Z": 2400, "2026-07-04T08:00:00Z": 2300,
	} {
		seen := row(t, "own", at, minor)
		verdicts, err := db.Record(t.Context(), []price.Submission{{Observation: price.Observation{Key: seen.Key, Terms: seen.Observation.Terms,
			Source:     price.Source{ID: "catalogue", Confidence: price.NoConfidence},
			ObservedAt: seen.Observation.ObservedAt}}}, price.At(cases.Now), false)
		require.NoError(t, err)
		require.NoError(t, verdicts[0].Err)
	}
	e := endpoint(boot.Function{Settings: cases.Settings, Store: db})
	for query, want := range map[string]string{
		"?from=2026-07-05T00:00:00Z": "own: last price 23.00, lowest 23.00, highest 23.00; 0 observations, the last at 2026-07-04 08:00.",
		"?from=2026-07-04T00:00:00Z": "own: last price 23.00, lowest 23.00, highest 24.00; 1 observation, the last at 2026-07-04 08:00.",
		"?from=2026-07-01T00:00:00Z": "own: last price 23.00, lowest 23.00, highest 25.00; 2 observations, the last at 2026-07-04 08:00.",
		"?from=2026-05-01T12:00:00Z": "own: last price 23.00, lowest 23.00, highest 26.00; 3 observations, the last at 2026-07-04 08:00.",
		"?from=2026-04-01T12:00:00Z": "own: last price 23.00, lowest 23.00, highest 26.00; 4 observations, the last at 2026-07-04 08:00.",
		"?from=2026-05-10T00:00:00Z&to=2026-05-11T00:00:00Z": "own: last price 25.00, lowest 25.00, highest 25.00; 0 observations, " +
			"the last at 2026-05-02 08:00.",
	} {
		response, _ := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/ZU-1042/history.svg" + query}.Event(t, e))
		picture := parsed(t, []byte(response.Body))
		assert.Contains(t, picture.Nodes[1].Text, want, query)
		own := picture.all("own")
		require.Len(t, own, 1, query)
		levels := levels(t, own[0].all("thin")[0].Nodes[0].attr("d"))
		scale := readScale(t, picture, "USD")
		assert.Equal(t, query == "?from=2026-04-01T12:00:00Z", levels[0].x1 > scale.left, "from the window's beginning on: %s", query)
		assert.InDelta(t, scale.right, levels[len(levels)-1].x2, 0, "to its end: %s", query)
	}
	response, _ := cases.Metered(t, e, cases.Case{Request: "GET /v1/products/ZU-1042/history.svg?competitorId=bigmart"}.Event(t, e))
	assert.Empty(t, parsed(t, []byte(response.Body)).all("own"), "our own price is filtered as any other")
}

// TestEndpoint_Future: nothing is shown of later than now, and a window that begins later is empty.
func TestEndpoint_Future(t *testing.T) {
	t.Parallel()
	e := endpoint(boot.Function{Settings: cases.Settings, Store: storetest.Seeded(t)})
	now := cases.Now.Format(time.RFC3339Nano)
	ask := func(query string) string {
		question := cases.Case{Request: "GET /v1/products/ZU-1042/history.svg?" + query}
		response, _ := cases.Metered(t, e, question.Event(t, e))
		require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
		return response.Body
	}
	assert.Equal(t, ask("from=2026-07-01T00:00:00Z&to="+now), ask("from=2026-07-01T00:00:00Z&to=2026-08-01T00:00:00Z"))
	assert.Contains(t, ask("from=2026-07-07T00:00:00Z&to=2026-07-08T00:00:00Z"), "Nothing was seen in this window.")
}
