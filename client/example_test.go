package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"pricing/client"
)

// api answers as the service does, with one thing each.
func api() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/batch"):
			_, _ = fmt.Fprint(w, `{"counts":{"received":2,"created":1,"rejected":1},"results":[
				{"index":0,"status":201,"outcome":"created"},
				{"index":1,"status":422,"outcome":"rejected","problem":{"type":"urn:problem-type:pricing:unknown-competitor",
					"title":"Unknown competitor","status":422,"detail":"The competitor \"x\" is not registered or inactive."}}]}`)
		case strings.HasPrefix(r.URL.Path, "/v1/products/ZU-1042/"):
			_, _ = fmt.Fprint(w, `{"offers":[{"competitorId":"bigmart","landed":{"amount":"22.94","currency":"USD"}},
				{"competitorId":"dealz","landed":null}],"next":null}`)
		default:
			w.Header().Set("X-Request-Id", "JKJaXmPLvHcESHA=")
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"type":"urn:problem-type:pricing:unknown-product","title":"Unknown product","status":404}`)
		}
	}))
}

func ExampleClient_RecordObservations() {
	server := api()
	defer server.Close()

	prices, err := client.New(server.URL, "cpi_...")
	if err != nil {
		fmt.Println(err)
	}
	seen := client.Submission{
		ProductID: "ZU-1042", CompetitorID: "bigmart", Availability: client.AvailabilityInStock,
		Price:  &client.Money{Amount: "19.95", Currency: "USD"},
		Source: client.Source{ID: "crawler-a", Kind: client.SourceKindCrawler}, ObservedAt: time.Now(),
	}
	elsewhere := seen
	elsewhere.CompetitorID = "x"
	results, err := prices.RecordObservations(context.Background(), client.RecordObservationsParams{}, []client.Submission{seen, elsewhere})
	if err != nil {
		fmt.Println("send the rest later:", err)
	}
	for _, r := range results {
		fmt.Println(r.Index, r.Outcome)
		if r.Problem != nil {
			fmt.Println(r.Problem)
		}
	}
	// Output:
	// 0 created
	// 1 rejected
	// 422 Unprocessable Entity: unknown-competitor: Unknown competitor. The competitor "x" is not registered or inactive.
}

func ExampleClient_Offers() {
	server := api()
	defer server.Close()

	prices, err := client.New(server.URL, "cpi_...")
	if err != nil {
		fmt.Println(err)
	}
	for offer, err := range prices.Offers(context.Background(), "ZU-1042", client.ListOffersParams{InStock: true}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		if offer.Landed == nil {
			fmt.Println(offer.CompetitorID, "unknown")
			continue
		}
		fmt.Println(offer.CompetitorID, offer.Landed.Amount, offer.Landed.Currency)
	}
	// Output:
	// bigmart 22.94 USD
	// dealz unknown
}

func ExampleProblem() {
	server := api()
	defer server.Close()

	prices, err := client.New(server.URL, "cpi_...")
	if err != nil {
		fmt.Println(err)
	}
	_, err = prices.ListHistory(context.Background(), "NOPE", client.ListHistoryParams{})
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		fmt.Println(problem.Status, problem.Code(), problem.RequestID())
	}
	// Output:
	// 404 unknown-product JKJaXmPLvHcESHA=
}
