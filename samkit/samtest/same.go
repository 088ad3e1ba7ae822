package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// request is one that both sides must answer alike, with the status they must answer with.
type request struct {
	what   string
	call   call
	status int
}

// observedAt is when all that is sent was observed; the minute is the same in every answer.
var observedAt = time.Now().UTC().Truncate(time.Minute)

func observation(price string, after time.Duration) string {
	return fmt.Sprintf(`{"productId":"ZU-1042","competitorId":"bigmart","availability":"InStock","price":{"amount":%q,"currency":"USD"},`+
		`"shipping":{"amount":"2.99","currency":"USD"},"source":{"id":"crawler-a","kind":"crawler"},"observedAt":%q}`,
		price, observedAt.Add(after-time.Hour).Format(time.RFC3339))
}

// faithful are asked in this order: later ones read what earlier ones wrote.
var faithful = []request{
	{"health", call{method: "GET", path: "/v1/health", header: map[string]string{"X-Correlation-Id": "samtest"}}, 200},
	{"unchanged", call{method: "GET", path: "/v1/health", header: map[string]string{"If-None-Match": "{{etag}}"}}, 304},
	{"a slash at the end", call{method: "GET", path: "/v1/health/"}, 200},
	{"register", call{method: "PUT", path: "/v1/competitors/bigmart", client: "all", body: `{"name":"BigMart","kind":"retailer"}`}, 201},
	{"register again", call{method: "PUT", path: "/v1/competitors/bigmart", client: "all", body: `{"name":"BigMart","kind":"retailer"}`}, 200},
	{"a rule of the function", call{method: "PUT", path: "/v1/competitors/Big_Mart", client: "all", body: `{"name":"BigMart","kind":"shop"}`}, 422},
	{"a write", call{method: "POST", path: "/v1/observations", client: "all", body: observation("19.95", 0)}, 201},
	{"the same write", call{method: "POST", path: "/v1/observations", client: "all", body: observation("19.95", 0)}, 200},
	{"another price", call{method: "POST", path: "/v1/observations", client: "all", body: observation("18.50", time.Minute)}, 201},
	{"a dry run", call{method: "POST", path: "/v1/observations?dryRun=true", client: "feed", body: observation("17.00", 2*time.Minute)}, 200},
	{"a batch of both kinds", call{method: "POST", path: "/v1/observations/batch", client: "feed",
		body: `{"observations":[` + observation("18.00", 3*time.Minute) + `,{"productId":"ZU-1042"}]}`}, 207},
	{"offers", call{method: "GET", path: "/v1/products/ZU-1042/offers", client: "all"}, 200},
	{"offers unchanged", call{method: "GET", path: "/v1/products/ZU-1042/offers", client: "all", header: map[string]string{"If-None-Match": "{{etag}}"}}, 304},
	{"an encoded path", call{method: "GET", path: "/v1/products/ZU%2D1042/offers", client: "all"}, 200},
	{"an encoded query", call{method: "GET", path: "/v1/products/ZU-1042/offers?sort=p%72ice&inStock=true", client: "all"}, 200},
	{"a repeated parameter", call{method: "GET", path: "/v1/products/ZU-1042/offers?limit=1&limit=2", client: "all"}, 400},
	{"an unknown product", call{method: "GET", path: "/v1/products/NOPE/offers", client: "all"}, 404},
	{"history", call{method: "GET", path: "/v1/products/ZU-1042/history?view=raw&order=asc", client: "all"}, 200},
	{"competitors", call{method: "GET", path: "/v1/competitors", client: "all"}, 200},
	{"a malformed parameter", call{method: "GET", path: "/v1/competitors?limit=x", client: "all"}, 400},
	{"another media type", call{method: "POST", path: "/v1/observations", client: "all", body: "x", header: map[string]string{"Content-Type": "text/plain"}}, 415},
}

// outage are asked once the engine is gone.
var outage = []request{
	{"health without its table", call{method: "GET", path: "/v1/health"}, 503},
}

// askSame asks both sides and tells where they differ from each other or from what is right.
func (t *test) askSame(ctx context.Context, sam, local *side, requests []request) {
	for _, r := range requests {
		ours, err := local.send(ctx, r.call)
		if err != nil {
			t.fail("%s: %v", r.what, err)
			continue
		}
		theirs, err := sam.send(ctx, r.call)
		if err != nil {
			t.fail("%s: %v", r.what, err)
			continue
		}
		if ours.status != r.status {
			t.fail("%s: %s %s: samkit/local answers %d, want %d: %s", r.what, r.call.method, r.call.path, ours.status, r.status, ours.body)
		}
		if a, b := ours.comparable(), theirs.comparable(); a != b {
			t.fail("%s: %s %s: the answers differ\n  samkit/local %s\n  SAM local   %s", r.what, r.call.method, r.call.path, a, b)
		}
	}
}

// comparable is an answer without what differs from one request to the next.
func (a answer) comparable() string {
	body := a.body
	var v any
	if json.Unmarshal([]byte(body), &v) == nil {
		if text, err := json.Marshal(timeless(v)); err == nil {
			body = string(text)
		}
	}
	if id := a.header.Get("x-request-id"); id != "" {
		body = strings.ReplaceAll(body, id, "<request id>")
	}
	text := fmt.Sprintf("%d %s %s", a.status, a.header.Get("Content-Type"), body)
	for _, header := range []string{"Retry-After", "Cache-Control"} {
		if value := a.header.Get(header); value != "" {
			text += fmt.Sprintf(" %s: %s", header, value)
		}
	}
	if a.header.Get("ETag") != "" {
		text += " with an ETag" // its value depends on times of receipt
	}
	return text
}

// timeless replaces the times at which the service received something, in place.
func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if _, ok := value.(string); ok && (name == "receivedAt" || name == "lastReceivedAt") {
				v[name] = "<time>"
				continue
			}
			v[name] = timeless(value)
		}
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	}
	return v
}

func get(path, client string) call {
	return call{method: http.MethodGet, path: path, client: client}
}
