package mapping

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// base is a whole mapping, each field on a line of its own.
const base = `productId: {from: p}
competitorId: {from: c}
availability: {value: InStock}
price: {from: x}
currency: {value: USD}
observedAt: {from: t}
source: {id: s, kind: feed}
`

// with is base with other lines for some fields, and more lines at the end.
func with(lines ...string) string {
	all := strings.Split(strings.TrimSuffix(base, "\n"), "\n")
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		if i := slices.IndexFunc(all, func(old string) bool { return strings.HasPrefix(old, name+":") }); i >= 0 {
			all[i] = line
		} else {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n") + "\n"
}

// without is base without a field.
func without(name string) string {
	all := strings.SplitAfter(base, "\n")
	return strings.Join(slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, name+":") }), "")
}

const (
	forText   = "when, from, join, first, fileName, value, values, otherwise, default"
	forAmount = "when, from, first, value, values, otherwise, default, decimal, group, strip, currencies, scale, multiply, divide"
	forFields = "productId, gtin, competitorId, sellerId, region, itemCondition, audience, availability, price, shipping, " +
		"listPrice, currency, priceType, promotion, url, observedAt, source, competitors, skip, unpivot, file"
	forAvailability = "InStock, OutOfStock, LimitedAvailability, PreOrder, BackOrder, PreSale, OnlineOnly, InStoreOnly, SoldOut, Discontinued"
)

// yamlHint is what is said after each of the yaml package's own texts, most of which do not say what to mend.
const yamlHint = "; is a bracket or a quotation mark not closed, a tab where spaces should be, or a text with one of : # > @ * " +
	"without quotation marks?"

