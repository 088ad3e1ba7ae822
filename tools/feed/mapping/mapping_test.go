package mapping

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

func TestMapper(t *testing.T) {
	const source = `,"source":{"id":"s","kind":"crawler"}`
	base := `
productId: {from: product, slug: true}
competitorId: {from: shop, slug: true}
sellerId: {from: [seller, kind], join: "/"}
itemCondition: {from: condition, values: {second hand: Used}}
availability: {from: stock, default: InStock}
price: {from: price, scale: 0.01}
shipping: {from: shipping}
currency: {from: currency, default: EUR}
observedAt: {from: at}
source: {id: s, kind: crawler}
`
	tests := map[string]struct {
		row, want, wantErr string
	}{
		"all fields": {
			row: `{"product":"Ä 1","shop":"Ö & Co","seller":"A","kind":"x","condition":"second hand","stock":"SoldOut",` +
				`"price":"1990","shipping":"2.50","currency":"USD","at":"2026-01-01T00:00:00Z","other":[1]}`,
			want: `{"productId":"A-1","competitorId":"o-co","sellerId":"A/x","itemCondition":"Used","availability":"SoldOut",` +
				`"price":{"amount":"19.9","currency":"USD"},"shipping":{"amount":"2.5","currency":"USD"}` + source +
				`,"observedAt":"2026-01-01T00:00:00Z"}`,
		},
		"nulls": {
			row: `{"product":"A","shop":"bb","seller":null,"kind":"x","condition":null,"stock":null,` +
				`"price":null,"currency":null,"at":"2026-01-01T00:00:00.123456+10:00"}`,
			want: `{"productId":"A","competitorId":"bb","sellerId":"x","availability":"InStock","price":null` + source +
				`,"observedAt":"2026-01-01T00:00:00.123456+10:00"}`,
		},
		"number as written": {
			row: `{"product":7,"shop":"bb","price":1990.50,"at":"x"}`,
			want: `{"productId":"7","competitorId":"bb","availability":"InStock",` +
				`"price":{"amount":"19.905","currency":"EUR"}` + source + `,"observedAt":"x"}`,
		},
		"decomposed text": {
			row: `{"product":"A","shop":"bb","seller":"Cafe\u0301 <b>","price":1,"at":"x"}`,
			want: `{"productId":"A","competitorId":"bb","sellerId":"Café <b>","availability":"InStock",` +
				`"price":{"amount":"0.01","currency":"EUR"}` + source + `,"observedAt":"x"}`,
		},
		"exponent": {row: `{"product":"A","shop":"bb","price":1e3,"at":"x"}`,
			wantErr: `amount-unreadable: "1e3" is not a number: it has an exponent.`},
		"negative": {row: `{"product":"A","shop":"bb","price":"-1","at":"x"}`,
			wantErr: `amount-unreadable: "-1" is not a number: it has a minus.`},
		"object": {row: `{"product":{"a":1},"shop":"bb","price":"1","at":"x"}`,
			wantErr: `mapping: "product" is a JSON object, not a text or a number.`},
		"field twice": {row: `{"product":"A","product":"B","shop":"bb","price":"1","at":"x"}`,
			wantErr: `mapping: The row has "product" twice.`},
	}
	m, err := Load(write(t, "m.yaml", base))
	require.NoError(t, err)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := observe(t, m.NewMapper(), tt.row)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got.JSON))
		})
	}
}

// TestMapper_ids: an id is made from a name only where the mapping asks for it, and none is made from nothing.
func TestMapper_ids(t *testing.T) {
	for name, tt := range map[string]struct{ rule, row, want string }{
		"as it is":  {"{from: p}", `{"p":"A/B & Söhne"}`, "A/B & Söhne"},
		"a slug":    {"{from: p, slug: true}", `{"p":"A/B & Söhne"}`, "A-B-Sohne"},
		"no name":   {"{from: p, slug: true}", `{"p":""}`, ""},
		"absent":    {"{from: p, slug: true}", `{}`, ""},
		"a default": {"{from: p, slug: true, default: A B}", `{"p":null}`, "A-B"},
		"several":   {`{from: [p, q], slug: true, join: " "}`, `{"q":"B","p":"A"}`, "A-B"},
		"a word":    {"{from: p, values: {A: B}}", `{"p":"A"}`, "B"},
		"no word":   {"{from: p, values: {A: B}, default: C}", `{"p":"X"}`, "X"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Load(write(t, "m.yaml", "productId: "+tt.rule+"\ncompetitorId: {value: c}\navailability: {value: InStock}\n"+
				"price: {value: '1'}\ncurrency: {value: USD}\nobservedAt: {value: t}\nsource: {id: s, kind: feed}\n"))
			require.NoError(t, err)
			got, err := observe(t, m.NewMapper(), tt.row)
			require.NoError(t, err)
			var o sent
			require.NoError(t, json.Unmarshal(got.JSON, &o))
			assert.Equal(t, tt.want, o.ProductID)
			assert.Equal(t, &money{"1", "USD"}, o.Price)
		})
	}
}

