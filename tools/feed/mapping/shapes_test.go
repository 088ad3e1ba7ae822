package mapping

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// shapes are the rows of the files in ../testdata/shapes, as their readers pass them on, and why some are refused.
//
//nolint:lll // data rows
var shapes = map[string]struct {
	mapping string // if it has not the file's name
	rows    []string
	refused []string
}{
	"special-or-regular.csv": {rows: []string{
		`{"ean":"4006381334105","product":"Oat biscuits 200 g","price":"2.49","special_price":"","available":"1"}`,
		`{"ean":"4006381334112","product":"Rye biscuits 200 g","price":"2.79","special_price":"1.99","available":"1"}`,
		`{"ean":"4006381334129","product":"Spelt biscuits 200 g","price":"","special_price":"1.49","available":"1"}`,
		`{"ean":"4006381334136","product":"Rice biscuits 200 g","price":"2.29","special_price":"2.29","available":"0"}`,
	}},
	"first-of-two-columns.csv": {rows: []string{`{"sku":"TP-1","price":"2480","sale":"1980"}`, `{"sku":"TP-2","price":"2480","sale":""}`}},
	"stray-quote.csv":          {mapping: "plain", rows: lamps(1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12)}, // 5 is not read
	"tabs.tsv":                 {mapping: "plain", rows: []string{`{"sku":"T-1","price":"1.50","when":"2026-11-20T10:00:00Z"}`, `{"sku":"T-2","price":"0.05","when":"2026-11-20T10:00:01Z"}`}},
	"utf-16.csv":               {mapping: "plain", rows: []string{`{"sku":"U-1","price":"1.50","when":"2026-11-20T10:00:00Z"}`, `{"sku":"U-2","price":"0.05","when":"2026-11-20T10:00:01Z"}`}},
	"preamble-semicolons.csv": {
		rows: []string{
			`{"station":"20410","fuel":"Diesel","price":"1.689","self":"1","reported":"29/03/2026 02:30:00"}`,
			`{"station":"20410","fuel":"Diesel","price":"1.699","self":"1","reported":"29/03/2026 03:30:00"}`,
			`{"station":"20410","fuel":"Super 95","price":"1.809","self":"0","reported":"25/10/2026 01:30:00"}`,
			`{"station":"20411","fuel":"Super 95","price":"1.799","self":"1","reported":"25/10/2026 02:30:00"}`,
			`{"station":"20411","fuel":"LPG","price":"0.709","self":"0","reported":"19/11/2026 20:00:00"}`,
		},
		refused: []string{
			`time-missing observedAt reported: 29/03/2026 02:30:00 does not exist in Europe/Rome: the clocks went from 2026-03-29 02:00:00 to 2026-03-29 03:00:00.`,
			`time-ambiguous observedAt reported: 25/10/2026 02:30:00 happens twice in Europe/Rome: 2026-10-25T00:30:00Z and 2026-10-25T01:30:00Z.`,
		},
	},
	"no-offset.csv": {
		rows: []string{
			`{"seen":"2026-03-29 02:30:00","shop":"alpha","item":"Plaster 20","price":"3.99"}`,
			`{"seen":"2026-09-26 21:39:08.000001","shop":"alpha","item":"Plaster 20","price":"3.79"}`,
			`{"seen":"2026-10-25 02:30:00","shop":"alpha","item":"Plaster 20","price":"3.49"}`,
		},
		refused: []string{
			`time-missing observedAt seen: 2026-03-29 02:30:00 does not exist in Europe/Rome: the clocks went from 2026-03-29 02:00:00 to 2026-03-29 03:00:00.`,
			`time-ambiguous observedAt seen: 2026-10-25 02:30:00 happens twice in Europe/Rome: 2026-10-25T00:30:00Z and 2026-10-25T01:30:00Z.`,
		},
	},
	"signs-euro.csv": {
		rows: []string{
			`{"shop":"alpha","product":"Rice 1 kg","price":"1,29 €"}`, `{"shop":"alpha","product":"Honey 500 g","price":"6,49\u00a0€"}`,
			`{"shop":"beta","product":"Rice 1 kg","price":"1.35 €"}`, `{"shop":"beta","product":"Cheese","price":"3.350 €"}`,
			`{"shop":"beta","product":"Truffle 1 kg","price":"2.150,00 EUR"}`,
		},
		refused: []string{`amount-unreadable price price: "2.150,00 EUR" is not a number: "EUR" is neither in strip nor in currencies.`},
	},
	"signs-dollar.csv": {
		rows: []string{`{"name":"Skim milk","brand":"Hill","price":"$2.89"}`, `{"name":"Honey 40 lb","brand":"Hill","price":"$1,150.25"}`,
			`{"name":"Cheddar","brand":"Hill","price":"$6.49/lb"}`},
		refused: []string{`amount-unreadable price price: "$6.49/lb" is not a number: "/lb" is neither in strip nor in currencies.`},
	},
	"epoch-seconds.ndjson": {rows: []string{`{"sku": "S-0", "cents": 1999, "ts": 1763996400, "state": "in stock"}`,
		`{"sku": "S-1", "cents": 5, "ts": 1764000000, "state": "sold out"}`}},
	"epoch-milliseconds.ndjson": {rows: []string{`{"sku": "M-9", "price": "12.50", "ts": 1764000000123}`}},
	"date-only.csv":             {rows: []string{`{"date":"2026-08-30","shop":"alpha","item":"Tofu","price":"2.19"}`, `{"date":"2026-10-31","shop":"alpha","item":"Tofu","price":"2.29"}`}},
	"wide.csv":                  {rows: []string{`{"item":"Flour 1 kg","Alpha":"0.99","Gamma":"1.05"}`, `{"item":"Sugar 1 kg","Alpha":"1.35","Beta":"1.29","Gamma":"1.40"}`}},
	"sep-line.csv":              {rows: []string{`{"sku":"B-1","price":"1,50"}`}},
	"pretty-json.json":          {rows: []string{`{"sku":"P-1","price":"1.50","seen":"2026-11-20T10:00:00Z"}`, `{"sku":"P-2","price":2.50,"seen":"2026-11-20T10:00:01Z"}`}},
	"windows-1250.csv":          {rows: []string{`{"sku":"H-1","prodavač":"Trgovina Međimurje","cijena":"12,49"}`, `{"sku":"H-2","prodavač":"Šibenik Žuti","cijena":"3,15"}`}},
	"withdrawn-currency.ndjson": {
		rows: []string{`{"sku": "W-1", "price": "9.90", "currency": "BGN", "seen": "2025-12-31T23:59:59Z"}`,
			`{"sku": "W-1", "price": "9.90", "currency": "BGN", "seen": "2026-01-01T00:00:00Z"}`, `{"sku": "W-1", "price": "5.06", "currency": "EUR", "seen": "2026-01-01T00:00:01Z"}`},
		refused: []string{"API: BGN is valid only for prices observed before 2026-01-01, when ISO 4217 withdrew it."},
	},
}

