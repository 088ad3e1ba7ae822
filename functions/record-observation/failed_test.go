package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// TestEndpoint_ADamagedBoard: an observation whose board cannot be read is our mistake, dry run or not. The client reads one fixed
// text, and the cause stands in the log.
func TestEndpoint_ADamagedBoard(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: 4})
	storetest.Seed(t, s)
	storetest.Damage(t, client, table, "ZU-1042")
	for _, name := range []string{"changed", "duplicate", "conflict", "dry-run"} {
		var log bytes.Buffer
		e := endpoint(boot.Function{Settings: cases.Settings, Store: s})
		e.Now = func() time.Time { return cases.Now }
		e.Log = slog.New(slog.NewJSONHandler(&log, nil))
		e.Source = metertest.Source
		response := gateway.Serve(t.Context(), e, cases.Read(t, name).Event(t, e))
		assert.Equal(t, http.StatusInternalServerError, response.StatusCode, name)
		assert.JSONEq(t, `{"type":"urn:problem-type:pricing:internal","title":"Internal error","status":500,
			"detail":"Something went wrong on our side. The request id finds it in our logs.","instance":"KHn2hG4wDoEFt9A=","errors":[]}`,
			response.Body, name)
		assert.NotContains(t, response.Headers, "Retry-After", name)
		var line map[string]any
		require.NoError(t, json.Unmarshal(log.Bytes(), &line))
		assert.Equal(t, "ERROR", line["level"], name)
		assert.Equal(t, "failed", line["outcome"], name)
		assert.Contains(t, line["error"], "board of ZU-1042: "+board.ErrFormat.Error(), name)
		samples := metertest.Extract(t, log.Bytes())
		assert.Equal(t, 1, samples.Sum("InternalErrors"), name)
		assert.Zero(t, samples.Sum("Accepted"), name)
	}
}

// TestEndpoint_AnotherURL: an observation that is sent again with another url is a duplicate, and of the two the offer gets the
// same one whichever came first. One without a url takes none away.
func TestEndpoint_AnotherURL(t *testing.T) {
	t.Parallel()
	c := cases.Read(t, "created")
	var observation map[string]any
	require.NoError(t, json.Unmarshal(c.Body, &observation))
	require.Equal(t, "ZU-2000", observation["productId"])
	urlOf := func(s *store.Store) string {
		product, err := s.Product(t.Context(), "ZU-2000", true)
		require.NoError(t, err)
		offers := product.Live(price.Clock{Now: price.At(cases.Now), Retention: storetest.Retention})
		require.Len(t, offers, 1)
		return product.URL(offers[0])
	}
	const one, other = "https://bigmart.example/one", "https://bigmart.example/other"
	after := map[string]bool{}
	for _, urls := range [][2]string{{one, other}, {other, one}} {
		s := storetest.Seeded(t)
		e := endpoint(boot.Function{Settings: cases.Settings, Store: s})
		e.Now = func() time.Time { return cases.Now }
		e.Log = slog.New(slog.DiscardHandler)
		send := func(url any) int {
			observation["url"] = url
			body, err := json.Marshal(observation)
			require.NoError(t, err)
			c.Body = body
			response := gateway.Serve(t.Context(), e, c.Event(t, e))
			if response.StatusCode == http.StatusOK {
				assert.Contains(t, response.Body, `"outcome":"duplicate"`)
			}
			return response.StatusCode
		}
		assert.Equal(t, http.StatusCreated, send(urls[0]))
		assert.Equal(t, urls[0], urlOf(s))
		assert.Equal(t, http.StatusOK, send(urls[1]))
		last := urlOf(s)
		after[last] = true
		assert.Equal(t, http.StatusOK, send(nil))
		assert.Equal(t, last, urlOf(s))
	}
	assert.Len(t, after, 1)
}
