package price_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// catalogued reads an entry with a title, and the members of a JSON object.
func catalogued(tb testing.TB, change string) (price.CatalogueEntry, []fault.Field) {
	tb.Helper()
	members := map[string]json.RawMessage{"title": json.RawMessage(`"Kettle"`)}
	require.NoError(tb, json.Unmarshal([]byte(change), &members))
	text, err := json.Marshal(members)
	require.NoError(tb, err)
	return readEntry(tb, string(text))
}

func readEntry(tb testing.TB, text string) (price.CatalogueEntry, []fault.Field) {
	tb.Helper()
	body, err := jsondoc.Parse([]byte(text))
	require.NoError(tb, err)
	var r jsondoc.Reader
	return price.ReadCatalogueEntry(r.At(body, ""), clock.Now), r.Fields
}

func TestReadCatalogueEntry(t *testing.T) {
	for _, change := range []string{
		`{}`, `{"gtin":null,"mpn":null,"brand":null,"category":null,"tags":null,"listPrice":null,"mapPrice":null,"status":null}`,
		`{"gtin":"","mpn":"","brand":"","category":"","tags":[],"listPrice":{},"mapPrice":{},"status":""}`, `{"status":"active"}`,
	} {
		got, faults := catalogued(t, change)
		assert.Empty(t, faults, change)
		assert.Equal(t, price.CatalogueEntry{Title: "Kettle"}, got, change)
		assert.Equal(t, "active", got.Status())
	}
	got, faults := catalogued(t, `{"title":"Kessel","gtin":"012345678905","mpn":"K-1","brand":"Otto","category":"Küche","tags":["b","a","a"],
		"listPrice":{"amount":"29.9","currency":"USD"},"mapPrice":{"amount":"2100","currency":"JPY"},"status":"discontinued"}`)
	assert.Empty(t, faults)
	assert.Equal(t, price.CatalogueEntry{Title: "Kessel", GTIN: "012345678905", MPN: "K-1", Brand: "Otto", Category: "Küche",
		Tags: []string{"b", "a", "a"}, List: price.Money{Minor: 2990, Currency: "USD"}, MAP: price.Money{Minor: 2100, Currency: "JPY"},
		Discontinued: true}, got)
	assert.Equal(t, price.GTIN("00012345678905"), price.PadGTIN(got.GTIN))
	assert.Equal(t, "discontinued", got.Status())
	assert.Empty(t, price.PadGTIN(""))
}

func TestReadCatalogueEntry_Rules(t *testing.T) {
	long := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	tags := func(n int) string { return "[" + strings.Repeat(`"x",`, n-1) + `"x"]` }
	for member, values := range map[string][]string{
		"title": {`"x"`, long(300)}, "mpn": {long(128)}, "brand": {long(128)}, "category": {long(128)},
		"tags": {"[" + long(64) + "]", tags(20)}, "gtin": {`"96385074"`, `"012345678905"`, `"6291041500213"`, `"06291041500213"`},
		"listPrice": {`{"amount":"0","currency":"USD"}`}, "mapPrice": {`{"amount":"9999999999.99","currency":"USD"}`},
	} {
		for _, value := range values {
			_, faults := catalogued(t, `{"`+member+`":`+value+`}`)
			assert.Empty(t, faults, "%s %s", member, value)
		}
	}
	for change, want := range map[string]fault.Field{
		`{"title":` + long(301) + `}`: {Pointer: "/title", Code: "invalid-field", Detail: "Must be 1 to 300 bytes long, not 301."},
		`{"title":"Cafe\u0301"}`: {Pointer: "/title", Code: "invalid-field",
			Detail: `"Cafe\u0301" is not in Unicode normalization form C.`},
		`{"title":null}`:                 {Pointer: "/title", Code: "wrong-type", Detail: "Must be of type string, not null."},
		`{"mpn":` + long(129) + `}`:      {Pointer: "/mpn", Code: "invalid-field", Detail: "Must be 1 to 128 bytes long, not 129."},
		`{"brand":` + long(129) + `}`:    {Pointer: "/brand", Code: "invalid-field", Detail: "Must be 1 to 128 bytes long, not 129."},
		`{"category":` + long(129) + `}`: {Pointer: "/category", Code: "invalid-field", Detail: "Must be 1 to 128 bytes long, not 129."},
		`{"tags":["a",` + long(65) + `]}`: {Pointer: "/tags/1", Code: "invalid-field",
			Detail: "Must be 1 to 64 bytes long, not 65."},
		`{"tags":` + tags(21) + `}`: {Pointer: "/tags", Code: "invalid-field", Detail: "At most 20 tags are taken, not 21."},
		`{"tags":[""]}`:             {Pointer: "/tags/0", Code: "invalid-field", Detail: "Must be 1 to 64 bytes long, not 0."},
		`{"tags":[null]}`:           {Pointer: "/tags/0", Code: "wrong-type", Detail: "Must be of type string, not null."},
		`{"gtin":"6291041500214"}`: {Pointer: "/gtin", Code: "gtin-check-digit",
			Detail: "The check digit of 6291041500214 should be 3."},
		`{"gtin":"12"}`: {Pointer: "/gtin", Code: "invalid-field", Detail: `"12" is not a GTIN of 8, 12, 13 or 14 digits.`},
		`{"listPrice":{"amount":"1.999","currency":"USD"}}`: {Pointer: "/listPrice/amount", Code: "amount-precision",
			Detail: "USD has 2 minor digits; 1.999 has 3."},
		`{"mapPrice":{"amount":"1"}}`: {Pointer: "/mapPrice/currency", Code: "missing-field", Detail: `"currency" is required.`},
		`{"mapPrice":{"amount":"1","currency":"BGN"}}`: {Pointer: "/mapPrice/currency", Code: "currency-unknown",
			Detail: "BGN is valid only for prices observed before 2026-01-01, when ISO 4217 withdrew it."},
		`{"status":"off"}`: {Pointer: "/status", Code: "invalid-field", Detail: `"off" is not one of active, discontinued.`},
		`{"price":"1"}`:    {Pointer: "/price", Code: "unknown-field", Detail: `"price" is not a known field.`},
	} {
		_, faults := catalogued(t, change)
		assert.Equal(t, []fault.Field{want}, faults, change)
	}
	_, faults := readEntry(t, `{}`)
	assert.Equal(t, []fault.Field{{Pointer: "/title", Code: "missing-field", Detail: `"title" is required.`}}, faults)
	_, faults = readEntry(t, `[]`)
	assert.Equal(t, []fault.Field{{Code: "wrong-type", Detail: "Must be of type object, not array."}}, faults)
}

