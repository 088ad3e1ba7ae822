package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/shared/testkit/contract"
)

// document reads the committed document, as clients do.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	d, err := openapi3.NewLoader().LoadFromFile(root + "/" + contract.File)
	require.NoError(t, err)
	return d
}

// sent is a request's document that is taken, and the function's reading of such a document.
type sent struct {
	schema  string
	example string
	read    func(jsondoc.Value)
}

var clock = price.Clock{Now: price.At(time.Date(2026, 7, 6, 9, 14, 5, 0, time.UTC)), Retention: 400 * 24 * time.Hour}

var documents = []sent{
	{"Submission", `{"productId": "ZU-1042", "competitorId": "bigmart", "availability": "InStock",
		"price": {"amount": "19.95", "currency": "USD"}, "promotion": {"label": "Sale", "validThrough": "2026-07-31T23:59:59Z", "minQuantity": 2},
		"source": {"id": "crawler-a", "kind": "crawler", "confidence": "0.97"}, "observedAt": "2026-07-06T09:14:03Z"}`,
		func(v jsondoc.Value) { price.ReadSubmission(v, jsondoc.Value{}, false, clock) }},
	{"BatchItem", `{"productId": "ZU-1042", "competitorId": "bigmart", "availability": "InStock",
		"price": {"amount": "19.95", "currency": "USD"}, "source": {"id": "crawler-a", "kind": "crawler"}, "observedAt": "2026-07-06T09:14:03Z"}`,
		func(v jsondoc.Value) { price.ReadSubmission(v, jsondoc.Value{}, true, clock) }},
	{"CompetitorSettings", `{"name": "BigMart", "kind": "retailer"}`, func(v jsondoc.Value) { price.ReadCompetitor("bigmart", v, clock.Now) }},
}

// refused reports whether the function finds something wrong at a pointer of the example when a value stands there.
func (s sent) refused(t *testing.T, pointer string, value any) bool {
	t.Helper()
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.example), &document))
	into := document
	names := strings.Split(pointer[1:], "/")
	for _, name := range names[:len(names)-1] {
		if into[name] == nil {
			into[name] = map[string]any{"amount": "1", "currency": "USD"}
		}
		into = into[name].(map[string]any)
	}
	into[names[len(names)-1]] = value
	text, err := json.Marshal(document)
	require.NoError(t, err)
	parsed, err := jsondoc.Parse(text)
	require.NoError(t, err)
	var reader jsondoc.Reader
	s.read(reader.At(parsed, ""))
	err = reader.Err()
	return err != nil && slices.ContainsFunc(fault.Of(err).Fields, func(f fault.Field) bool { return strings.HasPrefix(f.Pointer, pointer) })
}

// walk calls visit with every member below a schema.
func walk(s *openapi3.Schema, pointer string, visit func(pointer string, s *openapi3.Schema)) {
	for name, below := range s.Properties {
		visit(pointer+"/"+name, below.Value)
		walk(below.Value, pointer+"/"+name, visit)
	}
}

// texts are a few that a member may be tried with.
var texts = []string{
	".", "..", "...", "..a", "-", "_", "a", "ab", "A", "AB", "ABC", "USD", "usd", "XX", "Ü", "a b", "DE", "DE-1", "a.b", "a..b", "-a", "a-",
	"0", "00", "1", "01", "1.0", "1.", ".5", "-1", "+1", "1e2", "0.5", "0.12345", "1.0000", "1.0001", "999999999999", "1000000000000",
	"9999999999.99", "6291041500213", "06291041500213", "12345670", "123", "retailer", "InStock", "new", "New", "a_b",
	"PT26H", "P1D", "P1W", "PT1H30M", "P1Y", "pt1h", "P",
	"https://shop.example", "HTTPS://Shop.example/a?b#c", "http://[::1]:80/x", "ftp://shop.example", "javascript:alert(1)",
	"//shop.example", "https://u@shop.example", "2026-07-06T09:14:03Z", "2026-07-06t09:14:03z", "2026-07-06T09:14:03.123456789+02:00",
	"2026-07-06T09:14:03", "2026-07-06", "2026-07-06T09:14:60Z", "2026-07-06T24:00:00Z", "2026-07-06T09:14:03+24:00",
	"bigmart.example", "xn--mnchen-3ya.example", strings.Repeat("a", 40), strings.Repeat("a", 41), strings.Repeat("7", 64),
	strings.Repeat("7", 65),
}

