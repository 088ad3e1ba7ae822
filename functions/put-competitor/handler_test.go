package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
	"pricing/shared/testkit/cases"
	"pricing/shared/testkit/storetest"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	cases.Run(t, endpoint)
}

// TestEndpoint_TooMany: a competitor too many is refused; one that is there can still be changed.
func TestEndpoint_TooMany(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	storetest.PutCompetitors(t, client, table, store.MaxCompetitors)
	e := endpoint(boot.Function{Settings: cases.Settings, Store: store.New(client, store.Options{Table: table})})
	for id, want := range map[string]int{"one-too-many": http.StatusUnprocessableEntity, "c-0": http.StatusOK} {
		c := cases.Case{Request: "PUT /v1/competitors/" + id, Body: json.RawMessage(`{"name":"BigMart","kind":"retailer"}`)}
		response, _ := cases.Metered(t, e, c.Event(t, e))
		assert.Equal(t, want, response.StatusCode, response.Body)
		if want == http.StatusUnprocessableEntity {
			var problem gateway.Problem
			require.NoError(t, json.Unmarshal([]byte(response.Body), &problem))
			assert.Equal(t, "urn:problem-type:pricing:too-many-competitors", problem.Type)
			assert.Equal(t, "Too many competitors", problem.Title)
		}
	}
}