func TestReadProduct(t *testing.T) {
	for text, want := range map[string][]fault.Field{
		`{"productId":"P1","title":"x"}`: nil,
		`{"title":"x"}`:                  {{Pointer: "/productId", Code: "missing-field", Detail: `"productId" is required.`}},
		`{"productId":"a b","title":"x"}`: {{Pointer: "/productId", Code: "invalid-field",
			Detail: `"a b" must be 1 to 64 letters, digits and . _ - (but not ., .. or batch).`}},
		`1`: {{Code: "wrong-type", Detail: "Must be of type object, not number."}},
	} {
		body, err := jsondoc.Parse([]byte(text))
		require.NoError(t, err)
		var r jsondoc.Reader
		id, e := price.ReadProduct(r.At(body, ""), clock.Now)
		assert.Equal(t, want, r.Fields, text)
		if want == nil {
			assert.Equal(t, "P1", id)
			assert.Equal(t, price.CatalogueEntry{Title: "x"}, e)
		}
	}
}

func TestWriter_PutFault(t *testing.T) {
	for id, reserved := range map[string]bool{"ZU-1042": false, "own": false, "self-check": true, "self-check-1": true} {
		assert.Equal(t, reserved, price.Writer{}.PutFault(id) != "", id)
		assert.Empty(t, price.Writer{SelfCheck: true}.PutFault(id), id)
	}
}

// FuzzReadCatalogueEntry: what is accepted keeps its limits, and says the same when it is read again.
func FuzzReadCatalogueEntry(f *testing.F) {
	f.Add(`{"title":"Kettle","gtin":"012345678905","tags":["a"],"listPrice":{"amount":"29.9","currency":"USD"},"status":"discontinued"}`)
	f.Add(`{"title":"","mpn":1,"tags":{},"mapPrice":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		body, err := jsondoc.Parse([]byte(text))
		if err != nil {
			return
		}
		var r jsondoc.Reader
		e := price.ReadCatalogueEntry(r.At(body, ""), clock.Now)
		if len(r.Fields) > 0 {
			return
		}
		require.True(t, len(e.Title) >= 1 && len(e.Title) <= 300 && len(e.Tags) <= 20)
		again, err := json.Marshal(map[string]any{
			"title": e.Title, "gtin": e.GTIN, "mpn": e.MPN, "brand": e.Brand, "category": e.Category, "tags": e.Tags,
			"listPrice": e.List, "mapPrice": e.MAP, "status": e.Status(),
		})
		require.NoError(t, err)
		repeated, faults := readEntry(t, string(again))
		require.Empty(t, faults)
		require.True(t, e.Equal(repeated), "%+v %+v", e, repeated)
	})
}
