package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const csvHeader = "productId,competitorId,availability,price.amount,price.currency,source.id,source.kind,observedAt\n"

func TestFeed_csv(t *testing.T) {
	t.Parallel()
	row := func(product, price string) string {
		return product + ",shop,InStock," + price + ",USD,a,feed,2026-01-01T00:00:00Z"
	}
	want := func(product, price string) string {
		return `{"productId":` + product + `,"competitorId":"shop","availability":"InStock","price":{"amount":` + price +
			`,"currency":"USD"},"source":{"id":"a","kind":"feed"},"observedAt":"2026-01-01T00:00:00Z"}`
	}
	plain := csvHeader + row("P1", "1.50") + "\n"
	tests := map[string]struct {
		name, content string
		args          []string
		want          []string
	}{
		"by its name": {"a.csv", plain, nil, []string{want(`"P1"`, `"1.50"`)}},
		"in capitals": {"A.CSV", plain, nil, []string{want(`"P1"`, `"1.50"`)}},
		"gzip":        {"a.csv.gz", zipped(t, plain), nil, []string{want(`"P1"`, `"1.50"`)}},
		"by a gtin": {"a.csv", strings.Replace(plain, "productId", "gtin", 1), nil, []string{strings.Replace(want(`"P1"`, `"1.50"`),
			"productId", "gtin", 1)}},
		"by the flag":     {"a.txt", plain, []string{"-format", "csv"}, []string{want(`"P1"`, `"1.50"`)}},
		"no last newline": {"a.csv", strings.TrimSpace(plain), nil, []string{want(`"P1"`, `"1.50"`)}},
		"CRLF, mark and blank lines": {"a.csv", "\ufeff" +
			strings.ReplaceAll(csvHeader+row("P1", "1")+"\n\n"+row("P2", "2")+"\n", "\n", "\r\n"), nil,
			[]string{want(`"P1"`, `"1"`), want(`"P2"`, `"2"`)}},
		"quoted": {"a.csv", csvHeader + row(`"a,""b""`+"\nc\"", `"1.50"`) + "\n", nil, []string{want(`"a,\"b\"\nc"`, `"1.50"`)}},
		"a number where the API has one": {"a.csv", "promotion.label,promotion.minQuantity," + csvHeader +
			"A,3," + row("P1", "1") + "\n,x," + row("P2", "2") + "\n", nil, []string{
			strings.TrimSuffix(want(`"P1"`, `"1"`), "}") + `,"promotion":{"label":"A","minQuantity":3}}`,
			strings.TrimSuffix(want(`"P2"`, `"2"`), "}") + `,"promotion":{"minQuantity":"x"}}`,
		}},
		"as the API writes it": {"a.csv", "sellerId,receivedAt,client,observationId," + csvHeader +
			"'=1+1,2026-01-01T00:00:01Z,night-run,K7Q2," + row("P1", "1") + "\n''=,,,," + row("P2", "2") + "\n'x,,,," + row("P3", "3") + "\n", nil,
			[]string{strings.Replace(want(`"P1"`, `"1"`), "{", `{"sellerId":"=1+1",`, 1),
				strings.Replace(want(`"P2"`, `"2"`), "{", `{"sellerId":"'=",`, 1),
				strings.Replace(want(`"P3"`, `"3"`), "{", `{"sellerId":"'x",`, 1)}},
		"JSON as the API writes it": {"a.ndjson", strings.Replace(want(`"P1"`, `"1"`), "{",
			`{"receivedAt":"2026-01-01T00:00:01Z","client":"<a>","observationId":"K7Q2","sellerId":"'=1",`, 1) + "\n", nil,
			[]string{strings.Replace(want(`"P1"`, `"1"`), "{", `{"sellerId":"'=1",`, 1)}},
		"JSON with a name twice": {"a.ndjson", strings.Replace(want(`"P1"`, `"1"`), "{", `{"client":"a","client":"b",`, 1) + "\n", nil,
			[]string{strings.Replace(want(`"P1"`, `"1"`), "{", `{"client":"a","client":"b",`, 1)}},
		"empty is absent, but the price is null": {"a.csv", csvHeader + "P1,shop,OutOfStock,,,a,feed,2026-01-01T00:00:00Z\n", nil,
			[]string{`{"productId":"P1","competitorId":"shop","availability":"OutOfStock","price":null,` +
				`"source":{"id":"a","kind":"feed"},"observedAt":"2026-01-01T00:00:00Z"}`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, allCreated)
			o := run(t.Context(), t, a, nil, append(tt.args, write(t, tt.name, tt.content))...)
			assert.Equal(t, exitStored, o.exit, o.stderr)
			require.Len(t, a.bodies, 1)
			assert.JSONEq(t, batchHead+strings.Join(tt.want, ",")+batchTail, string(a.bodies[0]))
		})
	}
	t.Run("standard input", func(t *testing.T) {
		a := newAPI(t, allCreated)
		assert.Equal(t, exitStored, run(t.Context(), t, a, strings.NewReader(plain), "-format", "csv").exit)
		assert.Equal(t, []int{1}, a.sizes())
	})
	t.Run("in time order", func(t *testing.T) {
		o := run(t.Context(), t, nil, nil, "-print", write(t, "a.csv",
			csvHeader+"P2,shop,InStock,1,USD,a,feed,2025-01-02T00:00:00Z\nP1,shop,InStock,1,USD,a,feed,2025-01-01T00:00:00Z\n"))
		assert.Less(t, strings.Index(o.stdout, "P1"), strings.Index(o.stdout, "P2"))
	})
	t.Run("with a mapping", func(t *testing.T) {
		header := ",product,competitor,seller,availability,price,currency,observedAt,more\n"
		file := write(t, "a.csv", header+`0,Diesel,BP,"Shop, No. 1",,118.9,AUD,2026-01-01T00:00:00Z,x`)
		o := run(t.Context(), t, nil, nil, "-print", "-map", "mappings/fuel.yaml", file)
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.JSONEq(t, `{"productId":"Diesel","competitorId":"bp","sellerId":"Shop, No. 1","availability":"InStock",
			"price":{"amount":"118.9","currency":"AUD"},"source":{"id":"queensland-fuel-prices","kind":"crawler"},
			"observedAt":"2026-01-01T00:00:00Z"}`, o.stdout)
	})
}