// TestLoad_mistakes: each mistake is told with its line and what is allowed there. A file's path comes before each line of the error.
//
//nolint:lll // data rows
func TestLoad_mistakes(t *testing.T) {
	const noPrice, noID = ": there is no rule for price", ": there is no rule for productId or gtin"
	for name, tt := range map[string]struct {
		file string
		want []string
	}{
		// what is missing
		"no product":           {without("productId"), []string{noID}},
		"no competitor":        {without("competitorId"), []string{": there is no rule for competitorId"}},
		"no availability":      {without("availability"), []string{": there is no rule for availability"}},
		"no price":             {without("price"), []string{noPrice}},
		"no time":              {without("observedAt"), []string{": there is no rule for observedAt"}},
		"no source":            {without("source"), []string{": there is no source, such as source: {id: bigmart-export, kind: feed}"}},
		"no source id":         {with("source: {kind: feed}"), []string{`:7: source.id: "id" is required`}},
		"no source kind":       {with("source: {id: s}"), []string{`:7: source.kind: "kind" is required`}},
		"no currency":          {without("currency"), []string{":4: price: no currency is said: write a rule such as currency: {value: EUR}, or currencies in this rule"}},
		"no currency of any":   {without("currency") + "shipping: {value: 1}\nlistPrice: {from: l}\n", []string{":4: price: no currency is said: write a rule such as currency: {value: EUR}, or currencies in this rule", ":7: shipping: no currency is said: write a rule such as currency: {value: EUR}, or currencies in this rule", ":8: listPrice: no currency is said: write a rule such as currency: {value: EUR}, or currencies in this rule"}},
		"no currency of some":  {without("currency") + "shipping: [{when: {column: s, filled: true}, from: s, currencies: [EUR]}, {from: u}]\n", []string{":4: price: no currency is said: write a rule such as currency: {value: EUR}, or currencies in this rule", ":7: shipping: no currency is said: write a rule such as currency: {value: EUR}, or currencies in this rule"}},
		"nothing at all":       {"# empty\n", []string{": there is no rule for competitorId", ": there is no rule for availability", noPrice, ": there is no rule for observedAt", ": there is no source, such as source: {id: bigmart-export, kind: feed}", noID}},
		"no origin":            {with("gtin: {default: A}"), []string{":8: gtin: it needs one of from, first, fileName and value"}},
		"no column to ask":     {with("skip: {filled: true}"), []string{":8: skip: a condition needs a column"}},
		"no question":          {with("sellerId: {when: {column: a}, from: b}"), []string{":8: sellerId: the condition on a needs filled, is, not or matches"}},
		"no unpivoted columns": {with("unpivot: {name: n, value: v}"), []string{":8: unpivot needs name, value, and either columns or except"}},
		"no unpivoted name":    {with("unpivot: {columns: [a], value: v}"), []string{":8: unpivot needs name, value, and either columns or except"}},
		"no unpivoted value":   {with("unpivot: {columns: [a], name: v}"), []string{":8: unpivot needs name, value, and either columns or except"}},
		"columns and except":   {with("unpivot: {columns: [a], except: [b], name: n, value: v}"), []string{":8: unpivot needs name, value, and either columns or except"}},

		// unknown members
		"unknown field":                {with("colour: {from: x}"), []string{`:8: a mapping has no member "colour"; allowed are ` + forFields}},
		"one letter off":               {with("regio: {from: x}"), []string{`:8: a mapping has no member "regio"; did you mean region? Allowed are ` + forFields}},
		"letters in the wrong order":   {with("gtin: {form: x}"), []string{`:8: gtin has no member "form"; did you mean from? Allowed are ` + forText}},
		"capitals":                     {with("GTIN: {from: x}"), []string{`:8: a mapping has no member "GTIN"; did you mean gtin? Allowed are ` + forFields}},
		"unknown in a text":            {with("region: {from: x, slug: true}"), []string{`:8: region has no member "slug"; allowed are ` + forText}},
		"unknown in an id":             {with("productId: {from: p, scale: 10}"), []string{`:1: productId has no member "scale"; allowed are ` + forText + ", slug"}},
		"unknown in an amount":         {with("price: {from: x, slug: true}"), []string{`:4: price has no member "slug"; allowed are ` + forAmount}},
		"unknown in a time":            {with("observedAt: {from: x, zone: UTC}"), []string{`:6: observedAt has no member "zone"; allowed are ` + forText + ", time"}},
		"unknown in time":              {with("observedAt: {from: x, time: {zon: UTC, layout: 2006-01-02 15:04}}"), []string{`:6: observedAt.time has no member "zon"; did you mean zone? Allowed are layout, zone, epoch, assume`}},
		"unknown in a later rule":      {with("gtin:\n- {when: {column: a, is: b}, from: x}\n- from: y\n  fnord: 1"), []string{`:11: gtin has no member "fnord"; allowed are ` + forText}},
		"unknown in a condition":       {with("gtin: {when: {column: a, filed: true}, from: x}"), []string{`:8: gtin.when has no member "filed"; did you mean filled? Allowed are column, filled, is, not, matches`}},
		"unknown in skip":              {with("skip:\n- {column: a, filled: true}\n- - {column: b, filled: true}\n  - {column: c, empty: true}"), []string{`:11: skip has no member "empty"; allowed are column, filled, is, not, matches`}},
		"unknown in unpivot":           {with("unpivot: {rows: [a]}"), []string{`:8: unpivot has no member "rows"; allowed are columns, except, name, value`}},
		"unknown in file":              {with("file: {header: 3}"), []string{`:8: file has no member "header"; allowed are format, separator, encoding, quotes, skip`}},
		"unknown in source":            {with("source: {name: x, kind: feed}"), []string{`:7: source has no member "name"; allowed are id, kind, confidence`}},
		"unknown in competitors":       {with("competitors: {currency: EUR}"), []string{`:8: competitors has no member "currency"; allowed are kind, country, defaultCurrency, freshFor`}},
		"unknown in promotion":         {with("promotion: {until: {from: x}}"), []string{`:8: promotion has no member "until"; allowed are label, validThrough, minQuantity`}},
		"unknown in promotion's rules": {with("promotion: {label: {from: x, time: {}}}"), []string{`:8: promotion.label has no member "time"; allowed are ` + forText}},
		"a merge":                      {with("gtin: {<<: {from: x}}"), []string{`:8: gtin has no member "<<"; allowed are ` + forText}},

		// a value of another form
		"a text for a rule":          {with("price: cost"), []string{`:4: price is "cost"; it must be a rule: {from: cost} if that is a column, {value: cost} if that is the text itself`}},
		"texts for rules":            {with("price: [sale, cost]"), []string{`:4: price is "sale"; it must be a rule: {from: sale} if that is a column, {value: sale} if that is the text itself`, `:4: price is "cost"; it must be a rule: {from: cost} if that is a column, {value: cost} if that is the text itself`}},
		"a list in a list of rules":  {with("gtin: [[{from: x}]]"), []string{":8: gtin is a list; it must have members: when, from, join, first, fileName, value, values, otherwise, default, slug, time, decimal, group, strip, currencies, scale, multiply, divide"}},
		"a list for a text":          {with("gtin: {value: [a, b]}"), []string{":8: gtin.value is a list; it must be one value"}},
		"an object for a text":       {with("gtin: {default: {a: b}}"), []string{":8: gtin.default is an object; it must be one value"}},
		"an object for a column":     {with("gtin: {from: {column: a}}"), []string{":8: gtin.from is an object; it must be one value"}},
		"a list of lists of columns": {with("gtin: {first: [[a]]}"), []string{":8: gtin.first is a list; it must be one value"}},
		"a text for a truth":         {with("productId: {from: a, slug: yes}"), []string{`:1: productId.slug is "yes"; it must be true or false`}},
		"a text for another truth":   {with("gtin: {when: {column: a, filled: maybe}, from: x}"), []string{`:8: gtin.when.filled is "maybe"; it must be true or false`}},
		"a text for an object":       {with("source: feed"), []string{`:7: source is "feed"; it must have members: id, kind, confidence`}},
		"a list for an object":       {with("promotion: [{label: {from: x}}]"), []string{":8: promotion is a list; it must have members: label, validThrough, minQuantity"}},
		"a text for competitors":     {with("competitors: retailer"), []string{`:8: competitors is "retailer"; it must have members: kind, country, defaultCurrency, freshFor`}},
		"a list for unpivot":         {with("unpivot: [a, b]"), []string{":8: unpivot is a list; it must have members: columns, except, name, value"}},
		"a text for file":            {with("file: csv"), []string{`:8: file is "csv"; it must have members: format, separator, encoding, quotes, skip`}},
		"a text for time":            {with("observedAt: {from: t, time: seconds}"), []string{`:6: observedAt.time is "seconds"; it must have members: layout, zone, epoch, assume`}},
		"a number for skip":          {with("skip: 3"), []string{`:8: skip is "3"; it must be conditions on a row, like {column: COLUMN, filled: false}. Lines at the beginning of a file are left out by file: {skip: 3}`}},
		"a text for when":            {with("gtin: {when: sale, from: x}"), []string{`:8: gtin.when is "sale"; it must have members: column, filled, is, not, matches`}},
		"a word for lines":           {with("file: {skip: two}"), []string{`:8: file.skip is "two"; it must be a whole number`}},
		"less than no lines":         {with("file: {skip: -1}"), []string{`:8: file.skip is "-1"; it must be a whole number`}},
		"a list for values":          {with("gtin: {from: a, values: [b]}"), []string{":8: gtin.values is a list; it must be like {WORD: WORD, WORD: WORD}"}},
		"a text for values":          {with("gtin: {from: a, values: b}"), []string{`:8: gtin.values is "b"; it must be like {WORD: WORD, WORD: WORD}`}},
		"a list in values":           {with("region: {from: a, values: {b: [c]}}"), []string{":8: region.values.b is a list; it must be one value"}},
		"a text for currencies":      {with("price: {from: x, currencies: EUR}"), []string{`:4: price.currencies is "EUR"; it must be like {WORD: WORD, WORD: WORD}`}},
		"an object in currencies":    {with("price: {from: x, currencies: [{€: EUR}]}"), []string{":4: price.currencies is an object; it must be one value"}},
		"a list for the whole":       {"- a\n- b\n", []string{":1: a mapping has members, such as productId: {from: COLUMN}; this is a list"}},
		"a text for the whole":       {"price,sku\n", []string{`:1: a mapping has members, such as productId: {from: COLUMN}; this is "price,sku"`}},
		"no rules":                   {with("gtin: []"), []string{":8: gtin is an empty list"}},
		"no condition":               {with("gtin: {when: [], from: x}"), []string{":8: gtin.when is an empty list"}},
		"a condition on nothing":     {with("gtin: {when: {column: a, is: []}, from: x}"), []string{":8: gtin.when.is is an empty list"}},
		"no columns":                 {with("gtin: {from: []}"), []string{":8: gtin.from is an empty list"}},
		"no value":                   {with("gtin:"), []string{":8: gtin has no value"}},
		"a comma in a word":          {with(`gtin: {from: a, values: {4,00638E+12: ""}}`), []string{`:8: gtin.values.4 has no value; write "" for an empty text, and quotation marks around a text with a comma`}},
		"a file of rows":             {"ean\tproduct\tprice\tspecial price\tavailable\n1\t2\t3\t4\t5\n", []string{`:1: a mapping has members, such as productId: {from: COLUMN}; this is "ean\tproduct\tprice\tspecial price\tavailabl..."`}},
		"no text":                    {with("gtin: {from: a, default: }"), []string{`:8: gtin.default has no value; write "" for an empty text, and quotation marks around a text with a comma`}},
		"null":                       {with("gtin: {from: a, default: null}"), []string{`:8: gtin.default is null, YAML's word for nothing; write "null" for that text, "" for an empty one`}},
		"a tilde":                    {with("region: {from: a, values: {b: ~}}"), []string{`:8: region.values.b is ~, YAML's word for nothing; write "~" for that text, "" for an empty one`}},
		"null among words":           {with("gtin: {when: {column: a, is: [b, null]}, from: x}"), []string{`:8: gtin.when.is is null, YAML's word for nothing; write "null" for that text, "" for an empty one`}},
		"null as a word":             {with("region: {from: a, values: {null: b}}"), []string{":8: region.values: \"null\" is no word; an empty cell and a null have no text, so `default` is for them"}},
		"nothing as a word":          {with(`region: {from: a, values: {"": b}}`), []string{":8: region.values: \"\" is no word; an empty cell and a null have no text, so `default` is for them"}},
		"white space as a word":      {with(`region: {from: a, values: {" ": b}}`), []string{":8: region: values has a word of white space only; an empty cell has no text, so `default` is for it"}},
		"a second document":          {base + "---\nprice: {from: y}\n", []string{":8: a second YAML document begins here; a file has one mapping"}},
		"not YAML":                   {with("gtin: {from: a"), []string{":8: this is not YAML: did not find expected ',' or '}'" + yamlHint}},
		"not YAML at once":           {"price: }\n", []string{":1: this is not YAML: did not find expected node content" + yamlHint}},
		"a colon too many":           {with("gtin: from: a"), []string{":8: this is not YAML: mapping values are not allowed in this context" + yamlHint}},
		"an unknown alias":           {with("gtin: *a"), []string{": this is not YAML: unknown anchor 'a' referenced" + yamlHint}},
		"a tabulator":                {with("promotion:\n\tlabel: {from: a}"), []string{":9: this is not YAML: found character that cannot start any token" + yamlHint}},
		"a control character":        {"price: \x00", []string{": this is not YAML: control characters are not allowed" + yamlHint}},
		"not YAML in a second":       {base + "---\n}\n", []string{":9: this is not YAML: did not find expected node content" + yamlHint}},

		// twice
		"a field twice":              {base + "price: {from: y}\n", []string{`:8: the mapping has "price" twice; the first is on line 4`}},
		"a member twice":             {with("gtin:\n  from: a\n  from: b"), []string{`:10: gtin has "from" twice; the first is on line 9`}},
		"a word twice":               {with("region:\n  from: a\n  values:\n    1: x\n    \"1\": y"), []string{`:12: region.values has "1" twice; the first is on line 11`}},
		"a word twice but for space": {with(`region: {from: a, values: {"b ": c, b: d}}`), []string{`:8: region: values has "b" twice, since white space around a word does not count`}},
		"a column twice":             {with("gtin: {first: [a, b, a]}"), []string{":8: gtin: the column a is there twice"}},
		"a joined column twice":      {with(`gtin: {from: [a, a], join: " "}`), []string{":8: gtin: the column a is there twice"}},
		"an unpivoted column twice":  {with("competitorId: {from: n}", "price: {from: v}", "unpivot: {columns: [a, a], name: n, value: v}"), []string{":8: unpivot.columns: the column a is there twice"}},

		// what could give a wrong price, time or id
		"columns of an amount":        {with("price: {from: [sale, cost]}"), []string{":4: price: an amount comes from one column; use `first` for the first of several that is filled"}},
		"joined columns of an amount": {with(`price: {from: [sale, cost], join: ""}`), []string{`:4: price has no member "join"; allowed are ` + forAmount, ":4: price: an amount comes from one column; use `first` for the first of several that is filled"}},
		"columns of a time":           {with("observedAt: {from: [day, hour]}"), []string{":6: observedAt: several columns need `join`, what stands between them, or `first`, for the first that is filled"}},
		"columns of an id":            {with("competitorId: {from: [a, b]}"), []string{":2: competitorId: several columns need `join`, what stands between them, or `first`, for the first that is filled"}},
		"columns of a text":           {with("region: {from: [a, b]}"), []string{":8: region: several columns need `join`, what stands between them, or `first`, for the first that is filled"}},
		"join of one":                 {with("region: {from: a, join: x}"), []string{":8: region: `join` needs several columns in `from`"}},
		"two origins":                 {with("region: {from: a, first: [b]}"), []string{":8: region: from and first cannot both be there"}},
		"a column and a constant":     {with("region: {from: a, value: b}"), []string{":8: region: from and value cannot both be there"}},
		"a column without a name":     {with(`region: {first: [a, ""]}`), []string{":8: region: a column has an empty name"}},
		"a rule that is never used":   {with("region:\n- {from: a}\n- {from: b}"), []string{":9: region: the rules after this one are never used, since it has no `when`"}},
		"default of a constant":       {with("region: {value: a, default: b}"), []string{":8: region: `value` is the text itself; default and values have no effect on it"}},
		"values of a constant":        {with("region: {value: a, values: {b: c}}"), []string{":8: region: `value` is the text itself; default and values have no effect on it"}},
		"otherwise without values":    {with("region: {from: a, otherwise: b}"), []string{":8: region: `otherwise` is for words that are not among `values`; use `default` for a column that is empty"}},
		"an empty expression":         {with(`region: {fileName: ""}`), []string{":8: region: fileName is empty; it is a regular expression that finds the text in the file's name"}},
		"a bad expression":            {with("region: {fileName: 'a('}"), []string{":8: region: fileName: missing closing ): `a(`"}},
		"two groups":                  {with("region: {fileName: '(a)(b)'}"), []string{":8: region: fileName has more than one pair of parentheses; write (?: for those that only group"}},
		"a bad condition":             {with("skip: {column: a, matches: '['}"), []string{":8: skip: matches: missing closing ]: `[`"}},
		"skip of an unpivoted cell":   {with("competitorId: {from: n}", "price: {from: v}", "unpivot: {columns: [a], name: n, value: v}", "skip: {column: v, is: x}"), []string{":9: skip looks at the file's own columns, and v is one that unpivot adds"}},
		"an unpivoted cell unread":    {with("competitorId: {from: n}", "price: {from: a}", "unpivot: {columns: [a], name: n, value: v}"), []string{":8: unpivot.value: no rule takes v, which holds its cell"}},
		"an unpivoted name unread":    {with("price: {from: v}", "unpivot: {columns: [a], name: n, value: v}"), []string{":8: unpivot.name: no rule takes n, which holds the column's name"}},
		"unpivot into a column":       {with("competitorId: {from: a}", "price: {from: v}", "unpivot: {columns: [a], name: a, value: v}"), []string{":8: unpivot.name: a is a column of the file; take a new name"}},
		"unpivot into one":            {with("competitorId: {from: v}", "price: {from: v}", "unpivot: {columns: [a], name: v, value: v}"), []string{`:8: unpivot.value: name and value are both "v"; they are two columns`}},

		// amounts and times, on the lines of their members
		"a scale and a group": {with("shipping:\n  from: a\n  group: _\n  scale: 3"), []string{`:10: shipping: group is "_"; it can be ".", ",", " " or "'"`, `:11: shipping: scale "3" is not a power of ten like 0.01, 1 or 100`}},
		"a zone":              {with("promotion:\n  validThrough:\n    from: v\n    time:\n      layout: 2006-01-02 15:04\n      zone: Rome"), []string{`:13: promotion.validThrough: time: zone "Rome" is not known; zones have names like Europe/Rome, America/New_York, Asia/Tokyo or UTC`}},

		// words and constants that the API would refuse
		"availability":             {with("availability: {value: instock}"), []string{`:3: availability.value: "instock" is not one of ` + forAvailability}},
		"availability in values":   {with("availability:\n  from: a\n  values:\n    1: InStok\n    0: OutOfStock"), []string{`:6: availability.values.1: "InStok" is not one of ` + forAvailability}},
		"availability otherwise":   {with("availability: {from: a, values: {1: InStock}, otherwise: Out}"), []string{`:3: availability.otherwise: "Out" is not one of ` + forAvailability}},
		"availability by default":  {with("availability: {from: a, default: yes}"), []string{`:3: availability.default: "yes" is not one of ` + forAvailability}},
		"price type":               {with("priceType: {value: promo}"), []string{`:8: priceType.value: "promo" is not one of regular, promotional, clearance`}},
		"condition":                {with("itemCondition: {value: new}"), []string{`:8: itemCondition.value: "new" is not one of New, Used, Refurbished, Damaged`}},
		"audience":                 {with("audience: {value: all}"), []string{`:8: audience.value: "all" is not one of public, member, signedIn, app`}},
		"source kind":              {with("source: {id: s, kind: fed}"), []string{`:7: source.kind: "fed" is not one of crawler, feed, manual, vendor`}},
		"source id":                {with("source: {id: big mart, kind: feed}"), []string{`:7: source.id: "big mart" must be 1 to 64 letters, digits and . _ -`}},
		"confidence":               {with("source: {id: s, kind: feed, confidence: 2}"), []string{`:7: source.confidence: "2" is not a number from "0" to "1" with at most 4 decimals`}},
		"currency":                 {with("currency: {value: EURO}"), []string{`:5: currency.value: "EURO" is not an active ISO 4217 currency code`}},
		"currency of a sign":       {with("price: {from: x, currencies: {€: EUX}}"), []string{`:4: price.currencies.€: "EUX" is not an active ISO 4217 currency code`}},
		"product":                  {with("productId: {value: a b}"), []string{`:1: productId.value: "a b" must be 1 to 64 letters, digits and . _ - (but not ., .. or batch)`}},
		"competitor":               {with("competitorId: {value: Big}"), []string{`:2: competitorId.value: "Big" must be 2 to 40 of a-z, 0-9 and -`}},
		"gtin":                     {with("gtin: {value: 12345}"), []string{`:8: gtin.value: "12345" is not a GTIN of 8, 12, 13 or 14 digits`}},
		"region":                   {with("region: {value: north east}"), []string{`:8: region.value: "north east" must be 1 to 16 letters, digits and -`}},
		"seller":                   {with(`sellerId: {value: " a"}`), []string{`:8: sellerId.value: " a" begins or ends with white space`}},
		"url":                      {with("url: {value: shop.example}"), []string{`:8: url.value: "shop.example" is not an http or https address with a host`}},
		"quantity":                 {with("promotion: {minQuantity: {value: 1.5}}"), []string{":8: promotion.minQuantity.value: Must be a whole number without point or exponent"}},
		"no quantity":              {with("promotion: {minQuantity: {value: 0}}"), []string{":8: promotion.minQuantity.value: Must be from 1 to 1000000000"}},
		"a label":                  {with("promotion: {label: {value: \"a\\tb\"}}"), []string{`:8: promotion.label.value: "a\tb" holds U+0009: control, format, private-use, unassigned and line-separating characters are refused`}},
		"a time":                   {with("observedAt: {value: 2026-01-02}"), []string{`:6: observedAt.value: "2026-01-02" is a date without a time of day; a timestamp is a moment, such as 2026-07-06T09:14:03Z`}},
		"a time in another form":   {with("observedAt: {value: 2026-01-02 10:00, time: {layout: 02.01.2006 15:04, zone: UTC}}"), []string{`:6: observedAt.value: "2026-01-02 10:00" is not a time like "20.11.2026 17:45"`}},
		"an amount":                {with("shipping: {value: free}"), []string{`:8: shipping.value: "free" is not a number: "free" is neither in strip nor in currencies`}},
		"an amount in another way": {with(`shipping: {from: a, default: "0.99", decimal: ","}`), []string{`:8: shipping.default: "0.99" is not a number: the mapping says decimal: "," and no group`}},
		"competitor's kind":        {with("competitors: {kind: shop}"), []string{`:8: competitors.kind: "shop" is not one of retailer, marketplace`}},
		"competitor's settings":    {with("competitors:\n  country: it\n  defaultCurrency: EURO\n  freshFor: 2 days"), []string{`:9: competitors.country: "it" must be two capital letters (ISO 3166)`, `:10: competitors.defaultCurrency: "EURO" is not an active ISO 4217 currency code`, `:11: competitors.freshFor: "2 days" is not an ISO 8601 duration such as PT26H or P30D`}},

		// several, in the order of lines
		"several": {
			"sources: {id: s, kind: feed}\nprice: {form: x, scale: 2}\navailability:\n- {value: InStock}\n- {from: a}\ncompetitorId: {from: c, slag: true}\nproductId: {from: [a, b]}\ncurrency: {value: usd}\n",
			[]string{
				`:1: a mapping has no member "sources"; did you mean source? Allowed are ` + forFields,
				`:2: price has no member "form"; did you mean from? Allowed are ` + forAmount,
				`:2: price: scale "2" is not a power of ten like 0.01, 1 or 100`,
				":4: availability: the rules after this one are never used, since it has no `when`",
				`:6: competitorId has no member "slag"; did you mean slug? Allowed are ` + forText + ", slug",
				":7: productId: several columns need `join`, what stands between them, or `first`, for the first that is filled",
				`:8: currency.value: "usd" is not an active ISO 4217 currency code`,
				": there is no rule for observedAt",
				": there is no source, such as source: {id: bigmart-export, kind: feed}",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, tt.file)
			_, err := Load(path)
			require.Error(t, err)
			assert.Equal(t, tt.want, strings.Split(strings.ReplaceAll(err.Error(), path, ""), "\n"))
		})
	}
	_, err := Load(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// write makes a file of a mapping and returns its path.
func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// TestDoc: what the package's text shows can be loaded.
func TestDoc(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	shown := 0
	for _, block := range regexp.MustCompile(`(?m)(^//\t.*\n)+`).FindAllString(string(text), -1) {
		var members []string
		for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
			if line = strings.TrimPrefix(line, "//\t"); strings.HasPrefix(line, " ") {
				members[len(members)-1] += "\n" + line
			} else {
				members = append(members, line)
			}
		}
		_, err := Load(write(t, with(members...)))
		require.NoError(t, err, block)
		shown++
	}
	assert.Equal(t, 5, shown)
}
