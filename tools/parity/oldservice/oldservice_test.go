package oldservice_test

import (
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/testkit/storetest"
	"pricing/tools/bench/peer"
	"pricing/tools/parity/compare"
	"pricing/tools/parity/oldservice"
)

// What it answers differs from the API's answer in ways that the rules for the two rule out, and in no other.
func TestHandler(t *testing.T) {
	t.Parallel()
	store, err := peer.New(t.Context(), storetest.Client(storetest.Endpoint(t)), "old-"+strings.ToLower(rand.Text()), 2)
	require.NoError(t, err)
	handler := oldservice.Handler(store, time.Now)
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	const format = `{"productId":"P1","competitorId":%q,"availability":"InStock","price":{"amount":%q,"currency":"USD"},` +
		`"shipping":{"amount":"2.90","currency":"USD"},"source":{"id":"crawler-a","kind":"crawler"},"observedAt":"2026-07-06T09:0%d:00Z"}`
	for _, body := range []string{fmt.Sprintf(format, "shopx", "19.90", 3), fmt.Sprintf(format, "bigmart", "21.00", 1),
		fmt.Sprintf(format, "shopx", "18.00", 2)} { // the last one is late
		status, text := ask("POST", "/observations", body)
		require.Equal(t, 200, status, text)
	}
	for _, body := range []string{"x", "{}", fmt.Sprintf(format, "shopx", "1.234", 1)} {
		status, _ := ask("POST", "/observations", body)
		assert.Equal(t, 400, status, body)
	}
	status, old := ask("GET", "/products/P1/offers", "")
	require.Equal(t, 200, status)

	const api = `{"next":null,"offers":[
		{"audience":"public","availability":"InStock","competitorId":"shopx","price":{"amount":"19.90","currency":"USD"},"sellerId":null,
		 "shipping":{"amount":"2.90","currency":"USD"},"observedAt":"2026-07-06T09:03:00.000Z","stale":true},
		{"audience":"public","availability":"InStock","competitorId":"bigmart","price":{"amount":"21.00","currency":"USD"},"sellerId":null,
		 "shipping":{"amount":"2.90","currency":"USD"},"observedAt":"2026-07-06T09:01:00.000Z","stale":true}]}`
	text, err := os.ReadFile("../testdata/two-item.yaml")
	require.NoError(t, err)
	rules, err := compare.Read(text)
	require.NoError(t, err)
	route, _ := rules.Find("GET", "/products/P1/offers")
	compared := func(api string) []compare.Difference {
		differences, _ := compare.Compare(compare.Answer{Status: 200, Body: []byte(old)}, compare.Answer{Status: 200, Body: []byte(api)}, route)
		return differences
	}
	assert.Empty(t, compared(api))
	assert.Equal(t, []compare.Difference{{Path: "/offers/*/price/amount", Kind: compare.Value, Legacy: "19.90", New: `"18.00"`}},
		compared(strings.Replace(api, "19.90", "18.00", 1)))
}
