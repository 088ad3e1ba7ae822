package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const wideMapping = `
productId: {from: item, slug: true}
competitorId: {from: shop, slug: true}
availability: {value: InStock}
price: {from: cell, decimal: ","}
currency: {value: EUR}
observedAt: {from: day, time: {layout: "2006-01-02", assume: "12:00", zone: UTC}}
source: {id: s, kind: feed}
skip: [{column: item, matches: ^Test}]
unpivot: {columns: [Alpha, Beta], name: shop, value: cell}
`

const wideTable = `item;day;Alpha;Beta
Oil 1 l;2025-11-20;9,75;
Rice 1 kg;2025-11-20;1,35;1,29
Test;2025-11-20;1;1
Nothing;2025-11-20;;
Ham;2025-11-20;1,99;a lot
Eggs;2025-11-20;3,456;2,10
`

// rejecting answers amount-precision for amounts with three decimals.
func rejecting(t *testing.T) *api {
	return newAPI(t, func(_ int, items []json.RawMessage) response {
		var all []string
		for _, i := range items {
			if strings.Contains(string(i), "3.456") {
				all = append(all, "rejected")
			} else {
				all = append(all, "created")
			}
		}
		resp := outcomes(all...)
		resp.body = strings.Replace(resp.body, `"problem":{`, `"problem":{"errors":[{"pointer":"/observations/`+
			indexOf(all, "rejected")+`/price/amount","code":"amount-precision","detail":"EUR has 2 minor digits; 3.456 has 3."}],`, 1)
		return resp
	})
}

func indexOf(all []string, one string) string {
	for i, s := range all {
		if s == one {
			text, _ := json.Marshal(i) // a number
			return string(text)
		}
	}
	return ""
}

// TestFeed_unpivot: counts are of rows, and observations are counted beside. A row is refused if one of its observations is, and the
// refusal names the file's own column.
func TestFeed_unpivot(t *testing.T) {
	t.Parallel()
	a := rejecting(t)
	file := write(t, "wide.csv", wideTable)
	o := run(t.Context(), t, a, nil, "-separator", ";", "-map", write(t, "map.yaml", wideMapping), file)
	assert.Equal(t, exitRefused, o.exit)
	s := o.summary
	assert.Equal(t, []int{6, 2, 2, 1, 1}, []int{s.Rows, s.Stored, s.Skipped, s.Unsendable, s.Rejected})
	assert.Equal(t, map[string]int{"created": 5}, s.Outcomes)
	assert.Equal(t, 6, s.Observations)
	assert.Equal(t, 6, s.AssumedTimes)
	assert.Equal(t, map[string]int{`item matches "^Test"`: 1, "none of the columns to unpivot is filled": 1}, s.SkippedFor)
	assert.Contains(t, o.stderr, "\n  6 observations have a date only: the time of day is the mapping's")
	text, err := os.ReadFile(file + ".rejected.ndjson")
	require.NoError(t, err)
	assert.Equal(t, `{"line":6,"column":"Beta","problem":{"type":"urn:problem-type:feed:amount-unreadable",`+ //nolint:testifylint // two lines
		`"title":"The row was not sent",`+
		`"errors":[{"pointer":"/Beta","field":"/price","code":"amount-unreadable",`+
		`"detail":"\"a lot\" is not a number: \"a\" is neither in strip nor in currencies."}]},`+
		`"row":{"item":"Ham","day":"2025-11-20","Beta":"a lot"}}
{"line":7,"column":"Alpha","problem":{"type":"urn:problem-type:pricing:amount-precision","status":422,`+
		`"errors":[{"pointer":"/Alpha","field":"/price/amount","code":"amount-precision","detail":"EUR has 2 minor digits; 3.456 has 3."}]},`+
		`"row":{"item":"Eggs","day":"2025-11-20","Alpha":"3,456"}}
`, string(text))
	assert.Contains(t, o.stderr, "\n  amount-precision 1, such as line 7: Alpha: EUR has 2 minor digits; 3.456 has 3.")
	assert.Contains(t, o.stderr, "\n  amount-unreadable 1, such as line 6: Beta: ")
}