// TestSchemas_AsTheCode: what the schemas of requests say is what the functions do. Words, lengths, ranges and members are the
// same; and what a function takes, the schema takes.
func TestSchemas_AsTheCode(t *testing.T) {
	t.Parallel()
	all := document(t).Components.Schemas
	for _, s := range documents {
		schema := all[s.schema].Value
		refused := func(want bool, pointer string, value any) {
			assert.Equal(t, want, s.refused(t, pointer, value), "%s%s: %.80q", s.schema, pointer, value)
		}
		refused(true, "/colour", "red")
		for _, name := range schema.Required {
			if !schema.Properties[name].Value.Nullable {
				refused(true, "/"+name, nil)
			}
		}
		walk(schema, "", func(pointer string, m *openapi3.Schema) {
			for _, word := range m.Enum {
				refused(false, pointer, word)
			}
			if m.Enum != nil {
				refused(true, pointer, "no such word")
			}
			if m.Nullable && m.Enum == nil && pointer != "/price" && pointer != "/productId" {
				refused(false, pointer, nil)
			}
			if m.Min != nil {
				refused(false, pointer, *m.Min)
				refused(true, pointer, *m.Min-1)
				refused(false, pointer, *m.Max)
				refused(true, pointer, *m.Max+1)
			}
			if longest := m.MaxLength; longest != nil {
				text := strings.Repeat("a", int(*longest))
				switch pointer {
				case "/url":
					text = ("https://a.example/" + text)[:*longest]
				case "/domain":
					text = strings.Repeat("a.", 127)[:*longest]
				}
				refused(false, pointer, text)
				refused(true, pointer, text+"a")
			}
			if m.Type.Is("object") {
				refused(true, pointer+"/colour", "red")
			}
			if m.Type.Is("string") {
				for _, text := range texts {
					if !s.refused(t, pointer, text) {
						assert.NoError(t, m.VisitJSON(text, contract.DateTimes), "%s%s: %q, which is taken", s.schema, pointer, text)
					}
				}
			}
		})
	}
}

// TestSchemas_Limits: the limits of the contract are those of the code.
func TestSchemas_Limits(t *testing.T) {
	t.Parallel()
	d := document(t)
	all := d.Components.Schemas
	assert.EqualValues(t, api.BatchItems, *all["Batch"].Value.Properties["observations"].Value.MaxItems)
	assert.EqualValues(t, api.BatchItems, *all["BatchRecorded"].Value.Properties["results"].Value.MaxItems)
	assert.EqualValues(t, fault.ItemFields+1, *all["Problem"].Value.Properties["errors"].Value.MaxItems, "the last says how many more")
	health := d.Paths.Value("/v1/health").Get.Responses.Status(200).Value.Content["application/json"].Example.(map[string]any)
	limits := health["limits"].(map[string]any)
	assert.EqualValues(t, api.BatchItems, limits["batchItems"])
	assert.EqualValues(t, api.BatchBytes, limits["batchBytes"])
	assert.EqualValues(t, api.QueryIDs, limits["queryIds"])
	assert.EqualValues(t, board.MaxOffers, limits["offersPerProduct"])
}

// TestSchemas_Codes: the contract knows every code of a problem, and no other.
func TestSchemas_Codes(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), root+"/shared/fault/fault.go", nil, 0)
	require.NoError(t, err)
	var want []any
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			want = append(want, code)
		}
		return true
	})
	require.NotEmpty(t, want)
	assert.ElementsMatch(t, want, document(t).Components.Schemas["FieldError"].Value.Properties["code"].Value.Extensions["x-extensible-enum"])
}
