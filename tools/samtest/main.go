// Command samtest runs this project in the real SAM CLI and compares its answers with those of samkit/local.
//
//	go run ./tools/samtest
//
// How it does so, and what it needs, is in `go doc ./samkit/samtest`. What both must answer alike is in alike.go, where SAM local
// is known to answer otherwise in differences.go. It ends with status 1 when something is not as it should be.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	"pricing/samkit/samtest"
	"pricing/shared/store"
	"pricing/shared/token"
	"pricing/tools/internal/tablestore"
)

// project describes this project. The throttle is what one of the known differences needs: no other asks one method
// ThrottleBurst times.
var project = samtest.Project{
	Parameters:        []string{"DeployEnv=dev", "HistoryDays=4000", "Architecture=x86_64", "ThrottleRate=1", "ThrottleBurst=20"},
	EndpointParameter: "StoreEndpoint",
	Table:             "pricing-dev",
	TableVariable:     "TABLE_NAME",
	RequestID:         "x-request-id",
	// A competitor's health is written once a minute, so which observation it has depends on when the target was asked.
	Times:       []string{"receivedAt", "lastReceivedAt", "lastObservedAt"},
	Prepare:     makeTokens,
	Invocations: invocations,
	Usual:       samtest.Requests{Alike: alike},
	Outage:      samtest.Requests{Alike: alikeInOutage, Different: differencesInOutage},
	Measured:    []samtest.Call{samtest.Get("/v1/health"), as("all", samtest.Get("/v1/competitors"))},
}

func main() {
	template, err := os.ReadFile("template.yaml")
	if err != nil {
		fmt.Fprintln(os.Stderr, "samtest: run it in the project's root:", err)
		os.Exit(1)
	}
	project.Usual.Different = differences(string(template))
	os.Exit(samtest.Main(project))
}

// clients have a token on both targets. These are their scopes.
var clients = map[string][]string{
	"all":     {token.ScopeIngest, token.ScopeRead, token.ScopeCatalog},
	"feed":    {token.ScopeIngest},
	"revoked": {token.ScopeRead},
	"late":    {token.ScopeRead}, // asks nothing before the outage
}

// as sends a request with the token of a client.
func as(client string, c samtest.Call) samtest.Call {
	return with("Authorization", "Bearer {{"+client+"}}", c)
}

// with sends a request with another header.
func with(name, value string, c samtest.Call) samtest.Call {
	header := map[string]string{}
	maps.Copy(header, c.Header)
	header[name] = value
	c.Header = header
	return c
}

// makeTokens makes a token for each client.
func makeTokens(ctx context.Context, t *samtest.Target) error {
	s := open(t.Endpoint, t.Table)
	for client, scopes := range clients {
		made, err := makeToken(ctx, s, client, scopes...)
		if err != nil {
			return err
		}
		t.Values[client] = made.String()
	}
	t.Values["nobody"] = token.Mint("dev").String()
	return nil
}

func makeToken(ctx context.Context, s *store.Store, client string, scopes ...string) (token.Token, error) {
	made := token.Mint("dev")
	err := s.PutToken(ctx, token.Record{
		KeyID: made.KeyID, Digest: made.Digest(), Client: client, Scopes: scopes,
		NotBefore: time.Now().Add(-time.Minute), Expires: time.Now().Add(time.Hour), Active: true,
	})
	if err != nil {
		return token.Token{}, fmt.Errorf("make a token for %s: %w", client, err)
	}
	return made, nil
}

func open(endpoint, table string) *store.Store {
	variables := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
	}
	return tablestore.Open(table, func(name string) string { return variables[name] })
}