// TestFeed_dryRun: the API is asked and stores nothing, and neither does the feeder.
func TestFeed_dryRun(t *testing.T) {
	t.Parallel()
	a := rejecting(t)
	a.other = func(r *http.Request, _ []byte) response {
		assert.Equal(t, http.MethodGet, r.Method, "nothing is registered")
		return response{200, "", `{"competitors":[{"competitorId":"beta","name":"Beta"}],"next":null}`}
	}
	file := write(t, "wide.csv", wideTable)
	rejected := write(t, "kept", "")
	require.NoError(t, os.Rename(rejected, file+".rejected.ndjson"))
	args := []string{"-separator", ";", "-map", write(t, "map.yaml", wideMapping), "-dry-run", "-register-competitors"}
	o := run(t.Context(), t, a, nil, append(args, file)...)
	assert.Equal(t, exitRefused, o.exit)
	assert.Contains(t, a.paths, "POST /v1/observations/batch?dryRun=true&results=problems")
	assert.True(t, o.summary.DryRun)
	assert.Contains(t, o.stderr, "competitors that would be registered first: alpha\n")
	assert.Contains(t, o.stderr, "dry run, nothing is stored: 6 rows in ")
	assert.Contains(t, o.stderr, "\n  would be stored 2, refused 2 (conflict 0, rejected 1, unsendable 1), skipped 2, ")
	assert.Len(t, refused(t, file+".dry-run"), 2)
	assert.FileExists(t, file+".rejected.ndjson", "that of an interrupted run belongs to its state")
	assert.NoFileExists(t, file+".state.json")

	t.Run("the first rows", func(t *testing.T) {
		o := run(t.Context(), t, a, nil, append(args, "-first", "2", file)...)
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, 2, o.summary.Rows)
		assert.Equal(t, 3, o.summary.Observations)
	})
	t.Run("a competitor that would be registered", func(t *testing.T) {
		unknown := newAPI(t, func(int, []json.RawMessage) response {
			resp := outcomes("rejected")
			resp.body = strings.Replace(resp.body, "amount-precision", "unknown-competitor", 1)
			return resp
		})
		unknown.other = a.other
		o := run(t.Context(), t, unknown, nil, append(args, "-first", "1", file)...)
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, map[string]int{"afterRegistration": 1}, o.summary.Outcomes)
	})
	t.Run("the first rows are for trying", func(t *testing.T) {
		o := run(t.Context(), t, a, nil, "-first", "2", file)
		assert.Equal(t, exitUsage, o.exit)
		assert.Contains(t, o.stderr, "-first is a number of rows, for -print and -dry-run")
	})
}

// TestFeed_explain shows a row, what each rule makes of it, and the observation.
func TestFeed_explain(t *testing.T) {
	t.Parallel()
	mapping := write(t, "map.yaml", strings.Split(wideMapping, "skip:")[0]+"skip: [{column: item, matches: ^Test}]\n")
	file := write(t, "a.csv", "item,shop,day,cell\nOil,Alpha,2025-11-20,\"9,75\"\nTest,x,x,x\nHam,Alpha,20/11,\"1,999\"\n")
	explained := func(line string) outcome {
		return run(t.Context(), t, nil, nil, "-explain", line, "-map", mapping, file)
	}
	assert.Equal(t, `The row at line 2:
  {
    "item": "Oil",
    "shop": "Alpha",
    "day": "2025-11-20",
    "cell": "9,75"
  }
What the rules make of it:
  productId     from item        item "Oil"        -> Oil
  competitorId  from shop        shop "Alpha"      -> alpha
  availability  value "InStock"                    -> InStock
  currency      value "EUR"                        -> EUR
  price         from cell        cell "9,75"       -> 9.75 EUR
  observedAt    from day         day "2025-11-20"  -> 2025-11-20T12:00:00Z
The observation:
  {"productId":"Oil","competitorId":"alpha","availability":"InStock","price":{"amount":"9.75","currency":"EUR"},`+
		`"source":{"id":"s","kind":"feed"},"observedAt":"2025-11-20T12:00:00Z"}
`, explained("2").stdout)
	assert.Contains(t, explained("3").stdout, `It is skipped: item matches "^Test"`)
	assert.Contains(t, explained("4").stdout, "It is refused: day: ")
	o := explained("9")
	assert.Equal(t, exitUsage, o.exit)
	assert.Contains(t, o.stderr, "there is no row at line 9: the rows of "+file+" are at lines 2 to 4")
	empty := write(t, "empty.csv", "item,shop,day,cell\n")
	o = run(t.Context(), t, nil, nil, "-explain", "2", "-map", mapping, empty)
	assert.Equal(t, exitUsage, o.exit)
	assert.Contains(t, o.stderr, empty+" has no rows")
}

// TestFeed_columns: a mapping's column that the file does not have is told, before the first row or after the last.
func TestFeed_columns(t *testing.T) {
	t.Parallel()
	mapping := write(t, "map.yaml", strings.Split(wideMapping, "skip:")[0])
	o := run(t.Context(), t, newAPI(t, allCreated), nil, "-map", mapping, write(t, "a.csv", "item,store,day,cell\nOil,Alpha,2025-11-20,1\n"))
	assert.Equal(t, exitRefused, o.exit)
	assert.Contains(t, o.stderr, `the mapping names what is no column of the file: "shop"; its columns are "item", "store", "day", "cell"`)
	o = run(t.Context(), t, newAPI(t, allCreated), nil, "-map", mapping,
		write(t, "a.ndjson", `{"item":"Oil","shop":"A B","day":"2025-11-20","price":1}`+"\n"))
	assert.Contains(t, o.stderr, `no row has "cell", which the mapping names`)
	o = run(t.Context(), t, newAPI(t, allCreated), nil, "-map", mapping, write(t, "a.csv", "item,shop,day,cell\nOil,A B,2025-11-20,\n"))
	assert.NotContains(t, o.stderr, "no row has", "the column is there, and empty")
}

