package main

import (
	"fmt"
	"net/http"
	"time"

	"pricing/samkit/samtest"
)

// observedAt is when all that is sent was observed. The minute is the same in every answer.
var observedAt = time.Now().UTC().Truncate(time.Minute)

func observation(price string, after time.Duration) string {
	return fmt.Sprintf(`{"productId":"ZU-1042","competitorId":"bigmart","availability":"InStock",`+
		`"price":{"amount":%q,"currency":"USD"},"shipping":{"amount":"2.99","currency":"USD"},`+
		`"source":{"id":"crawler-a","kind":"crawler"},"observedAt":%q}`,
		price, observedAt.Add(after-time.Hour).Format(time.RFC3339))
}

// get is a GET with the token that allows everything.
func get(path string) samtest.Call { return as("all", samtest.Get(path)) }

func put(path, body string) samtest.Call {
	return as("all", samtest.Call{Method: http.MethodPut, Path: path, Body: body})
}

func post(path, body string) samtest.Call {
	return as("all", samtest.Call{Method: http.MethodPost, Path: path, Body: body})
}

const (
	bigMart = `{"name":"BigMart","kind":"retailer"}`
	shop    = `{"name":"BigMart","kind":"shop"}`
	offers  = "/v1/products/ZU-1042/offers"
)

// batch holds an observation and a submission that is none.
var batch = `{"observations":[` + observation("18.00", 3*time.Minute) + `,{"productId":"ZU-1042"}]}`

var alike = []samtest.Request{
	{What: "health", Call: with("X-Correlation-Id", "samtest", samtest.Get("/v1/health")), Status: 200},
	{What: "unchanged", Call: with("If-None-Match", "{{etag}}", samtest.Get("/v1/health")), Status: 304},
	{What: "a slash at the end", Call: samtest.Get("/v1/health/"), Status: 200},
	{What: "register", Call: put("/v1/competitors/bigmart", bigMart), Status: 201},
	{What: "register again", Call: put("/v1/competitors/bigmart", bigMart), Status: 200},
	{What: "a rule of the function", Call: put("/v1/competitors/Big_Mart", shop), Status: 422},
	{What: "a write", Call: post("/v1/observations", observation("19.95", 0)), Status: 201},
	{What: "the same write", Call: post("/v1/observations", observation("19.95", 0)), Status: 200},
	{What: "another price", Call: post("/v1/observations", observation("18.50", time.Minute)), Status: 201},
	{What: "a dry run", Call: as("feed", post("/v1/observations?dryRun=true", observation("17.00", 2*time.Minute))), Status: 200},
	{What: "a document with two faults", Call: post("/v1/observations", `{"competitorId":7}`), Status: 400},
	{What: "a batch of both kinds", Call: as("feed", post("/v1/observations/batch", batch)), Status: 207},
	{What: "offers", Call: get(offers), Status: 200},
	{What: "offers unchanged", Call: with("If-None-Match", "{{etag}}", get(offers)), Status: 304},
	{What: "an encoded path", Call: get("/v1/products/ZU%2D1042/offers"), Status: 200},
	{What: "an encoded query", Call: get(offers + "?sort=p%72ice&inStock=true"), Status: 200},
	{What: "a repeated parameter", Call: get(offers + "?limit=1&limit=2"), Status: 400},
	{What: "an unknown product", Call: get("/v1/products/NOPE/offers"), Status: 404},
	{What: "history", Call: get("/v1/products/ZU-1042/history?view=raw&order=asc"), Status: 200},
	{What: "days", Call: get("/v1/products/ZU-1042/history?view=daily"), Status: 200},
	{What: "days as CSV", Call: with("Accept", "text/csv", get("/v1/products/ZU-1042/history?view=daily")), Status: 200},
	{What: "history as a picture", Call: with("Accept", "image/png", get("/v1/products/ZU-1042/history")), Status: 406},
	{What: "competitors", Call: get("/v1/competitors"), Status: 200},
	{What: "a malformed parameter", Call: get("/v1/competitors?limit=x"), Status: 400},
	{What: "another media type", Call: with("Content-Type", "text/plain", post("/v1/observations", "x")), Status: 415},
}

var alikeInOutage = []samtest.Request{
	{What: "health without its table", Call: samtest.Get("/v1/health"), Status: 503},
}