func TestMapper_collision(t *testing.T) {
	m, err := Load("../mappings/fuel.yaml")
	require.NoError(t, err)
	mapper := m.NewMapper()
	row := func(product, competitor string) string {
		return (`{"product":"` + product + `","competitor":"` + competitor +
			`","price":"1","currency":"AUD","observedAt":"2026-01-01T00:00:00Z"}`)
	}
	first, err := observe(t, mapper, row("Diesel", "Caltex/Woolworths"))
	require.NoError(t, err)
	assert.Equal(t, "caltex-woolworths", first.CompetitorID)
	assert.Equal(t, "Caltex/Woolworths", first.CompetitorName)
	_, err = observe(t, mapper, row("Diesel", "Caltex Woolworths"))
	require.EqualError(t, err, `slug-collision: "Caltex/Woolworths" and "Caltex Woolworths" would both have the id "caltex-woolworths".`)
	_, err = observe(t, mapper, row("Diesel", "Caltex/Woolworths"))
	require.NoError(t, err, "the first name keeps its id")
	_, err = observe(t, mapper, row("diesel", "CALTEX/WOOLWORTHS"))
	require.ErrorContains(t, err, "slug-collision")
}

func TestLoadMapping(t *testing.T) {
	const good = "productId: {from: p}\ncompetitorId: {from: c}\navailability: {value: InStock}\n" +
		"price: {from: x}\ncurrency: {value: USD}\nobservedAt: {from: t}\nsource: {id: s, kind: feed}\n"
	tests := map[string]struct{ change, to, want string }{ // want: all that is wrong
		"good":            {"", "", ""},
		"slug of a price": {"{from: x}", "{from: x, slug: true}", "FILE:4: price: \"slug\" is not allowed here; allowed are when, from, first, value, values, otherwise, default, decimal, group, strip, currencies, scale, multiply, divide"},
		"scale of an id":  {"{from: p}", "{from: p, scale: 10}", "FILE:1: productId: \"scale\" is not allowed here; allowed are when, from, join, first, fileName, value, values, otherwise, default, slug"},
		"scale 2":         {"{from: x}", "{from: x, scale: 2}", `FILE:4: price: scale "2" is not a power of ten like 0.01, 1 or 100`},
		"scale 0.02":      {"{from: x}", "{from: x, scale: 0.02}", `FILE:4: price: scale "0.02" is not a power of ten like 0.01, 1 or 100`},
		"no currency":     {"currency: {value: USD}\n", "", "FILE:4: price: there is no rule for currency, and no currencies that its cells name"},
		"no currency of more": {"currency: {value: USD}\n", "shipping: {value: '1'}\nlistPrice: {from: l}\n",
			"FILE:4: price: there is no rule for currency, and no currencies that its cells name\n" +
				"FILE:5: shipping: there is no rule for currency, and no currencies that its cells name\n" +
				"FILE:6: listPrice: there is no rule for currency, and no currencies that its cells name"},
		"more amounts":    {"currency:", "shipping: {from: s}\nlistPrice: {from: l}\ncurrency:", ""},
		"no time":         {"observedAt: {from: t}\n", "", "FILE: there is no rule for observedAt"},
		"an empty time":   {"{from: t}", "{join: t}", "FILE:6: observedAt: it needs one of from, first, fileName and value"},
		"no competitor":   {"competitorId: {from: c}\n", "", "FILE: there is no rule for competitorId"},
		"no availability": {"availability: {value: InStock}\n", "", "FILE: there is no rule for availability"},
		"no price":        {"price: {from: x}\n", "", "FILE: there is no rule for price"},
		"no product":      {"productId: {from: p}\n", "", "FILE: there is no rule for productId or gtin"},
		"only a gtin":     {"productId: {from: p}", "gtin: {from: p}", ""},
		"no source":       {"source: {id: s, kind: feed}\n", "", "FILE: source needs id and kind"},
		"half a source":   {"source: {id: s, kind: feed}\n", "source: {kind: feed}", "FILE: source needs id and kind"},
		"another half":    {"source: {id: s, kind: feed}\n", "source: {id: s}", "FILE: source needs id and kind"},
		"empty name":      {"{from: p}", `{first: [p, ""]}`, "FILE:1: productId: a column has an empty name"},
		"two things": {"{from: p}", `{from: "", scale: 10}`,
			"FILE:1: productId: \"scale\" is not allowed here; allowed are when, from, join, first, fileName, value, values, otherwise, default, slug\n" +
				"FILE:1: productId: a column has an empty name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file := write(t, "m.yaml", strings.Replace(good, tt.change, tt.to, 1))
			_, err := Load(file)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, strings.ReplaceAll(tt.want, "FILE", file))
		})
	}
	for _, tt := range []struct{ change, to, want string }{
		{"productId", "product", `:1: a mapping has no member "product"; allowed are productId, gtin,`}, {"{from: p}", "{form: p}", `:1: productId: "form" is not allowed here; allowed are when, from,`}, {"productId:", "\t", "yaml"},
	} {
		_, err := Load(write(t, "m.yaml", strings.Replace(good, tt.change, tt.to, 1)))
		require.ErrorContains(t, err, tt.want)
	}
	_, err := Load(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSlug(t *testing.T) {
	long := strings.Repeat("long name ", 10)
	tests := map[string]struct{ product, competitor string }{
		"7 Eleven":                   {"7-Eleven", "7-eleven"},
		"A100_80GB PCIe 1x per hour": {"A100_80GB-PCIe-1x-per-hour", "a100-80gb-pcie-1x-per-hour"},
		"dc_roan":                    {"dc_roan", "dc-roan"},
		"Caltex/Woolworths":          {"Caltex-Woolworths", "caltex-woolworths"},
		"  Müller & Söhne GmbH. ":    {"Muller-Sohne-GmbH.", "muller-sohne-gmbh"},
		"Straße Łódź Ærø":            {"Strasse-Lodz-AEro", "strasse-lodz-aero"},
		"ＡＢＣ ﬁne":                    {"ABC-fine", "abc-fine"},
		"X":                          {"X", "x-4b68ab38"},
		"京都":                         {"58d07b8a", "58d07b8a"},
		long: {"long-name-long-name-long-name-long-name-long-name-long-" + "d1f923f4",
			"long-name-long-name-long-name-l-" + "d1f923f4"},
		"a--b -- c": {"a-b-c", "a-b-c"},
		"..":        {"..-5ec1f7e7", "5ec1f7e7"},
	}
	for name, want := range tests {
		assert.Equal(t, want.product, productID.slug(name), name)
		assert.Equal(t, want.competitor, competitorID.slug(name), name)
	}
	assert.NotEqual(t, productID.slug(long+"a"), productID.slug(long+"b"), "what is cut off still counts")
}

// FuzzSlug: every name becomes an id that the API takes.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"7 Eleven", ".", "..", "Caltex/Woolworths", "", "京都", "\xff", "ſt", "K", strings.Repeat("ß", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		assert.True(t, price.CheckProductID(productID.slug(name)), productID.slug(name))
		assert.True(t, price.CheckCompetitorID(competitorID.slug(name)), competitorID.slug(name))
	})
}

func TestShippedMappings(t *testing.T) {
	files, err := filepath.Glob("../mappings/*.yaml")
	require.NoError(t, err)
	assert.Len(t, files, 2)
	for _, file := range files {
		_, err := Load(file)
		assert.NoError(t, err)
	}
}

// observe makes the one observation of a row; the error has its faults.
func observe(t *testing.T, m *Mapper, row string) (Observation, error) {
	t.Helper()
	doc, err := jsondoc.Parse([]byte(row))
	require.NoError(t, err)
	made, err := m.Observe(doc)
	if err != nil {
		return Observation{}, err
	}
	require.Len(t, made.Observations, 1)
	o := made.Observations[0]
	var errs []error
	for _, f := range o.Faults {
		errs = append(errs, f)
	}
	return o, errors.Join(errs...)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