// TestFeed_neverSkipped: a condition that no row meets is mostly a typing error.
func TestFeed_neverSkipped(t *testing.T) {
	t.Parallel()
	mapping := write(t, "map.yaml", strings.Replace(wideMapping, "^Test", "^Tset", 1))
	o := run(t.Context(), t, nil, nil, "-print", "-separator", ";", "-map", mapping, write(t, "wide.csv", wideTable))
	assert.Contains(t, o.stderr, "no row is skipped for item matches \"^Tset\"\n")
}

// TestFeed_reasons: a row with several faults counts for each.
func TestFeed_reasons(t *testing.T) {
	t.Parallel()
	mapping := write(t, "map.yaml", strings.Split(wideMapping, "skip:")[0])
	o := run(t.Context(), t, nil, nil, "-print", "-map", mapping, write(t, "a.csv", "item,shop,day,cell\nOil,A B,yesterday,cheap\n"))
	assert.Equal(t, map[string]int{"amount-unreadable": 1, "time-unreadable": 1}, o.summary.Reasons)
	assert.Equal(t, 1, o.summary.Unsendable)
	assert.Contains(t, o.stderr, "\n  time-unreadable 1, such as line 2: day: ")
}

// TestFeed_manyColumns: a row may be longer than an observation, if it makes many.
func TestFeed_manyColumns(t *testing.T) {
	t.Parallel()
	const columns = 1000
	header, row := "item;day", "Oil;2025-11-20"
	for i := range columns {
		header += fmt.Sprintf(";The shop of the number %d, Ljubljana", i)
		row += ";1299,99"
	}
	mapping := strings.Replace(wideMapping, "columns: [Alpha, Beta]", "except: [item, day]", 1)
	o := run(t.Context(), t, newAPI(t, allCreated), nil, "-separator", ";", "-map", write(t, "map.yaml", mapping),
		write(t, "wide.csv", header+"\n"+row+"\n"))
	assert.Equal(t, exitStored, o.exit, o.stderr)
	assert.Equal(t, map[string]int{"created": columns}, o.summary.Outcomes)
}

// TestFeed_unnamed: of a request with very many faults, the API says of the last items only how many they have. The rows are refused with
// their reasons all the same.
func TestFeed_unnamed(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"amount-precision":   "line 2: cell: EUR has 2 minor digits; 3.456 has 3.",
		"unknown-competitor": "line 2: T.", // only the API knows
	} {
		a := newAPI(t, func(int, []json.RawMessage) response {
			resp := outcomes("rejected")
			resp.body = strings.NewReplacer("amount-precision", code, `"problem":{`, `"problem":{"title":"T.","errors":[`+
				`{"pointer":"/observations/0","code":"`+code+`","detail":"and 1 more"}],`).Replace(resp.body)
			return resp
		})
		amount := map[bool]string{true: "3.456", false: "3.45"}[code == "amount-precision"]
		mapping := strings.Replace(strings.Split(wideMapping, "skip:")[0], `decimal: ","`, `decimal: "."`, 1)
		o := run(t.Context(), t, a, nil, "-map", write(t, "map.yaml", mapping), "-rejected-dir", t.TempDir(),
			write(t, "a.csv", "item,shop,day,cell\nOil,Alpha,2025-11-20,"+amount+"\n"))
		assert.Equal(t, map[string]int{code: 1}, o.summary.Reasons)
		assert.Contains(t, o.stderr, "\n  "+code+" 1, such as "+want+"\n")
	}
}

// TestFeed_tooLarge: the observations of a row take memory, too. What was read is accounted for, and nothing of the file is sent.
func TestFeed_tooLarge(t *testing.T) {
	t.Parallel()
	file, summary := write(t, "a.csv", "item,day,Alpha,Beta\n"+strings.Repeat("Oil,2025-11-20,1,x\n", 9)), write(t, "summary.json", "")
	var stdout, stderr bytes.Buffer
	p := program{stdout: &stdout, console: console{w: &stderr}, now: time.Now, memory: 1000}
	assert.Equal(t, exitRefused, p.run(t.Context(), []string{"-print", "-map", write(t, "map.yaml", wideMapping), "-summary", summary, file}))
	assert.Contains(t, stderr.String(), "too much memory: split the file")
	assert.Empty(t, stdout.String())
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	var s Summary
	require.NoError(t, json.Unmarshal(text, &s))
	assert.Equal(t, []int{5, 0, 5}, []int{s.Rows, s.Unsendable, s.NotSent})
}
