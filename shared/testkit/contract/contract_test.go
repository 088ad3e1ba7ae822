package contract_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/testkit/contract"
)

func promised(t *testing.T) contract.Contract {
	t.Helper()
	c, err := contract.Load("../../..")
	require.NoError(t, err)
	return c
}

// TestCheckAnswer: an answer as promised passes; each thing that is not promised is noticed.
func TestCheckAnswer(t *testing.T) {
	t.Parallel()
	c := promised(t)
	const route = "GET /v1/competitors/{competitorId}"
	const body = `{"competitorId":"bigmart","name":"BigMart","kind":"retailer","domain":null,"country":"US","defaultCurrency":null,` +
		`"freshFor":"PT26H","status":"active","health":{"lastReceivedAt":"2026-07-06T08:30:00.000Z","lastObservedAt":null}}`
	headers := map[string]string{
		"Content-Type": "application/json", "x-request-id": "a", "x-correlation-id": "b", "ETag": `"2ead"`,
		"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache",
	}
	without := func(name string) map[string]string {
		h := maps.Clone(headers)
		delete(h, name)
		return h
	}
	with := func(name, value string) map[string]string {
		h := maps.Clone(headers)
		h[name] = value
		return h
	}
	require.NoError(t, c.CheckAnswer(route, 200, headers, body))
	require.NoError(t, c.CheckAnswer(route, 304, without("Content-Type"), ""))
	problem := `{"type":"urn:problem-type:pricing:throttled","title":"Try again","status":503,"errors":[]}`
	busy := maps.Clone(with("Content-Type", "application/problem+json"))
	busy["Cache-Control"] = "no-store"
	busy["Retry-After"] = "1"
	require.NoError(t, c.CheckAnswer(route, 503, busy, problem))

	idle := maps.Clone(busy)
	delete(idle, "Retry-After")
	odd := strings.Replace(problem, "[]", `[{"pointer":"","code":"x","detail":""}]`, 1)
	tests := map[string]struct {
		route   string
		status  int
		headers map[string]string
		body    string
		want    string
	}{
		"another route":                  {"GET /v1/things", 200, headers, body, "no such route"},
		"another method":                 {"DELETE /v1/competitors/{competitorId}", 200, headers, body, "no such route"},
		"another status":                 {route, 201, headers, body, "status is not supported"},
		"another media type":             {route, 200, with("Content-Type", "text/csv"), body, "text/csv"},
		"no media type":                  {route, 200, without("Content-Type"), body, "Content-Type"},
		"no request id":                  {route, 200, without("x-request-id"), body, "x-request-id"},
		"no ETag":                        {route, 304, without("ETag"), "", "ETag"},
		"a header of another form":       {route, 200, with("ETag", "W/x"), body, "ETag"},
		"another Cache-Control":          {route, 200, with("Cache-Control", "no-store"), body, "Cache-Control"},
		"no Retry-After":                 {route, 503, idle, problem, "Retry-After"},
		"a body where none is":           {route, 304, headers, "{}", "promises no body"},
		"no JSON":                        {route, 200, headers, "{", "failed to decode"},
		"a member more":                  {route, 200, headers, strings.Replace(body, `"name"`, `"colour":1,"name"`, 1), "colour"},
		"a member more, deeper":          {route, 200, headers, strings.Replace(body, `{"last`, `{"colour":1,"last`, 1), "colour"},
		"a member less":                  {route, 200, headers, strings.Replace(body, `"name":"BigMart",`, "", 1), "name"},
		"another type":                   {route, 200, headers, strings.Replace(body, `"BigMart"`, "1", 1), "name"},
		"null where none is":             {route, 200, headers, strings.Replace(body, `"BigMart"`, "null", 1), "name"},
		"an unknown word":                {route, 200, headers, strings.Replace(body, "retailer", "shop", 1), "kind"},
		"a time without milliseconds":    {route, 200, headers, strings.Replace(body, ".000Z", "Z", 1), "lastReceivedAt"},
		"a problem of an unknown code":   {route, 503, busy, odd, "code"},
		"a problem whose type is no urn": {route, 503, busy, strings.Replace(problem, "urn:", "", 1), "type"},
		"a problem that is none":         {route, 503, busy, `{"message":"Forbidden"}`, "message"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, c.CheckAnswer(tt.route, tt.status, tt.headers, tt.body), tt.want)
		})
	}
}

