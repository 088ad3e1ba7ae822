package mapping

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/jsondoc"
)

// line is a row for base with more members.
func line(members ...string) string {
	return "{" + strings.Join(append([]string{`"p":"1","c":"cc","x":"2.50","t":"2026-11-20T10:00:00Z"`}, members...), ",") + "}"
}

// short is what base makes of row, in parts.
var short = strings.NewReplacer(
	"HEAD", `{"productId":"1","competitorId":"cc"`,
	"STOCK", `"availability":"InStock"`,
	"PRICE", `"price":{"amount":"2.5","currency":"USD"}`,
	"TAIL", `"source":{"id":"s","kind":"feed"},"observedAt":"2026-11-20T10:00:00Z"}`,
)

// TestMapper_Observe: rows become observations, exactly these; or it is said why not.
//
//nolint:lll // data rows
func TestMapper_Observe(t *testing.T) {
	for name, tt := range map[string]struct {
		mapping string
		rows    []string
		want    []string
	}{
		"the least": {base, []string{line()}, []string{"HEAD,STOCK,PRICE,TAIL"}},
		"all fields": {
			`
productId: {from: product, slug: true}
gtin: {from: ean}
competitorId: {from: shop, slug: true}
sellerId: {from: [seller, kind], join: "/"}
region: {from: region}
itemCondition: {from: condition, values: {second hand: Used}}
audience: {value: member}
availability: {from: stock, default: InStock}
price: {from: price, scale: 0.01}
shipping: {from: shipping}
listPrice: {from: list}
currency: {from: currency, default: EUR}
priceType: {value: clearance}
promotion: {label: {from: label}, validThrough: {from: until}, minQuantity: {from: least}}
url: {from: url}
observedAt: {from: at}
source: {id: s, kind: crawler, confidence: 0.5}
`,
			[]string{`{"product":"Ä 1","ean":"4006381333931","shop":"Ö & Co","seller":"A","kind":"x","region":"N","condition":"second hand",` +
				`"stock":"SoldOut","price":"1990","shipping":"2.50","list":"30","currency":"USD","label":"<b>","until":"2026-12-01T00:00:00Z",` +
				`"least":"03","url":"http://a.example/?a=1&b=2","at":"2026-01-01T00:00:00Z","other":[1]}`},
			[]string{`{"productId":"A-1","gtin":"4006381333931","competitorId":"o-co","sellerId":"A/x","region":"N","itemCondition":"Used",` +
				`"audience":"member","availability":"SoldOut","price":{"amount":"19.9","currency":"USD"},` +
				`"shipping":{"amount":"2.5","currency":"USD"},"listPrice":{"amount":"30","currency":"USD"},"priceType":"clearance",` +
				`"promotion":{"label":"<b>","validThrough":"2026-12-01T00:00:00Z","minQuantity":3},"url":"http://a.example/?a=1&b=2",` +
				`"source":{"id":"s","kind":"crawler","confidence":"0.5"},"observedAt":"2026-01-01T00:00:00Z"}`},
		},
		"nothing is there": {base, []string{`{}`, `{"p":null,"c":"","x":" ","t":null}`},
			[]string{`{"availability":"InStock","price":null,"source":{"id":"s","kind":"feed"}}`, `{"availability":"InStock","price":null,"source":{"id":"s","kind":"feed"}}`}},
		"numbers as they are written": {with("region: {from: r}", "price: {from: n, scale: 0.01}"),
			[]string{line(`"r":1.10,"n":1990.50`), line(`"r":1e2,"n":1E3`)},
			[]string{`HEAD,"region":"1.10",STOCK,"price":{"amount":"19.905","currency":"USD"},TAIL`,
				`amount-unreadable price n: "1E3" is not a number: it has an exponent.`}},
		"true and false": {with("availability: {from: a, values: {true: InStock, false: OutOfStock}}"), []string{line(`"a":true`), line(`"a":false`)},
			[]string{`HEAD,STOCK,PRICE,TAIL`, `HEAD,"availability":"OutOfStock",PRICE,TAIL`}},
		"white space": {with("region: {from: r}", "sellerId: {from: s}"),
			[]string{line(`"r":"\t N\u00a0","s":"\u2003 a\u00a0b \u202f"`), line(`"r":"\u00a0"`)},
			[]string{"HEAD,\"sellerId\":\"a\u00a0b\",\"region\":\"N\",STOCK,PRICE,TAIL", "HEAD,STOCK,PRICE,TAIL"}},
		"decomposed text": {with("sellerId: {from: s, values: {Café: Kaffeehaus}}", `region: {when: {column: s, is: "Cafe\u0301"}, value: N}`),
			[]string{line(`"s":"Cafe\u0301"`), line(`"s":"Cafe\u0301 2"`)},
			[]string{`HEAD,"sellerId":"Kaffeehaus","region":"N",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"Café 2",STOCK,PRICE,TAIL`}},
		"an object for a text": {with("region: {from: r}"), []string{line(`"r":{"a":1}`), line(`"r":[1]`)},
			[]string{`mapping region r: "r" is a JSON object, not a text or a number.`, `mapping region r: "r" is a JSON array, not a text or a number.`}},
		"a column twice": {with("region: {from: r}"), []string{line(`"r":"a","r":"b"`), line(`"q":"a","q":"b"`)},
			[]string{`mapping region r: "r" is there twice.`, "HEAD,STOCK,PRICE,TAIL"}},
		"several faults": {base, []string{`{"p":"1","c":"cc","x":"?","t":["today"]}`},
			[]string{`amount-unreadable price x: "?" is not a number: "?" is neither in strip nor in currencies.; ` +
				`mapping observedAt t: "t" is a JSON array, not a text or a number.`}},

		// texts as YAML has them
		"keys and values as they are written": {
			with(`sellerId: {from: r, values: {0123: 1_000, 1_000: 0x1F, yes: no, 1.10: 1.20, 2026-01-02: 2026-01-03, on: off, 1e3: 5e1, "~": x, True: FALSE}}`),
			[]string{line(`"r":"0123"`), line(`"r":"1_000"`), line(`"r":"yes"`), line(`"r":"1.10"`), line(`"r":"2026-01-02"`), line(`"r":"on"`), line(`"r":"1e3"`), line(`"r":"~"`), line(`"r":"True"`), line(`"r":"123"`), line(`"r":1.10`), line(`"r":1.1`)},
			[]string{`HEAD,"sellerId":"1_000",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"0x1F",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"no",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"1.20",STOCK,PRICE,TAIL`,
				`HEAD,"sellerId":"2026-01-03",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"off",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"5e1",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"x",STOCK,PRICE,TAIL`,
				`HEAD,"sellerId":"FALSE",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"123",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"1.20",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"1.1",STOCK,PRICE,TAIL`},
		},
		"constants as they are written": {with("region: {value: 0123}", "sellerId: {from: no, default: yes}", "gtin: {first: [0x10, 1.10], values: {a: 00000017}, otherwise: 0000000000017}"),
			[]string{line(`"0x10":"a"`), line(`"1.10":"b"`)},
			[]string{`{"productId":"1","gtin":"00000017","competitorId":"cc","sellerId":"yes","region":"0123",STOCK,PRICE,TAIL`,
				`{"productId":"1","gtin":"0000000000017","competitorId":"cc","sellerId":"yes","region":"0123",STOCK,PRICE,TAIL`}},
		"words of conditions as they are written": {with("region: {when: {column: a, is: [no, 1.0, 2026-01-02]}, from: a}"),
			[]string{line(`"a":"no"`), line(`"a":"1.0"`), line(`"a":"1"`), line(`"a":"false"`)},
			[]string{`HEAD,"region":"no",STOCK,PRICE,TAIL`, `HEAD,"region":"1.0",STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`}},
		"an alias": {with("listPrice: &a {from: l, decimal: \",\"}", "shipping: *a"), []string{line(`"l":"3,50"`)},
			[]string{`HEAD,STOCK,PRICE,"shipping":{"amount":"3.5","currency":"USD"},"listPrice":{"amount":"3.5","currency":"USD"},TAIL`}},

		// the steps of a rule
		"first of several": {with("price: {first: [sale, x]}"),
			[]string{line(`"sale":"1.99"`), line(`"sale":""`), line(`"sale":null`), line(`"sale":"0.00"`), line(), `{"p":"1","c":"cc","t":"2026-11-20T10:00:00Z"}`},
			[]string{`HEAD,STOCK,"price":{"amount":"1.99","currency":"USD"},TAIL`, "HEAD,STOCK,PRICE,TAIL", "HEAD,STOCK,PRICE,TAIL",
				`HEAD,STOCK,"price":{"amount":"0","currency":"USD"},TAIL`, "HEAD,STOCK,PRICE,TAIL", `HEAD,STOCK,"price":null,TAIL`}},
		"never glued": {with("price: {first: [sale, x]}", "currency: {value: JPY}"),
			[]string{`{"p":"1","c":"cc","t":"2026-11-20T10:00:00Z","sale":1190,"x":1590}`, `{"p":"1","c":"cc","t":"2026-11-20T10:00:00Z","sale":"","x":1590}`},
			[]string{`HEAD,STOCK,"price":{"amount":"1190","currency":"JPY"},TAIL`, `HEAD,STOCK,"price":{"amount":"1590","currency":"JPY"},TAIL`}},
		"joined": {with(`sellerId: {from: [a, b, d], join: " / "}`),
			[]string{line(`"a":"A","b":"B","d":1`), line(`"b":"B","d":null`), line(`"a":"A","d":"D"`), line()},
			[]string{`HEAD,"sellerId":"A / B / 1",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"B",STOCK,PRICE,TAIL`, `HEAD,"sellerId":"A / D",STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`}},
		"a joined time": {with(`observedAt: {from: [day, hour], join: " ", time: {layout: "02.01.2006 15:04", zone: Europe/Rome}}`),
			[]string{line(`"day":"20.11.2026","hour":"11:00"`), line(`"day":"20.11.2026"`)},
			[]string{`HEAD,STOCK,PRICE,TAIL`, `time-unreadable observedAt day: "20.11.2026" is not a time like "20.11.2026 17:45".`}},
		"words": {with("region: {from: r, values: {a: A, b: \"\"}, default: D}"),
			[]string{line(`"r":"a"`), line(`"r":"b"`), line(`"r":"c"`), line(`"r":"A"`), line(`"r":""`), line()},
			[]string{`HEAD,"region":"A",STOCK,PRICE,TAIL`, "HEAD,STOCK,PRICE,TAIL", `HEAD,"region":"c",STOCK,PRICE,TAIL`, `HEAD,"region":"A",STOCK,PRICE,TAIL`,
				`HEAD,"region":"D",STOCK,PRICE,TAIL`, `HEAD,"region":"D",STOCK,PRICE,TAIL`}},
		"other words": {with("region: {from: r, values: {a: A}, otherwise: O, default: D}"),
			[]string{line(`"r":"a"`), line(`"r":"c"`), line(`"r":"A"`), line(`"r":" "`)},
			[]string{`HEAD,"region":"A",STOCK,PRICE,TAIL`, `HEAD,"region":"O",STOCK,PRICE,TAIL`, `HEAD,"region":"O",STOCK,PRICE,TAIL`, `HEAD,"region":"D",STOCK,PRICE,TAIL`}},
		"other words are none": {with(`region: {from: r, values: {a: A}, otherwise: ""}`), []string{line(`"r":"a"`), line(`"r":"c"`)},
			[]string{`HEAD,"region":"A",STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`}},
		"words of an amount": {with(`shipping: {from: s, values: {gratis: 0, "-": ""}, decimal: ",", default: "4,90"}`),
			[]string{line(`"s":"gratis"`), line(`"s":"-"`), line(`"s":"3,5"`), line()},
			[]string{`HEAD,STOCK,PRICE,"shipping":{"amount":"0","currency":"USD"},TAIL`, `HEAD,STOCK,PRICE,TAIL`,
				`HEAD,STOCK,PRICE,"shipping":{"amount":"3.5","currency":"USD"},TAIL`, `HEAD,STOCK,PRICE,"shipping":{"amount":"4.9","currency":"USD"},TAIL`}},

		// conditions
		"filled": {with("priceType: [{when: {column: s, filled: true}, value: promotional}, {value: regular}]"), []string{line(`"s":"1"`), line(`"s":" "`), line(`"s":null`), line()},
			[]string{`HEAD,STOCK,PRICE,"priceType":"promotional",TAIL`, `HEAD,STOCK,PRICE,"priceType":"regular",TAIL`, `HEAD,STOCK,PRICE,"priceType":"regular",TAIL`, `HEAD,STOCK,PRICE,"priceType":"regular",TAIL`}},
		"not filled": {with("region: {when: {column: s, filled: false}, value: N}"), []string{line(`"s":"1"`), line(`"s":""`), line()},
			[]string{`HEAD,STOCK,PRICE,TAIL`, `HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,"region":"N",STOCK,PRICE,TAIL`}},
		"is": {with(`region: {when: {column: s, is: [a, "", " b "]}, value: N}`), []string{line(`"s":"a"`), line(`"s":"b"`), line(`"s":"A"`), line(`"s":"ab"`), line()},
			[]string{`HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,"region":"N",STOCK,PRICE,TAIL`}},
		"not": {with("region: {when: {column: s, not: [a, b]}, value: N}"), []string{line(`"s":"a"`), line(`"s":"c"`), line()},
			[]string{`HEAD,STOCK,PRICE,TAIL`, `HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,"region":"N",STOCK,PRICE,TAIL`}},
		"matches": {with(`region: {when: {column: s, matches: '^\d+ (kg|l)$'}, value: N}`), []string{line(`"s":"12 kg"`), line(`"s":"12 kgs"`), line()},
			[]string{`HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`}},
		"all parts": {with("region: {when: {column: s, filled: true, not: x, matches: a}, value: N}"), []string{line(`"s":"a"`), line(`"s":"x"`), line(`"s":"b"`), line(`"s":""`)},
			[]string{`HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`}},
		"all of a list": {with("region: {when: [{column: s, is: a}, {column: u, filled: false}], value: N}"), []string{line(`"s":"a"`), line(`"s":"a","u":"1"`), line(`"s":"b"`)},
			[]string{`HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`}},
		"the first that holds": {with("region: [{when: {column: s, is: [a, b]}, value: N}, {when: {column: s, is: b}, value: S}, {from: s, default: E}]"),
			[]string{line(`"s":"a"`), line(`"s":"b"`), line(`"s":"c"`), line()},
			[]string{`HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,"region":"N",STOCK,PRICE,TAIL`, `HEAD,"region":"c",STOCK,PRICE,TAIL`, `HEAD,"region":"E",STOCK,PRICE,TAIL`}},
		"a special price of 0": {with("price:\n- {when: {column: s, filled: true, not: [0, 0.00]}, from: s}\n- {from: x}"),
			[]string{line(`"s":"0.00"`), line(`"s":0`), line(`"s":"1.5"`)},
			[]string{`HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,PRICE,TAIL`, `HEAD,STOCK,"price":{"amount":"1.5","currency":"USD"},TAIL`}},
		"no price by condition": {with("price: [{when: {column: s, is: 0}, value: \"\"}, {from: x}]", "availability: {from: s, values: {0: SoldOut}, otherwise: InStock}"),
			[]string{line(`"s":"0"`), line(`"s":"7"`)},
			[]string{`HEAD,"availability":"SoldOut","price":null,TAIL`, `HEAD,STOCK,PRICE,TAIL`}},
		"another form by condition": {with(`price: [{when: {column: c, is: alpha}, from: x, decimal: ","}, {when: {column: c, is: beta}, from: x, group: ".", decimal: ","}]`),
			[]string{`{"p":"1","c":"alpha","x":"0,89","t":"t"}`, `{"p":"1","c":"beta","x":"1.299,00","t":"t"}`, `{"p":"1","c":"alpha","x":"1.299,00","t":"t"}`},
			[]string{`{"productId":"1","competitorId":"alpha",STOCK,"price":{"amount":"0.89","currency":"USD"},"source":{"id":"s","kind":"feed"},"observedAt":"t"}`,
				`{"productId":"1","competitorId":"beta",STOCK,"price":{"amount":"1299","currency":"USD"},"source":{"id":"s","kind":"feed"},"observedAt":"t"}`,
				`amount-unreadable price x: "1.299,00" is not a number: the mapping says decimal: "," and no group.`}},
		"a condition on an object": {with("region: {when: {column: s, filled: true}, value: N}"), []string{line(`"s":{}`)},
			[]string{`mapping region s: "s" is a JSON object, not a text or a number.`}},

		// rows that are left out
		"skip": {with("skip: [{column: p, filled: false}, {column: kind, is: [fee, tax], not: x}, [{column: a, matches: ^z}, {column: b, filled: true}]]"),
			[]string{line(), `{}`, line(`"kind":"tax"`), line(`"a":"zz"`), line(`"a":"zz","b":1`), line(`"kind":[]`)},
			[]string{"HEAD,STOCK,PRICE,TAIL", "skipped: p is empty", `skipped: kind is "fee" or "tax" and kind is not "x"`, "HEAD,STOCK,PRICE,TAIL",
				`skipped: a matches "^z" and b is filled`, `row: mapping  kind: "kind" is a JSON array, not a text or a number.`}},

		// amounts and currencies
		"the cell's currency": {with(`price: {from: v, decimal: ",", currencies: {€: EUR, $: USD}}`), []string{line(`"v":"3,50"`), line(`"v":"$ 3,50"`), line(`"v":"3,50 €"`)},
			[]string{`HEAD,STOCK,"price":{"amount":"3.5","currency":"USD"},TAIL`, `HEAD,STOCK,"price":{"amount":"3.5","currency":"USD"},TAIL`,
				`currency-mismatch price v: The cell says EUR, the rule for currency USD.`}},
		"only the cell's currency": {strings.Replace(without("currency"), "{from: x}", "{from: x, currencies: [EUR, USD]}", 1),
			[]string{line(), `{"p":"1","c":"cc","x":"USD 2.50","t":"2026-11-20T10:00:00Z"}`},
			[]string{`currency-missing price x: Neither the cell "2.50" nor the rule for currency names a currency.`, "HEAD,STOCK,PRICE,TAIL"}},
		"a currency of each row": {with("currency: {from: k, values: {€: EUR}}", "price: {from: x, currencies: [USD]}"), []string{line(`"k":"€"`), line(`"k":"CHF"`), line()},
			[]string{`HEAD,STOCK,"price":{"amount":"2.5","currency":"EUR"},TAIL`, `HEAD,STOCK,"price":{"amount":"2.5","currency":"CHF"},TAIL`,
				`currency-missing price x: Neither the cell "2.50" nor the rule for currency names a currency.`}},
		"multiplied by a column": {with("price: {from: x, multiply: n}"), []string{line(`"n":4`), line(), line(`"n":[]`), line(`"n":"0"`)},
			[]string{`HEAD,STOCK,"price":{"amount":"10","currency":"USD"},TAIL`, `amount-unreadable price x: In the column "n": "" is not a number: it is empty.`,
				`mapping price n: "n" is a JSON array, not a text or a number.`,
				`amount-unreadable price x: In the column "n": "0" is not a number: an amount cannot be multiplied or divided by 0.`}},
		"divided by a column": {with("price: {from: x, divide: n}"), []string{line(`"n":"2"`), line(`"n":"3"`)},
			[]string{`HEAD,STOCK,"price":{"amount":"1.25","currency":"USD"},TAIL`, `amount-inexact price x: 2.50 / 3 is not exact.`}},

		// promotion
		"promotion": {with(`promotion: {label: {from: l}, validThrough: {from: v, time: {layout: 02.01.2006, zone: Europe/Rome, assume: "23:59"}}, minQuantity: {from: q}}`),
			[]string{line(`"l":"2 for 1","v":"30.11.2026","q":2`), line(`"l":"x"`), line(`"q":"010"`), line(`"q":"00"`), line(), line(`"q":"2.0"`), line(`"v":"soon"`)},
			[]string{`HEAD,STOCK,PRICE,"promotion":{"label":"2 for 1","validThrough":"2026-11-30T22:59:00Z","minQuantity":2},TAIL`,
				`HEAD,STOCK,PRICE,"promotion":{"label":"x"},TAIL`, `HEAD,STOCK,PRICE,"promotion":{"minQuantity":10},TAIL`, `HEAD,STOCK,PRICE,"promotion":{"minQuantity":0},TAIL`, `HEAD,STOCK,PRICE,TAIL`,
				`quantity-unreadable promotion.minQuantity q: "2.0" is not a whole number.`,
				`time-unreadable promotion.validThrough v: "soon" is not a time like "20.11.2026".`}},

		// nested objects
		"paths": {with("price: {from: offer.price.amount}", "currency: {from: offer.price.currency, default: USD}", "region: {when: {column: offer.kind, is: a}, value: N}"),
			[]string{line(`"offer":{"kind":"a","price":{"amount":"7","currency":"EUR"}}`), line(`"offer":{"price":{"amount":7}}`), line(`"offer":null`), line(`"offer":{"price":null}`), line(),
				line(`"offer.price.amount":"8","offer":{"price":{"amount":7}}`), line(`"offer":[]`), line(`"offer":{"price":"9"}`), line(`"offer":{"price":{"amount":7,"amount":8}}`), line(`"offer":{},"offer":{}`)},
			[]string{`HEAD,"region":"N",STOCK,"price":{"amount":"7","currency":"EUR"},TAIL`, `HEAD,STOCK,"price":{"amount":"7","currency":"USD"},TAIL`,
				`HEAD,STOCK,"price":null,TAIL`, `HEAD,STOCK,"price":null,TAIL`, `HEAD,STOCK,"price":null,TAIL`, `HEAD,STOCK,"price":{"amount":"8","currency":"USD"},TAIL`,
				`mapping region offer.kind: "offer" is a JSON array, not an object with "kind".; ` +
					`mapping currency offer.price.currency: "offer" is a JSON array, not an object with "price.currency".; ` +
					`mapping price offer.price.amount: "offer" is a JSON array, not an object with "price.amount".`,
				`mapping currency offer.price.currency: "price" is a JSON string, not an object with "currency".; mapping price offer.price.amount: "price" is a JSON string, not an object with "amount".`,
				`mapping price offer.price.amount: "amount" is there twice.`,
				`mapping region offer.kind: "offer" is there twice.; mapping currency offer.price.currency: "offer" is there twice.; ` +
					`mapping price offer.price.amount: "offer" is there twice.`}},
	} {
		t.Run(name, func(t *testing.T) {
			mapper := mapperOf(t, tt.mapping)
			var got []string
			for _, row := range tt.rows {
				got = append(got, observe(t, mapper, row)...)
			}
			for i := range tt.want {
				tt.want[i] = short.Replace(tt.want[i])
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// mapperOf is a Mapper of a mapping.
func mapperOf(t testing.TB, mapping string) *Mapper {
	t.Helper()
	m, err := Load(write(t, mapping))
	require.NoError(t, err)
	return m.NewMapper()
}

// observe is what becomes of a row, in texts: each observation as JSON, or its faults ("code field column: detail"), with the unpivoted
// column before it; "skipped: " or "row: " and why.
func observe(t testing.TB, m *Mapper, row string) []string {
	t.Helper()
	doc, err := jsondoc.Parse([]byte(row))
	require.NoError(t, err, row)
	made, err := m.Observe(doc)
	if err != nil {
		require.Empty(t, made)
		var f FieldError
		require.ErrorAs(t, err, &f)
		return []string{"row: " + told(f)}
	}
	if made.Skipped != "" {
		require.Empty(t, made.Observations)
		return []string{"skipped: " + made.Skipped}
	}
	var all []string
	for _, o := range made.Observations {
		var faults []string
		for _, f := range o.Faults {
			faults = append(faults, told(f))
		}
		require.Equal(t, len(faults) > 0, o.JSON == nil)
		text := string(o.JSON) + strings.Join(faults, "; ")
		if o.Column != "" {
			text = o.Column + " -> " + text
		}
		all = append(all, text)
	}
	return all
}

func told(f FieldError) string {
	return fmt.Sprintf("%s %s %s: %s", f.Code, f.Field, f.Column, f.Detail)
}

// TestMapper_slug: an id is made of a name only where the mapping asks for it, and none of nothing.
func TestMapper_slug(t *testing.T) {
	for name, tt := range map[string]struct{ rule, row, want string }{
		"as it is":     {"{from: p}", `{"p":"A/B & Söhne"}`, "A/B & Söhne"},
		"a slug":       {"{from: p, slug: true}", `{"p":"A/B & Söhne"}`, "A-B-Sohne"},
		"no slug":      {"{from: p, slug: false}", `{"p":"A/B"}`, "A/B"},
		"no name":      {"{from: p, slug: true}", `{"p":""}`, ""},
		"absent":       {"{from: p, slug: true}", `{}`, ""},
		"a default":    {"{from: p, slug: true, default: A B}", `{"p":null}`, "A-B"},
		"a constant":   {"{value: A B, slug: true}", `{}`, "A-B"},
		"several":      {`{from: [p, q], slug: true, join: " "}`, `{"q":"B","p":"A"}`, "A-B"},
		"a word":       {"{from: p, values: {A: B C}, slug: true}", `{"p":"A"}`, "B-C"},
		"another word": {"{from: p, values: {A: B}, default: C}", `{"p":"X"}`, "X"},
	} {
		t.Run(name, func(t *testing.T) {
			m := mapperOf(t, with("productId: "+tt.rule, "competitorId: {value: cc}"))
			doc, err := jsondoc.Parse([]byte(tt.row))
			require.NoError(t, err)
			made, err := m.Observe(doc)
			require.NoError(t, err)
			require.Len(t, made.Observations, 1)
			var o sent
			require.NoError(t, json.Unmarshal(made.Observations[0].JSON, &o))
			assert.Equal(t, tt.want, o.ProductID)
		})
	}
}

// TestMapper_collision: an id belongs to the first name that asks for it, over all files of a run. What is refused gets none.
//
//nolint:lll // data rows
func TestMapper_collision(t *testing.T) {
	m := mapperOf(t, with("productId: {from: p, slug: true}", "competitorId: {from: c, slug: true}"))
	made := func(product, competitor, price string) string {
		return strings.Join(observe(t, m, fmt.Sprintf(`{"p":%q,"c":%q,"x":%q,"t":"2026-11-20T10:00:00Z"}`, product, competitor, price)), "")
	}
	const (
		good      = `{"productId":"Diesel","competitorId":"caltex-woolworths","availability":"InStock","price":{"amount":"1","currency":"USD"},"source":{"id":"s","kind":"feed"},"observedAt":"2026-11-20T10:00:00Z"}`
		collision = `slug-collision competitorId : "Caltex/Woolworths" and "Caltex Woolworths" would both have the id "caltex-woolworths".`
	)
	assert.Equal(t, `amount-unreadable price x: "?" is not a number: "?" is neither in strip nor in currencies.`, made("Diesel", "Caltex Woolworths", "?"))
	require.NoError(t, m.Begin("a.csv"))
	assert.JSONEq(t, good, made("Diesel", "Caltex/Woolworths", "1"), "the row before was refused")
	assert.Equal(t, collision, made("Diesel", "Caltex Woolworths", "1"))
	assert.JSONEq(t, good, made("Diesel", "Caltex/Woolworths", "1"), "the first name keeps its id")
	require.NoError(t, m.Begin("b.csv"))
	assert.Equal(t, collision, made("Diesel", "Caltex Woolworths", "1"), "in another file, too")
	assert.Equal(t, collision, made("Dies el", "Caltex Woolworths", "1"))
	assert.NotContains(t, made("Dies/el", "Caltex/Woolworths", "1"), "slug-collision", "the row before was refused for its competitor")
	assert.Contains(t, made("Diesel ", "CALTEX/WOOLWORTHS", "1"), `"CALTEX/WOOLWORTHS" would both have`)
}

// TestMapper_unpivot: each filled cell of the columns is an observation.
//
//nolint:lll // data rows
func TestMapper_unpivot(t *testing.T) {
	wide := func(columns string, more ...string) string {
		return with(append([]string{"competitorId: {from: shop, slug: true}", "price: {from: price}", "unpivot: {" + columns + ", name: shop, value: price}"}, more...)...)
	}
	made := func(column, competitor, price string) string {
		return column + ` -> {"productId":"Oil","competitorId":"` + competitor + `","availability":"InStock","price":{"amount":"` + price +
			`","currency":"USD"},"source":{"id":"s","kind":"feed"},"observedAt":"t"}`
	}
	for name, tt := range map[string]struct {
		mapping, row string
		want         []string
	}{
		"columns": {wide("columns: [Beta, Alpha]"), `{"p":"Oil","t":"t","Alpha":"9.75","Beta":"9.95","Gamma":"1"}`,
			[]string{made("Beta", "beta", "9.95"), made("Alpha", "alpha", "9.75")}},
		"except":          {wide("except: [p, t]"), `{"p":"Oil","Alpha":"9.75","t":"t","Beta 2":9.95}`, []string{made("Alpha", "alpha", "9.75"), made("Beta 2", "beta-2", "9.95")}},
		"an empty cell":   {wide("except: [p, t]"), `{"p":"Oil","t":"t","Alpha":"","Beta":null,"Gamma":" ","Delta":"1"}`, []string{made("Delta", "delta", "1")}},
		"an absent cell":  {wide("columns: [Alpha, Beta]"), `{"p":"Oil","t":"t","Beta":"1"}`, []string{made("Beta", "beta", "1")}},
		"no filled cell":  {wide("columns: [Alpha, Beta]"), `{"p":"Oil","t":"t","Beta":""}`, []string{"skipped: none of the columns to unpivot is filled"}},
		"no cell":         {wide("except: [p, t]"), `{"p":"Oil","t":"t"}`, []string{"skipped: none of the columns to unpivot is filled"}},
		"a skipped row":   {wide("except: [p, t]", "skip: {column: p, is: Oil}"), `{"p":"Oil","t":"t","Alpha":"1"}`, []string{`skipped: p is "Oil"`}},
		"a path":          {wide("columns: [shops.Alpha]"), `{"p":"Oil","t":"t","shops":{"Alpha":"1"}}`, []string{made("shops.Alpha", "shops-alpha", "1")}},
		"a JSON number":   {wide("columns: [Alpha, Beta]", `price: {from: price, decimal: ","}`), `{"p":"Oil","t":"t","Alpha":1.5,"Beta":"2,5"}`, []string{made("Alpha", "alpha", "1.5"), made("Beta", "beta", "2.5")}},
		"a bad cell":      {wide("except: [p, t]"), `{"p":"Oil","t":"t","Alpha":"?","Beta":"2"}`, []string{`Alpha -> amount-unreadable price Alpha: "?" is not a number: "?" is neither in strip nor in currencies.`, made("Beta", "beta", "2")}},
		"an object":       {wide("except: [p, t]"), `{"p":"Oil","t":"t","Alpha":{"a":1},"Beta":"2"}`, []string{`Alpha -> mapping  Alpha: "Alpha" is a JSON object, not a text or a number.`, made("Beta", "beta", "2")}},
		"a column twice":  {wide("except: [p, t]"), `{"p":"Oil","t":"t","Alpha":"1","Beta":"2","Alpha":"3"}`, []string{`Alpha -> mapping  Alpha: "Alpha" is there twice.`, made("Beta", "beta", "2")}},
		"one slug of two": {wide("except: [p, t]"), `{"p":"Oil","t":"t","A B":"1","A/B":"2"}`, []string{made("A B", "a-b", "1"), `A/B -> slug-collision competitorId : "A B" and "A/B" would both have the id "a-b".`}},
		"a name of the row": {wide("except: [p, t]"), `{"p":"Oil","t":"t","Alpha":"1","price":"2"}`,
			[]string{`row: mapping  price: "price" is a column of the row, and one that unpivot adds: give that a new name.`}},
		"conditions and words": {
			wide("columns: [Alpha, Beta]", "competitorId: {from: shop, values: {Alpha: first}, slug: true}",
				`availability: [{when: {column: price, is: sold}, value: SoldOut}, {when: {column: shop, is: Beta}, value: OnlineOnly}, {value: InStock}]`,
				`price: {from: price, values: {sold: ""}}`),
			`{"p":"Oil","t":"t","Alpha":"sold","Beta":"2"}`,
			[]string{`Alpha -> {"productId":"Oil","competitorId":"first","availability":"SoldOut","price":null,"source":{"id":"s","kind":"feed"},"observedAt":"t"}`,
				`Beta -> {"productId":"Oil","competitorId":"beta","availability":"OnlineOnly","price":{"amount":"2","currency":"USD"},"source":{"id":"s","kind":"feed"},"observedAt":"t"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, observe(t, mapperOf(t, tt.mapping), tt.row))
		})
	}
}

// TestMapper_fileName: a text may stand in the file's name.
func TestMapper_fileName(t *testing.T) {
	const at = `observedAt: {fileName: '_(\d{8})\.', time: {layout: "20060102", zone: UTC, assume: "12:00"}}`
	m := mapperOf(t, with(at, "region: {fileName: '^[a-z]+', values: {alpha: N}}", "sellerId: {fileName: 'v([0-9])?', default: none}"))
	made := func(region, seller, day string) []string {
		return []string{`{"productId":"1","competitorId":"cc","sellerId":"` + seller + `","region":"` + region +
			`","availability":"InStock","price":{"amount":"2.5","currency":"USD"},` +
			`"source":{"id":"s","kind":"feed"},"observedAt":"` + day + `T12:00:00Z"}`}
	}
	require.NoError(t, m.Begin("/data/beta_20260101/alpha_20261120.v7.csv"))
	assert.Equal(t, made("N", "7", "2026-11-20"), observe(t, m, line()))
	require.NoError(t, m.Begin("gamma_20261121.csv"))
	assert.Equal(t, made("gamma", "none", "2026-11-21"), observe(t, m, line()))
	require.NoError(t, m.Begin("gamma_20261121.csv.v"))
	assert.Equal(t, made("gamma", "none", "2026-11-21"), observe(t, m, line()), "the parentheses hold nothing")
	require.EqualError(t, m.Begin("gamma-20261121.csv"),
		`the file's name "gamma-20261121.csv" has nothing that matches the rule for observedAt: _(\d{8})\.`)
	require.EqualError(t, m.Begin("-"), `the file's name "-" has nothing that matches the rule for region: ^[a-z]+`)
}

// TestMapper_Missing: a column that no row has is told, whatever it is for.
func TestMapper_Missing(t *testing.T) {
	m := mapperOf(t, with("price: {first: [sale, x], divide: pack}", "skip: {column: kind, is: fee}",
		"region: {when: {column: a.b, filled: true}, from: r}", "competitorId: {from: shop}", "sellerId: {from: cell}",
		"unpivot: {columns: [Alpha, Beta], name: shop, value: cell}"))
	all := []string{"Alpha", "Beta", "a.b", "kind", "p", "pack", "r", "sale", "t", "x"}
	assert.Equal(t, all, m.mapping.Columns())
	require.NoError(t, m.Begin("a.ndjson"))
	assert.Equal(t, all, m.Missing())
	observe(t, m, `{"p":1,"x":null,"t":"","Alpha":"","a":{"b":1},"kind":"fee"}`)
	assert.Equal(t, []string{"Beta", "pack", "r", "sale"}, m.Missing())
	observe(t, m, `{"sale":1,"Beta":[]}`)
	assert.Equal(t, []string{"pack", "r"}, m.Missing())
	require.NoError(t, m.Begin("b.ndjson"))
	assert.Equal(t, all, m.Missing())
	assert.Equal(t, all, m.mapping.Columns())
}

func TestUnpivot_Only(t *testing.T) {
	t.Parallel()
	const row = `{"item":"Oil & <1 l>", "a": 1.50 ,"b\u0022":{"x":[1]},"c":null}`
	tests := map[string]struct {
		unpivot      Unpivot
		column, want string
	}{
		"columns": {Unpivot{Columns: []string{"a", "c"}}, "a", `{"item":"Oil & <1 l>","a":1.50,"b\"":{"x":[1]}}`},
		"except":  {Unpivot{Except: []string{"item"}}, `b"`, `{"item":"Oil & <1 l>","b\"":{"x":[1]}}`},
		"none":    {Unpivot{Except: []string{}}, "d", `{}`},
	}
	for name, tt := range tests {
		assert.Equal(t, tt.want, string(tt.unpivot.Only(tt.column, []byte(row))), name)
	}
}
