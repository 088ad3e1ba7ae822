package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPointers: a pointer in the file of refused rows leads into the row as it stands there, whatever the API's pointer was.
func TestPointers(t *testing.T) {
	t.Parallel()
	const nested = `
productId: {from: item.id}
competitorId: {from: shop, slug: true}
availability: {value: InStock}
price: {first: [offer.sale, offer.list]}
currency: {from: offer.money/code}
observedAt: {from: "seen~at"}
source: {id: s, kind: feed}
`
	type group struct {
		Amount   string `parquet:"amount"`
		Currency string `parquet:"currency"`
	}
	type row struct {
		ProductID    string `parquet:"productId"`
		CompetitorID string `parquet:"competitorId"`
		Availability string `parquet:"availability"`
		Price        *group `parquet:"price"`
		Source       struct {
			ID   string `parquet:"id"`
			Kind string `parquet:"kind"`
		} `parquet:"source"`
		ObservedAt string `parquet:"observedAt"`
	}
	var b bytes.Buffer
	require.NoError(t, parquet.Write(&b, []row{{ProductID: "a", Price: &group{"1", "EUR"}}}))
	groups := b.String()
	const header = "productId,competitorId,availability,price.amount,price.currency,source.id,source.kind,observedAt\n"
	const paths = `{"item":{"id":"a"},"shop":"b","offer":{"list":"1","money/code":"EUR"},"seen~at":"2025-01-01T00:00:00Z"}`
	const literal = `{"item.id":"a","shop":"b","offer":{"list":"1","money/code":"EUR"},"seen~at":"2025-01-01T00:00:00Z"}`
	tests := map[string]struct {
		file, content, mapping, into string
		pointer, field               string
	}{
		"a path":                  {"a.json", paths, nested, "/productId", "/item/id", "/productId"},
		"a name like a path":      {"a.json", literal, nested, "/productId", "/item.id", "/productId"},
		"the first that is there": {"a.json", paths, nested, "/price/amount", "/offer/list", "/price/amount"},
		"a name with a slash":     {"a.json", paths, nested, "/price/currency", "/offer/money~1code", "/price/currency"},
		"a name with a tilde":     {"a.json", paths, nested, "/observedAt", "/seen~0at", "/observedAt"},
		"the same name":           {"a.json", paths, nested + "url: {from: url}\n", "/url", "/url", ""},
		"a constant":              {"a.json", paths, nested, "/availability", "", "/availability"},
		"as sent":                 {"a.json", paths, "", "/price/amount", "/price/amount", ""},
		"a column":                {"a.csv", header + "a,b,c,1,EUR,d,e,f\n", "", "/price/amount", "/price.amount", "/price/amount"},
		"an empty column":         {"a.csv", header + "a,b,c,,,d,e,f\n", "", "/price/amount", "/price.amount", "/price/amount"},
		"several columns":         {"a.csv", header + "a,b,c,1,EUR,d,e,f\n", "", "/price", "", "/price"},
		"a column in a group":     {"a.parquet", groups, "", "/price/amount", "/price/amount", ""},
		"a group":                 {"a.parquet", groups, "", "/price", "/price", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(int, []json.RawMessage) response {
				return response{status: 422, body: `{"counts":{"received":1,"rejected":1},"results":[{"index":0,"status":422,"outcome":"rejected",` +
					`"problem":{"type":"urn:problem-type:pricing:x","errors":[{"pointer":"/observations/0` + tt.into + `","code":"c","detail":"d"}]}}]}`}
			})
			file := write(t, tt.file, tt.content)
			var args []string
			if tt.mapping != "" {
				args = []string{"-map", write(t, "map.yaml", tt.mapping)}
			}
			o := run(t.Context(), t, a, nil, append(args, file)...)
			require.Equal(t, 1, o.summary.Rejected, o.stderr)
			assert.Equal(t, []mistake{{Pointer: tt.pointer, Field: tt.field, Code: "c", Detail: "d"}}, refused(t, file)[0].Problem.Errors)
		})
	}
}

// TestPointers_refusedHere: the same of rows that are not sent.
func TestPointers_refusedHere(t *testing.T) {
	t.Parallel()
	file := write(t, "a.json", `{"item":"a","shop":"b","offer":{"price":"much"},"seen":"2025-01-01T00:00:00Z"}`)
	o := run(t.Context(), t, newAPI(t, allCreated), nil, "-map", write(t, "map.yaml", `
productId: {from: item}
competitorId: {from: shop}
availability: {value: InStock}
price: {from: offer.price, decimal: "."}
currency: {value: EUR}
observedAt: {from: seen}
source: {id: s, kind: feed}
`), file)
	require.Equal(t, 1, o.summary.Unsendable, o.stderr)
	assert.Equal(t, "/offer/price", refused(t, file)[0].Problem.Errors[0].Pointer)
}