// TestCheckRequest: a request as promised passes; each thing that is not promised is noticed.
func TestCheckRequest(t *testing.T) {
	t.Parallel()
	c := promised(t)
	const body = `{"productId":"ZU-1042","competitorId":"bigmart","availability":"InStock","price":{"amount":"19.95","currency":"USD"},` +
		`"source":{"id":"crawler-a","kind":"crawler"},"observedAt":"2026-07-06t09:14:03z"}`
	check := func(route, query, body string, path map[string]string) error {
		method, _, _ := strings.Cut(route, " ")
		request, err := http.NewRequestWithContext(t.Context(), method, "/?"+query, strings.NewReader(body))
		require.NoError(t, err)
		if body == "" {
			request.Body = nil
		}
		request.Header.Set("Content-Type", "application/json")
		return c.CheckRequest(route, path, request)
	}
	const record = "POST /v1/observations"
	const offers = "GET /v1/products/{productId}/offers"
	product := map[string]string{"productId": "ZU-1042"}
	require.NoError(t, check(record, "dryRun=true", body, nil))
	require.NoError(t, check(offers, "limit=200&inStock=true&sort=price", "", product))
	empty := strings.Replace(body, `"source"`, `"shipping":{},"listPrice":null,"promotion":{},"region":"","priceType":"","source"`, 1)
	require.NoError(t, check(record, "", empty, nil), "an empty optional member counts as absent")

	tests := map[string]struct {
		route, query, body string
		path               map[string]string
		want               string
	}{
		"another route":              {"GET /v1/things", "", "", nil, "no such route"},
		"an unknown parameter":       {offers, "colour=red", "", product, "no parameter colour"},
		"a parameter's unknown word": {offers, "sort=colour", "", product, "sort"},
		"a number that is too high":  {offers, "limit=201", "", product, "limit"},
		"no number":                  {offers, "limit=many", "", product, "limit"},
		"a path of another form":     {offers, "", "", map[string]string{"productId": ".."}, "productId"},
		"no body":                    {record, "", "", nil, "body"},
		"no JSON":                    {record, "", "{", nil, "EOF"},
		"an unknown member":          {record, "", strings.Replace(body, `"source"`, `"colour":1,"source"`, 1), nil, "colour"},
		"an unknown word":            {record, "", strings.Replace(body, "InStock", "Here", 1), nil, "availability"},
		"a member less":              {record, "", strings.Replace(body, `"availability":"InStock",`, "", 1), nil, "availability"},
		"a required member is empty": {record, "", strings.Replace(body, `"bigmart"`, `""`, 1), nil, "competitorId"},
		"a number for a text":        {record, "", strings.Replace(body, `"19.95"`, "19.95", 1), nil, "amount"},
		"no moment":                  {record, "", strings.Replace(body, "09:14:03z", "25:14:03z", 1), nil, "observedAt"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, check(tt.route, tt.query, tt.body, tt.path), tt.want)
		})
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	routes := promised(t).Routes()
	assert.Equal(t, []int{200, 304, 400, 429, 500, 503}, routes["GET /v1/health"])
	assert.Contains(t, routes, "PUT /v1/competitors/{competitorId}")
}

func TestLoad_NoDocument(t *testing.T) {
	t.Parallel()
	_, err := contract.Load(t.TempDir())
	require.ErrorContains(t, err, "read the contract")
	_, err = contract.Strict([]byte("{"))
	require.ErrorContains(t, err, "read the contract")
}
