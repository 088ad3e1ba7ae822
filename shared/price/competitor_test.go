package price_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// register reads a competitor with a name and a kind, and the members of a JSON object.
func register(tb testing.TB, change string) (price.Competitor, []fault.Field) {
	tb.Helper()
	members := map[string]json.RawMessage{"name": json.RawMessage(`"BigMart"`), "kind": json.RawMessage(`"retailer"`)}
	require.NoError(tb, json.Unmarshal([]byte(change), &members))
	text, err := json.Marshal(members)
	require.NoError(tb, err)
	body, err := jsondoc.Parse(text)
	require.NoError(tb, err)
	var r jsondoc.Reader
	return price.ReadCompetitor("bigmart", r.At(body, ""), clock.Now), r.Fields
}

func TestReadCompetitor(t *testing.T) {
	least := price.Competitor{ID: "bigmart", Name: "BigMart", FreshFor: price.DefaultFreshFor, Active: true}
	for _, change := range []string{
		`{}`, `{"domain":null,"country":null,"defaultCurrency":null,"freshFor":null,"status":null}`,
		`{"domain":"","country":"","defaultCurrency":"","freshFor":"","status":""}`, `{"freshFor":"PT26H","status":"active"}`,
	} {
		got, faults := register(t, change)
		assert.Empty(t, faults, change)
		assert.Equal(t, least, got, change)
	}
	got, faults := register(t, `{"name":"Große Läden","kind":"marketplace","domain":"bigmart.example","country":"AZ",
		"defaultCurrency":"JPY","freshFor":"P2D","status":"inactive"}`)
	assert.Empty(t, faults)
	assert.Equal(t, price.Competitor{ID: "bigmart", Name: "Große Läden", Kind: price.Marketplace, Domain: "bigmart.example", Country: "AZ",
		DefaultCurrency: "JPY", FreshFor: 48 * time.Hour}, got)
}

func TestReadCompetitor_Rules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	accepted := map[string][]string{
		"name": {"x", long(128), "Café"},
		"kind": {"retailer", "marketplace"},
		"domain": {"bigmart.example", "a", "a.b.c", "0.example", "9z-a0.example", "a-b", "a--b", "xn--grn-hoa.example", long(63) + ".example",
			strings.Repeat(long(62)+".", 4) + "x", "localhost"},
		"country":         {"AZ", "ZA", "US"},
		"defaultCurrency": {"USD", "JPY", "XPF"},
		"freshFor":        {"PT1S", "P3660D"},
		"status":          {"active", "inactive"},
	}
	refused := map[string][]string{
		"name": {"", long(129), "Big\ufffd", "Big ", "\u200bBig", "Cafe\u0301"},
		"kind": {"", "shop", "Retailer"},
		"domain": {"a..b", ".a", "a.", ".", "a-", "-a", "a-.b", "a.-b", long(64), "a." + long(64),
			strings.Repeat(long(63)+".", 3) + long(62), "A.example", "a_b", "a b", "a/b", "a:80", "größe.example", "a.b`", "a.b{", "https://a"},
		"country":         {"A", "A1", "Az", "aZ", "@A", "A[", "USA", "ÄÖ"},
		"defaultCurrency": {"usd", "XXX", "US", "BGN"}, // the last: withdrawn before it is registered
		"freshFor":        {"PT0S", "P3661D", "26", "-PT1H"},
		"status":          {"Active", "off"},
	}
	quoted := func(text string) string {
		raw, err := json.Marshal(text)
		require.NoError(t, err)
		return string(raw)
	}
	for member, texts := range accepted {
		for _, text := range texts {
			_, faults := register(t, `{"`+member+`":`+quoted(text)+`}`)
			assert.Empty(t, faults, "%s %q", member, text)
		}
	}
	for member, texts := range refused {
		for _, text := range texts {
			_, faults := register(t, `{"`+member+`":`+quoted(text)+`}`)
			if assert.Len(t, faults, 1, "%s %q", member, text) {
				assert.Equal(t, "/"+member, faults[0].Pointer)
				assert.Contains(t, []string{fault.CodeInvalidField, fault.CodeCurrencyUnknown}, faults[0].Code)
			}
		}
	}
	for change, want := range map[string]string{
		`{"domain":"a..b"}`:             `"a..b" must be a lower-case host name of at most 253 bytes.`,
		`{"country":"usa"}`:             `"usa" must be two capital letters (ISO 3166).`,
		`{"freshFor":"P1M"}`:            `"P1M" is not an ISO 8601 duration such as PT26H or P30D.`,
		`{"defaultCurrency":"BGN"}`:     "BGN is valid only for prices observed before 2026-01-01, when ISO 4217 withdrew it.",
		`{"kind":"shop","domain":null}`: `"shop" is not one of retailer, marketplace.`,
	} {
		_, faults := register(t, change)
		require.Len(t, faults, 1, change)
		assert.Equal(t, want, faults[0].Detail)
	}
	for _, change := range []string{`{"defaultCurrency":1}`, `{"name":null}`, `{"domain":{}}`} {
		_, faults := register(t, change)
		require.Len(t, faults, 1, change)
		assert.Equal(t, fault.CodeWrongType, faults[0].Code)
	}
}

func TestReadCompetitor_NoObject(t *testing.T) {
	body, err := jsondoc.Parse([]byte(`[]`))
	require.NoError(t, err)
	var r jsondoc.Reader
	got := price.ReadCompetitor("bigmart", r.At(body, ""), clock.Now)
	require.Len(t, r.Fields, 1)
	assert.Equal(t, fault.CodeWrongType, r.Fields[0].Code)
	assert.Equal(t, price.Competitor{ID: "bigmart", FreshFor: price.DefaultFreshFor, Active: true}, got)
}

func TestCompetitor_StaleAt(t *testing.T) {
	assert.Equal(t, clock.Now.Add(time.Hour), price.Competitor{FreshFor: time.Hour}.StaleAt(clock.Now))
	assert.Equal(t, clock.Now.Add(26*time.Hour), price.Competitor{}.StaleAt(clock.Now), "one that is not known any more")
	assert.Equal(t, price.NoTime, price.Competitor{ID: price.Own, FreshFor: time.Hour}.StaleAt(clock.Now), "our own price never does")
	for id, want := range map[string]bool{"bigmart": true, price.Own: false} {
		c := price.Competitor{ID: id, FreshFor: time.Hour}
		assert.Equal(t, want, c.Stale(clock.Now, clock.Now.Add(time.Hour)), id)
		assert.False(t, c.Stale(clock.Now, clock.Now.Add(time.Hour)-1), id)
	}
}
