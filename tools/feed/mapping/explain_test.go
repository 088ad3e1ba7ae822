package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/jsondoc"
)

// explain is the explanation of a row.
func explain(t *testing.T, mapping, row string) []Explanation {
	t.Helper()
	m := mapperOf(t, mapping)
	require.NoError(t, m.Begin("prices_2026.csv"))
	doc, err := jsondoc.Parse([]byte(row))
	require.NoError(t, err)
	all, skipped, err := m.Explain(doc)
	require.NoError(t, err)
	require.Empty(t, skipped)
	made, err := m.Observe(doc)
	require.NoError(t, err)
	require.Len(t, made.Observations, len(all))
	for i, e := range all {
		assert.Equal(t, made.Observations[i], e.Observation, "an explanation changes nothing")
	}
	return all
}

func steps(e Explanation) []string {
	var all []string
	for _, s := range e.Steps {
		all = append(all, fmt.Sprintf("%s | %s | %s | %q | %s", s.Field, s.Rule, s.Column, s.Text, s.Result))
	}
	return all
}

// TestMapper_Explain: each field that has rules is one line, with what stood there and what became of it.
//
//nolint:lll // data rows
func TestMapper_Explain(t *testing.T) {
	mapping := with(`productId: {from: p, slug: true}`,
		`competitorId: {value: Big Mart, slug: true}`,
		`sellerId: {from: [a, b], join: "/"}`,
		`region: {fileName: '\d+'}`,
		`availability: {from: stock, values: {1: InStock}, otherwise: SoldOut, default: InStock}`,
		`price: {first: [special_price, price], decimal: ",", currencies: {€: EUR}}`,
		`currency: {value: EUR}`,
		`shipping: [{when: {column: free, is: [yes, "1"]}, value: 0}, {when: {column: cost, filled: true}, from: cost}]`,
		`priceType: [{when: [{column: special_price, filled: true}, {column: kind, not: x, matches: ^s}], value: promotional}, {value: regular}]`,
		`promotion: {label: {from: label}, minQuantity: {from: q}}`,
		`observedAt: {from: t, time: {epoch: seconds}}`)
	assert.Equal(t, []string{
		`productId | from p | p | "Ä 1" | A-1`,
		`competitorId | value "Big Mart" |  | "Big Mart" | big-mart`,
		`sellerId | join a, b | b | "B" | B`,
		`region | fileName \d+ |  | "2026" | 2026`,
		`availability | from stock | stock | "2" | SoldOut`,
		`currency | value "EUR" |  | "EUR" | EUR`,
		`price | first of special_price, price | special_price | "1,99 €" | 1.99 EUR`,
		`shipping | no rule applies |  | "" | `,
		`priceType | when special_price is filled and kind is not "x" and kind matches "^s": value "promotional" |  | "promotional" | promotional`,
		`promotion.label | from label | label | "" | `,
		`promotion.minQuantity | from q | q | "02" | 2`,
		`observedAt | from t | t | "1764000000" | 2025-11-24T16:00:00Z`,
	}, steps(explain(t, mapping, `{"p":" Ä 1","b":"B","stock":2,"special_price":"1,99 €","price":"2,49 €","kind":"sale","label":null,"q":"02","t":1764000000}`)[0]))

	assert.Equal(t, []string{
		`productId | from p | p | "x" | x`,
		`competitorId | value "Big Mart" |  | "Big Mart" | big-mart`,
		`sellerId | join a, b | b | "" | refused: mapping: "b" is a JSON object, not a text or a number.`,
		`region | fileName \d+ |  | "2026" | 2026`,
		`availability | from stock | stock | "" | InStock`,
		`currency | value "EUR" |  | "EUR" | EUR`,
		`price | first of special_price, price | special_price | "1.99 €" | refused: amount-unreadable: "1.99 €" is not a number: the mapping says decimal: "," and no group.`,
		`shipping | when free is "yes" or "1": value "0" |  | "0" | 0 EUR`,
		`priceType | when special_price is filled and kind is not "x" and kind matches "^s": value "promotional" | kind | "" | ` +
			`refused: mapping: "kind" is there twice.`,
		`promotion.label | from label | label | "L" | L`,
		`promotion.minQuantity | from q | q | "two" | refused: quantity-unreadable: "two" is not a whole number.`,
		`observedAt | from t | t | "now" | refused: time-unreadable: "now" is not a count of seconds like 1795196730.`,
	}, steps(explain(t, mapping, `{"p":"x","a":"A","b":{},"special_price":"1.99 €","free":"yes","kind":1,"kind":2,"label":"L","q":"two","t":"now"}`)[0]))
}

