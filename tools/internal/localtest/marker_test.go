package localtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/token"
)

// marker stands in what a client sends, where it can be found again.
const marker = "zqmarkerqz"

// markers puts a marker into every header, parameter and member that a client can fill, one request for each, and then
// looks for it in the functions' log, where it never belongs, and in the answers: an answer may repeat the body or the
// parameter that it refuses, and the correlation id, but no other header. API Gateway itself repeats x-amzn-RequestId.
func markers(t *testing.T, a API, log string) {
	all := a.Token(t, token.Scopes...)
	requests := 0
	ask := func(method, path string, header map[string]string, body string) (string, string) {
		t.Helper()
		status, h, answer := a.exchange(t, method, path, bearer(all, header), body)
		assert.NotEqual(t, 500, status, answer)
		requests++
		h.Del("x-amzn-RequestId")
		return fmt.Sprint(h), answer
	}
	for _, header := range []string{
		"Authorization", "X-Api-Key", "Cookie", "User-Agent", "Referer", "Origin", "Accept", "Accept-Language", "Via",
		"If-None-Match", "If-Match", "Content-Type", "Content-Encoding", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-Id",
		"X-Amzn-Requestid", "X-Amz-Apigw-Id", "X-Amzn-Trace-Id", "X-Amz-Date", "X-Amz-Security-Token", "X-Unheard-Of", "Traceparent",
	} {
		for _, value := range []string{
			marker, `a","status":200,"x":"` + marker, "Bearer " + marker, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=" + marker,
		} {
			for _, route := range []string{"GET /v1/competitors", "POST /v1/observations/batch", "GET /v1/nope"} {
				method, path, _ := strings.Cut(route, " ")
				h, answer := ask(method, path, map[string]string{header: value}, `{"observations":[{}]}`)
				assert.NotContains(t, h, marker, header)
				assert.NotContains(t, answer, marker, header)
				assert.True(t, json.Valid([]byte(answer)), answer)
			}
		}
	}
	h, answer := ask("GET", "/v1/competitors", map[string]string{"X-Correlation-Id": "x\"" + marker}, "")
	assert.NotContains(t, h+answer, marker, "no correlation id is made of such characters")
	for _, path := range []string{
		"/v1/products/%s/offers", "/v1/products/%s/history", "/v1/competitors/%s", "/v1/competitors?%s=1", "/v1/competitors?limit=%s",
		"/v1/competitors?cursor=%s", "/v1/products/T-1/offers?competitorId=%s", "/v1/products/T-1/offers?sellerId=%s",
		"/v1/products/T-1/history?from=%s", "/v1/products/T-1/history?view=%s", "/v1/health?%s", "/%s",
	} {
		h, _ := ask("GET", fmt.Sprintf(path, "q%0A%22%7D"+marker), nil, "")
		assert.NotContains(t, h, marker, path)
	}
	observation := observed(map[string]any{
		"sellerId": "s", "region": "r", "itemCondition": "Used", "audience": "app", "priceType": "regular", "url": "https://h/", "gtin": "1",
		"itemId": "i", "shipping": map[string]any{"amount": "1", "currency": "USD"},
		"promotion": map[string]any{"label": "l", "validThrough": "2030-01-01T00:00:00Z", "minQuantity": "1"},
	})
	const competitor = `{"name":"n","kind":"retailer","domain":"d.example","country":"DE","defaultCurrency":"EUR","freshFor":"PT1H",
		"status":"active"}`
	for _, document := range []string{observation, competitor} {
		for _, changed := range marked(t, document) {
			for _, route := range []string{"POST /v1/observations", "PUT /v1/competitors/marked", "POST /v1/observations/batch"} {
				method, path, _ := strings.Cut(route, " ")
				body := changed
				if strings.HasSuffix(path, "batch") {
					body = `{"defaults":` + changed + `,"observations":[` + changed + `]}`
				}
				h, answer := ask(method, path, nil, body)
				assert.NotContains(t, h, marker)
				assert.True(t, json.Valid([]byte(answer)), answer)
			}
		}
	}
	for _, body := range []string{marker, `{"` + marker, `{"a":"` + marker + "\n\"}", `{"` + marker + `\n\",\"status\":200":1}`} {
		for _, path := range []string{"/v1/observations", "/v1/observations/batch"} {
			_, answer := ask("POST", path, nil, body)
			assert.True(t, json.Valid([]byte(answer)), answer)
		}
	}

	lines := 0
	text, err := os.Open(filepath.Clean(log))
	require.NoError(t, err)
	defer text.Close() //nolint:errcheck // only read
	for scan := bufio.NewScanner(text); scan.Scan(); lines++ {
		assert.NotContains(t, scan.Text(), marker)
		assert.True(t, json.Valid(scan.Bytes()), scan.Text())
	}
	assert.Greater(t, lines, requests/2, "the log of these requests")
}

// marked returns the document with the marker as the value of each member in turn, and as a member's name.
func marked(t *testing.T, document string) []string {
	t.Helper()
	var out []string
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(document), &members))
	write := func() {
		text, err := json.Marshal(members)
		require.NoError(t, err)
		out = append(out, string(text))
	}
	for name, value := range members {
		if inner, ok := value.(map[string]any); ok {
			for member, kept := range inner {
				inner[member] = marker + "\n\"}"
				write()
				inner[member] = kept
			}
			inner[marker+"\n"] = 1
			write()
			delete(inner, marker+"\n")
		}
		members[name] = marker + "\n\"}"
		write()
		members[name] = value
	}
	members[marker+"\n\",\"status\":200"] = time.Now().Year()
	write()
	return out
}