func TestFeed_csvRefused(t *testing.T) {
	t.Parallel()
	good := "P,shop,InStock,1,USD,a,feed,2026-01-01T00:00:00Z"
	tests := map[string]struct{ row, wantCode, wantRow string }{
		"a column too few":  {"P,shop", "columns", `"P,shop"`},
		"a column too many": {good + ",more", "columns", `"P,shop,InStock,1,USD,a,feed,2026-01-01T00:00:00Z,more"`},
		"text after quotes": {`"P"1` + good[1:], "malformed-csv", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, allCreated)
			file := write(t, "a.csv", csvHeader+strings.Replace(good, "P", "\"P\n\"", 1)+"\n"+tt.row+"\n"+good+"\n")
			o := run(t.Context(), t, a, nil, file)
			assert.Equal(t, exitRefused, o.exit)
			assert.Equal(t, map[string]int{"created": 2}, o.summary.Outcomes, "the neighbours are sent")
			rows := refused(t, file)
			require.Len(t, rows, 1)
			assert.Equal(t, 4, rows[0].Line, "the first row takes two lines")
			assert.Equal(t, "urn:problem-type:feed:"+tt.wantCode, rows[0].Problem.Type)
			if tt.wantRow != "" {
				assert.JSONEq(t, tt.wantRow, string(rows[0].Row))
			}
		})
	}
	t.Run("the header", func(t *testing.T) {
		tests := map[string]struct{ content, want string }{
			"nothing at all": {"", "CSV header: there is none: the file has no line with a text"},
			"a wrong name": {strings.Replace(csvHeader, "productId", "product", 1),
				`no field of an observation has the name "product": a mapping says what such a column is (-map), ` +
					`there is no column "productId" or "gtin"`},
			"an outer name":  {"price," + csvHeader, `no field of an observation has the name "price": `},
			"twice":          {"productId," + csvHeader, `"productId" is there twice`},
			"without a name": {"," + csvHeader, `no field of an observation has the name "": `},
			"missing": {"productId,competitorId\n",
				`there is no column "availability", there is no column "source.id", there is no column "source.kind", there is no column "observedAt"`},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				a := newAPI(t, allCreated)
				file := write(t, "a.csv", tt.content+good+"\n")
				if tt.content == "" {
					file = write(t, "a.csv", "")
				}
				o := run(t.Context(), t, a, nil, file)
				assert.Equal(t, exitRefused, o.exit)
				assert.Contains(t, o.stderr, tt.want)
				assert.Equal(t, 1, strings.Count(o.stderr, "CSV header"))
				assert.Empty(t, a.bodies)
				assert.NoFileExists(t, file+".rejected.ndjson")
			})
		}
		o := run(t.Context(), t, newAPI(t, allCreated), nil, "-map", "mappings/fuel.yaml", write(t, "a.csv", "product,competitor\nDiesel,BP\n"))
		assert.Contains(t, o.stderr, `CSV header: the mapping names what is no column of the file: "availability", "currency", `)
	})
}