func lamps(numbers ...int) []string {
	var rows []string
	for _, n := range numbers {
		rows = append(rows, fmt.Sprintf(`{"sku":"L-%02d","title":"any","price":"%d.90","when":"2026-11-20T10:00:%02dZ"}`, n, 20+n, n))
	}
	return rows
}

// TestShapes: each shape of a file, with its shipped mapping, gives the observations that stand beside it, and the API takes them.
func TestShapes(t *testing.T) {
	const dir = "../testdata/shapes/"
	files, err := filepath.Glob(dir + "*.want.ndjson")
	require.NoError(t, err)
	require.Len(t, files, len(shapes))
	used := []string{"fuel", "gpu-rental"}
	for name, tt := range shapes {
		mapping := tt.mapping
		if mapping == "" {
			mapping = strings.TrimSuffix(name, filepath.Ext(name))
		}
		used = append(used, mapping)
		t.Run(name, func(t *testing.T) {
			m, err := Load("../mappings/" + mapping + ".yaml")
			require.NoError(t, err)
			mapper := m.NewMapper()
			require.NoError(t, mapper.Begin(dir+name))
			var stored, refused []string
			for _, row := range tt.rows {
				for _, text := range observe(t, mapper, row) {
					if _, column, unpivoted := strings.Cut(text, " -> "); unpivoted {
						text = column
					}
					if !strings.HasPrefix(text, "{") {
						refused = append(refused, text)
					} else if said := askAPI(t, text); said != "" {
						refused = append(refused, "API: "+said)
					} else {
						stored = append(stored, text)
					}
				}
			}
			want, err := os.ReadFile(dir + name + ".want.ndjson")
			require.NoError(t, err)
			assert.Equal(t, string(want), strings.Join(stored, "\n")+"\n")
			assert.Equal(t, tt.refused, refused)
			assert.Empty(t, mapper.Missing())
		})
	}
	mappings, err := filepath.Glob("../mappings/*.yaml")
	require.NoError(t, err)
	for i := range mappings {
		mappings[i] = strings.TrimSuffix(filepath.Base(mappings[i]), ".yaml")
		_, err := Load("../mappings/" + mappings[i] + ".yaml")
		require.NoError(t, err)
	}
	slices.Sort(used)
	assert.Equal(t, mappings, slices.Compact(used), "each shipped mapping has a file")
}

// askAPI is what the API's rules say of an observation, "" if they take it.
func askAPI(t *testing.T, observation string) string {
	t.Helper()
	doc, err := jsondoc.Parse([]byte(observation))
	require.NoError(t, err)
	var r jsondoc.Reader
	price.ReadSubmission(r.At(doc, ""), jsondoc.Value{}, true,
		price.Clock{Now: price.At(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)), Retention: math.MaxInt64})
	if r.Err() == nil {
		return ""
	}
	return fault.Of(r.Err()).Fields[0].Detail
}