// TestMapper_Explain_unpivot: the steps name the file's own column where the rules name one that unpivot adds.
//
//nolint:lll // data rows
func TestMapper_Explain_unpivot(t *testing.T) {
	all := explain(t, with("competitorId: {from: shop, slug: true}", "price: {from: cell}", "unpivot: {columns: [A B, A/B, C], name: shop, value: cell}"),
		`{"p":"1","t":"2026-11-20T10:00:00Z","A B":"1","A/B":"2","C":[]}`)
	require.Len(t, all, 3)
	assert.Equal(t, []string{
		`productId | from p | p | "1" | 1`, `competitorId | from shop | A B | "A B" | a-b`, `availability | value "InStock" |  | "InStock" | InStock`,
		`currency | value "USD" |  | "USD" | USD`, `price | from cell | A B | "1" | 1 USD`, `observedAt | from t | t | "2026-11-20T10:00:00Z" | 2026-11-20T10:00:00Z`,
	}, steps(all[0]))
	assert.Contains(t, steps(all[1]), `competitorId | from shop | A/B | "A/B" | refused: slug-collision: "A B" and "A/B" would both have the id "a-b".`)
	assert.Empty(t, all[2].Steps)
	assert.Equal(t, []FieldError{{Code: "mapping", Column: "C", Detail: `"C" is a JSON array, not a text or a number.`}}, all[2].Faults)
	for pointer, want := range map[string]string{"": "A B", "/competitorId": "A B", "/price/amount": "A B", "/price": "A B", "/price/currency": "", "/productId": "p", "/source/id": ""} {
		column, ok := all[0].Column(pointer)
		assert.Equal(t, want, column, pointer)
		assert.Equal(t, want != "", ok, pointer)
	}
}

// TestExplanation_Column: what the API says of a value is said of the column that it came from.
func TestExplanation_Column(t *testing.T) {
	e := explain(t, with("currency: {from: cur}", "price: {from: x, currencies: {€: EUR}}",
		"shipping: {from: y, currencies: {€: EUR}}", "listPrice: {value: 9}",
		"promotion: {label: {from: l}, validThrough: {from: v}}", "region: {from: r}", "url: {value: http://a.example}"),
		`{"p":"1","c":"cc","x":"2.50 €","y":"1","cur":"EUR","t":"2026-11-20T10:00:00Z","v":"2026-11-20T10:00:00Z"}`)[0]
	for pointer, want := range map[string]string{
		"/price": "x", "/price/amount": "x", "/price/currency": "x", "/shipping/amount": "y", "/shipping/currency": "cur",
		"/listPrice": "", "/listPrice/amount": "", "/listPrice/currency": "cur",
		"/promotion": "", "/promotion/label": "l", "/promotion/validThrough": "v", "/promotion/minQuantity": "",
		"/observedAt": "t", "/productId": "p", "/competitorId": "c", "/region": "r",
		"/source": "", "/source/id": "", "/url": "", "/availability": "", "/gtin": "", "": "", "/": "", "/x/y/z": "",
	} {
		column, ok := e.Column(pointer)
		assert.Equal(t, want, column, pointer)
		assert.Equal(t, want != "", ok, pointer)
	}
	assert.NotContains(t, strings.Join(steps(e), "\n"), "sellerId", "a field without a rule has no step")
}
