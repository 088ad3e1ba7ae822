package price_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

const observation = `{"productId":"ZU-1042","competitorId":"bigmart","availability":"InStock",` +
	`"price":{"amount":"19.95","currency":"USD"},"source":{"id":"crawler-a","kind":"crawler"},"observedAt":"2026-07-06T09:14:03Z"}`

var clock = price.Clock{Now: price.At(time.Date(2026, 7, 6, 9, 15, 0, 0, time.UTC)), Retention: 400 * 24 * time.Hour}

// submit reads an item and defaults, both JSON; defaults may be empty.
func submit(tb testing.TB, item, defaults string, inBatch bool) (price.Submission, []fault.Field) {
	tb.Helper()
	var r jsondoc.Reader
	node, err := jsondoc.Parse([]byte(item))
	require.NoError(tb, err, item)
	var fallback jsondoc.Value
	if defaults != "" {
		n, err := jsondoc.Parse([]byte(defaults))
		require.NoError(tb, err)
		fallback = r.At(n, "/defaults")
	}
	return price.ReadSubmission(r.At(node, "/observations/0"), fallback, inBatch, clock), r.Fields
}

// with returns the observation with members replaced (null removes) by those of a JSON object.
func with(tb testing.TB, change string) string {
	tb.Helper()
	var o, c map[string]json.RawMessage
	require.NoError(tb, json.Unmarshal([]byte(observation), &o))
	require.NoError(tb, json.Unmarshal([]byte(change), &c))
	for name, value := range c {
		if string(value) == `"-"` {
			delete(o, name)
			continue
		}
		o[name] = value
	}
	text, err := json.Marshal(o)
	require.NoError(tb, err)
	return string(text)
}

func TestReadSubmission_Rules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := map[string]struct {
		change string
		want   string // pointer below the item and code; empty: accepted
	}{
		"as it is": {`{}`, ""},
		"optional members null": {`{"gtin":null,"sellerId":null,"region":null,"itemCondition":null,"audience":null,` +
			`"shipping":null,"listPrice":null,"priceType":null,"promotion":null,"url":null}`, ""},
		"longest texts": {`{"sellerId":"` + long(128) + `","url":"https://` + long(504) + `","promotion":{"label":"` + long(120) +
			`"},"productId":"` + long(64) + `"}`, ""},
		"product too long":               {`{"productId":"` + long(65) + `"}`, "/productId invalid-field"},
		"product null":                   {`{"productId":null}`, "/productId wrong-type"},
		"neither product nor gtin":       {`{"productId":"-"}`, "/productId missing-field"},
		"gtin beside product is checked": {`{"gtin":"6291041500214"}`, "/gtin gtin-check-digit"},
		"product .":                      {`{"productId":"."}`, "/productId invalid-field"},
		"product ..":                     {`{"productId":".."}`, "/productId invalid-field"},
		"product ...":                    {`{"productId":"..."}`, ""},
		"source ..":                      {`{"source":{"id":"..","kind":"feed"}}`, ""},
		"competitor of 2":                {`{"competitorId":"a1"}`, ""},
		"competitor of 40":               {`{"competitorId":"` + long(40) + `"}`, ""},
		"competitor of 41":               {`{"competitorId":"` + long(41) + `"}`, "/competitorId invalid-field"},
		"competitor of the last letters": {`{"competitorId":"z9-"}`, ""},
		"competitor beside the letters":  {`{"competitorId":"z{"}`, "/competitorId invalid-field"},
		"competitor too short":           {`{"competitorId":"b"}`, "/competitorId invalid-field"},
		"competitor with capitals":       {`{"competitorId":"Big"}`, "/competitorId invalid-field"},
		"seller too long":                {`{"sellerId":"` + long(129) + `"}`, "/sellerId invalid-field"},
		"seller not in NFC":              {`{"sellerId":"Cafe\u0301"}`, "/sellerId invalid-field"},
		"seller of 128 bytes":            {`{"sellerId":"` + long(128) + `"}`, ""},
		"seller of our own":              {`{"competitorId":"own","sellerId":"us"}`, "/sellerId invalid-field"},
		"no seller of our own":           {`{"competitorId":"own","sellerId":""}`, ""},
		"region of one":                  {`{"region":"X"}`, ""},
		"region with a hyphen":           {`{"region":"us-CA"}`, ""},
		"region of 16":                   {`{"region":"` + long(16) + `"}`, ""},
		"region with a space":            {`{"region":"New York"}`, "/region invalid-field"},
		"region too long":                {`{"region":"` + long(17) + `"}`, "/region invalid-field"},
		"unknown condition":              {`{"itemCondition":"new"}`, "/itemCondition invalid-field"},
		"unknown audience":               {`{"audience":"all"}`, "/audience invalid-field"},
		"no availability":                {`{"availability":"-"}`, "/availability missing-field"},
		"availability null":              {`{"availability":null}`, "/availability wrong-type"},
		"no price":                       {`{"price":"-"}`, "/price missing-field"},
		"price null in stock":            {`{"price":null}`, "/price price-required"},
		"price null, sold out":           {`{"price":null,"availability":"SoldOut"}`, ""},
		"price null, discontinued":       {`{"price":null,"availability":"Discontinued"}`, ""},
		"amount a number":                {`{"price":{"amount":19.95,"currency":"USD"}}`, "/price/amount wrong-type"},
		"amount with an unknown member":  {`{"price":{"amount":"1","currency":"USD","tax":"0"}}`, "/price/tax unknown-field"},
		"no currency":                    {`{"price":{"amount":"1"}}`, "/price/currency missing-field"},
		"list price in another currency": {`{"listPrice":{"amount":"1","currency":"EUR"}}`, "/listPrice/currency currency-mismatch"},
		"shipping and list price differ": {`{"price":null,"availability":"SoldOut","shipping":{"amount":"1","currency":"EUR"},` +
			`"listPrice":{"amount":"1","currency":"USD"}}`, "/listPrice/currency currency-mismatch"},
		"unknown price type":            {`{"priceType":"sale"}`, "/priceType invalid-field"},
		"promotion of nothing":          {`{"promotion":{}}`, ""},
		"promotion a text":              {`{"promotion":"sale"}`, "/promotion wrong-type"},
		"label too long":                {`{"promotion":{"label":"` + long(121) + `"}}`, "/promotion/label invalid-field"},
		"promotion without an end date": {`{"promotion":{"validThrough":"2026-07-31"}}`, "/promotion/validThrough timestamp-invalid"},
		"quantity zero":                 {`{"promotion":{"minQuantity":0}}`, "/promotion/minQuantity invalid-field"},
		"quantity a fraction":           {`{"promotion":{"minQuantity":1.5}}`, "/promotion/minQuantity wrong-type"},
		"quantity with an exponent":     {`{"promotion":{"minQuantity":1e2}}`, "/promotion/minQuantity wrong-type"},
		"quantity of a billion":         {`{"promotion":{"minQuantity":1000000000}}`, ""},
		"quantity of one more":          {`{"promotion":{"minQuantity":1000000001}}`, "/promotion/minQuantity invalid-field"},
		"quantity below zero":           {`{"promotion":{"minQuantity":-1}}`, "/promotion/minQuantity invalid-field"},
		"quantity beyond all integers":  {`{"promotion":{"minQuantity":99999999999999999999}}`, "/promotion/minQuantity invalid-field"},
		"quantity a text":               {`{"promotion":{"minQuantity":"2"}}`, "/promotion/minQuantity wrong-type"},
		"url too long":                  {`{"url":"https://` + long(505) + `"}`, "/url invalid-field"},
		"source a text":                 {`{"source":"crawler-a"}`, "/source wrong-type"},
		"source without a kind":         {`{"source":{"id":"a"}}`, "/source/kind missing-field"},
		"source of an unknown kind":     {`{"source":{"id":"a","kind":"robot"}}`, "/source/kind invalid-field"},
		"confidence a number":           {`{"source":{"id":"a","kind":"feed","confidence":0.5}}`, "/source/confidence wrong-type"},
		"confidence too fine":           {`{"source":{"id":"a","kind":"feed","confidence":"0.12345"}}`, "/source/confidence invalid-field"},
		"five minutes ahead":            {`{"observedAt":"2026-07-06T09:20:00Z"}`, ""},
		"a millisecond more":            {`{"observedAt":"2026-07-06T09:20:00.001Z"}`, "/observedAt observed-in-future"},
		"as old as is kept":             {`{"observedAt":"2025-06-01T09:15:00Z"}`, ""},
		"a millisecond older":           {`{"observedAt":"2025-06-01T09:14:59.999Z"}`, "/observedAt observed-too-old"},
		"no time":                       {`{"observedAt":"-"}`, "/observedAt missing-field"},
		"itemId of 128 bytes":           {`{"itemId":"` + long(128) + `"}`, ""},
		"itemId too long":               {`{"itemId":"` + long(129) + `"}`, "/itemId invalid-field"},
		"a server's field":              {`{"observationId":"x"}`, "/observationId unknown-field"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, faults := submit(t, with(t, tt.change), "", true)
			got := ""
			if len(faults) > 0 {
				got = strings.TrimPrefix(faults[0].Pointer, "/observations/0") + " " + faults[0].Code
				assert.NotEmpty(t, faults[0].Detail)
				assert.Less(t, len(faults[0].Detail), 400)
			}
			assert.Equal(t, tt.want, got)
			assert.LessOrEqual(t, len(faults), 1)
		})
	}
	t.Run("itemId outside a batch", func(t *testing.T) {
		_, faults := submit(t, with(t, `{"itemId":"a"}`), "", false)
		require.Len(t, faults, 1)
		assert.Equal(t, fault.CodeUnknownField, faults[0].Code)
	})
}

func TestReadSubmission_Defaults(t *testing.T) {
	defaults := `{"competitorId":"shopx","source":{"id":"feed-b","kind":"feed","confidence":"0.5"},"region":"CA","audience":"everyone"}`
	got, faults := submit(t, with(t, `{"competitorId":"-","region":null,"audience":"app","source":{"id":"c","kind":"crawler"}}`),
		defaults, true)
	assert.Empty(t, faults)
	assert.Equal(t, "shopx", got.Observation.Key.CompetitorID, "absent: taken from the defaults")
	assert.Empty(t, got.Observation.Key.Region, "an explicit null is present")
	assert.Equal(t, price.Source{ID: "c", Confidence: price.NoConfidence}, got.Observation.Source, "replaced whole")

	_, faults = submit(t, observation, defaults, true)
	require.Len(t, faults, 1)
	assert.Equal(t, "/defaults/audience", faults[0].Pointer, "a fault in the defaults is that of each item that uses it")
}

func TestReadSubmission_DefaultsFilledInGiveTheSameID(t *testing.T) {
	plain, _ := submit(t, observation, "", true)
	full, faults := submit(t, with(t, `{"itemCondition":"New","audience":"public","itemId":"a","gtin":"6291041500213",`+
		`"observedAt":"2026-07-06T11:14:03.0001+02:00"}`), "", true)
	require.Empty(t, faults)
	assert.Equal(t, plain.Observation.ID(), full.Observation.ID())
	assert.Empty(t, full.GTIN, "productId wins")
}

func FuzzReadSubmission(f *testing.F) {
	f.Add(observation, `{"audience":"app","promotion":{"label":"x","minQuantity":2}}`)
	f.Add(`{"gtin":"6291041500213","price":null}`, `{}`)
	f.Add(`[]`, `null`)
	f.Fuzz(func(t *testing.T, item, defaults string) {
		node, err := jsondoc.Parse([]byte(item))
		if err != nil {
			return
		}
		fallback, err := jsondoc.Parse([]byte(defaults))
		if err != nil {
			return
		}
		var r jsondoc.Reader
		s := price.ReadSubmission(r.At(node, ""), r.At(fallback, "/defaults"), true, clock)
		if r.Err() != nil {
			return
		}
		o := s.Observation
		if o.Key.ProductID == "" && s.GTIN == "" || !price.CheckCompetitorID(o.Key.CompetitorID) || o.Source.ID == "" ||
			o.ObservedAt > clock.Now.Add(5*time.Minute) {
			t.Fatalf("accepted %+v", s)
		}
		if !o.Terms.Price.Present() && !o.Terms.Availability.PriceOptional() {
			t.Fatalf("no price: %+v", s)
		}
	})
}

// TestReadSubmission_FreeText asks of every free text what it may hold: two texts that look alike would be two offers.
func TestReadSubmission_FreeText(t *testing.T) {
	members := map[string]string{
		"itemId": `{"itemId":%s}`, "sellerId": `{"sellerId":%s}`, "promotion/label": `{"promotion":{"label":%s}}`,
	}
	accepted := []string{
		"Shop", "Otto & Söhne", "Caf\u00e9", "東京 店", "\u0645\u06cc\u200c\u062e", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
		"a\u00a0b", "\U0001f6d2", "5\u2033", "\ufeb0",
	}
	refused := map[string]string{ // what the sentence must say
		"M\ufffdller": "U+FFFD, which stands for bytes that are not UTF-8: was the text sent in another encoding than UTF-8?",
		"Cafe\u0301":  "normalization form C",
		"a\u0007":     "U+0007",
		"a\tb":        "U+0009",
		"a\u007fb":    "U+007F",
		"a\u0085b":    "U+0085",
		"a\u2028b":    "U+2028: control, format, private-use, unassigned and line-separating characters are refused",
		"a\u2029b":    "U+2029",
		"Shop\u200e":  "U+200E",
		"Shop\u200b":  "U+200B",
		"\ufeffShop":  "U+FEFF",
		"a\u00adb":    "U+00AD",
		"a\u2060b":    "U+2060",
		"a\ue000b":    "U+E000",
		"\U0010fffd":  "U+10FFFD",
		"a\u0378b":    "U+0378",
		"\U0001fffe":  "U+1FFFE",
		"a\uffffb":    "U+FFFF",
		"a\ufdd0b":    "U+FDD0",
		"\U000e0041":  "U+E0041",
		" Shop":       "white space",
		"Shop ":       "white space",
		"Shop\u00a0":  "white space",
		"\u3000Shop":  "white space",
		" ":           "white space",
		"Shop\ufffd ": "U+FFFD",
	}
	quoted := func(text string) string {
		raw, err := json.Marshal(text)
		require.NoError(t, err)
		return string(raw)
	}
	for member, change := range members {
		for _, text := range accepted {
			got, faults := submit(t, with(t, fmt.Sprintf(change, quoted(text))), "", true)
			assert.Empty(t, faults, "%s %q", member, text)
			assert.Contains(t, []string{got.ItemID, got.Observation.Key.SellerID, got.Observation.Terms.Promotion.Label}, text)
		}
		for text, want := range refused {
			_, faults := submit(t, with(t, fmt.Sprintf(change, quoted(text))), "", true)
			if assert.Len(t, faults, 1, "%s %q", member, text) {
				assert.Equal(t, "/observations/0/"+member, faults[0].Pointer)
				assert.Equal(t, fault.CodeInvalidField, faults[0].Code)
				assert.Contains(t, faults[0].Detail, want)
			}
		}
	}
}

// TestReadSubmission_URL: what is handed out as the page of an offer is a page.
func TestReadSubmission_URL(t *testing.T) {
	for _, url := range []string{
		"https://bigmart.example/p/77", "http://h", "HTTPS://H.example:8443/?q=a+b#c", "https://[2001:db8::1]/", "https://größe.example/ß",
		"https://h/100%-cotton", "https://h?u=https://user@other/", "https://h/@user", "https://h#@",
	} {
		got, faults := submit(t, with(t, `{"url":"`+url+`"}`), "", false)
		assert.Empty(t, faults, url)
		assert.Equal(t, url, got.Observation.URL)
	}
	for _, url := range []string{
		"javascript:alert(1)", "javascript://h/%0aalert(1)", "data:text/html,x", "ftp://h/", "file:///etc/passwd", "//h/p", "/p", "x",
		"http:", "http:h",
		"http:/h", "http://", "http:///p", "http://:80/", "https://?q", "https://user:pw@h/", "https://user@h/", "https://@h/",
		"http://a b", "http://h/a b",
		"http://h/a\u00a0b", "http://h\\\\@x/", "https:\\\\\\\\h\\\\", "http://[::1/", "http://h:x/", "http://h\u200b/", " http://h",
		"http://h/\ufffd",
		"http://h<x>/", "view-source:http://h/", "http//h://x",
	} {
		_, faults := submit(t, with(t, `{"url":"`+url+`"}`), "", false)
		if assert.Len(t, faults, 1, url) {
			assert.Equal(t, "/observations/0/url invalid-field", faults[0].Pointer+" "+faults[0].Code)
		}
	}
}

// TestReadSubmission_EmptyIsAbsent: a client that writes all members and leaves some empty says the same as one that leaves them
// out, so the two are one observation.
func TestReadSubmission_EmptyIsAbsent(t *testing.T) {
	plain, faults := submit(t, observation, "", true)
	require.Empty(t, faults)
	for _, change := range []string{
		`{"sellerId":""}`, `{"region":""}`, `{"itemCondition":""}`, `{"audience":""}`, `{"priceType":""}`, `{"url":""}`, `{"itemId":""}`,
		`{"gtin":""}`,
		`{"promotion":{}}`, `{"promotion":{"label":"","validThrough":"","minQuantity":null}}`, `{"promotion":{"label":null}}`,
		`{"shipping":{}}`, `{"listPrice":{}}`, `{"source":{"id":"crawler-a","kind":"crawler","confidence":""}}`,
	} {
		got, faults := submit(t, with(t, change), "", true)
		assert.Empty(t, faults, change)
		assert.Equal(t, plain.Observation, got.Observation, change)
		assert.Empty(t, got.ItemID)
	}
	got, faults := submit(t, with(t, `{"productId":"","gtin":"6291041500213"}`), "", true)
	assert.Empty(t, faults)
	assert.Equal(t, price.GTIN("06291041500213"), got.GTIN)
	got, faults = submit(t, with(t, `{"region":"","shipping":{}}`), `{"region":"DE","shipping":{"amount":"1","currency":"USD"}}`, true)
	assert.Empty(t, faults)
	assert.Equal(t, "DE", got.Observation.Key.Region, "what is absent is taken from the defaults")
	assert.Equal(t, "1.00 USD", got.Observation.Terms.Shipping.String())
	got, faults = submit(t, observation, `{"region":"","promotion":{},"sellerId":""}`, true)
	assert.Empty(t, faults)
	assert.Equal(t, plain.Observation, got.Observation)
	for change, want := range map[string]string{ // what is required cannot be empty, and an empty value of another type is a mistake
		`{"productId":""}`:         "/productId missing-field",
		`{"competitorId":""}`:      "/competitorId invalid-field",
		`{"availability":""}`:      "/availability invalid-field",
		`{"observedAt":""}`:        "/observedAt timestamp-invalid",
		`{"source":{}}`:            "/source/id missing-field",
		`{"price":{}}`:             "/price/amount missing-field",
		`{"sellerId":{}}`:          "/sellerId wrong-type",
		`{"promotion":""}`:         "/promotion wrong-type",
		`{"promotion":[]}`:         "/promotion wrong-type",
		`{"shipping":""}`:          "/shipping wrong-type",
		`{"shipping":{"tax":"0"}}`: "/shipping/tax unknown-field",
	} {
		_, faults := submit(t, with(t, change), `{"competitorId":"shopx"}`, true)
		if assert.NotEmpty(t, faults, change) {
			assert.Equal(t, want, strings.TrimPrefix(faults[0].Pointer, "/observations/0")+" "+faults[0].Code, change)
		}
	}
}

// TestReadSubmission_Values reads every member with a value of its own and compares all that was read.
func TestReadSubmission_Values(t *testing.T) {
	item := `{"itemId":"row 7","productId":"ZU-1042","gtin":"6291041500213","competitorId":"bigmart","sellerId":"Otto & Söhne",
		"region":"US-CA","itemCondition":"Refurbished","audience":"member","availability":"BackOrder","price":{"amount":"19.95","currency":"USD"},
		"shipping":{"amount":"0.00","currency":"USD"},"listPrice":{"amount":"29.5","currency":"USD"},"priceType":"promotional",
		"promotion":{"label":"Summer sale","validThrough":"2026-07-31t23:59:59.9999+02:00","minQuantity":2},"url":"https://bigmart.example/p/77",
		"source":{"id":"vendor-1","kind":"vendor","confidence":"0.9701"},"observedAt":"2026-07-06T11:14:03.5+02:00"}`
	usd := func(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }
	want := price.Observation{
		Key: price.OfferKey{ProductID: "ZU-1042", CompetitorID: "bigmart", SellerID: "Otto & Söhne", Region: "US-CA",
			Condition: price.ConditionRefurbished, Audience: price.AudienceMember},
		Terms: price.Terms{Price: usd(1995), Shipping: usd(0), ListPrice: usd(2950), Availability: price.AvailabilityBackOrder,
			PriceType: price.PriceTypePromotional,
			Promotion: price.Promotion{Present: true, Label: "Summer sale", MinQuantity: 2,
				ValidThrough: price.At(time.Date(2026, 7, 31, 21, 59, 59, 999_000_000, time.UTC))}},
		URL:        "https://bigmart.example/p/77",
		Source:     price.Source{ID: "vendor-1", Kind: price.SourceVendor, Confidence: 9701},
		ObservedAt: price.At(time.Date(2026, 7, 6, 9, 14, 3, 500_000_000, time.UTC)),
	}
	got, faults := submit(t, item, "", true)
	require.Empty(t, faults)
	assert.Equal(t, want, got.Observation)
	assert.Equal(t, "row 7", got.ItemID)
	assert.Empty(t, got.GTIN, "productId wins")

	got, faults = submit(t, observation, "", false)
	require.Empty(t, faults)
	assert.Equal(t, price.Observation{
		Key:        price.OfferKey{ProductID: "ZU-1042", CompetitorID: "bigmart"},
		Terms:      price.Terms{Price: usd(1995)},
		Source:     price.Source{ID: "crawler-a", Confidence: price.NoConfidence},
		ObservedAt: price.At(time.Date(2026, 7, 6, 9, 14, 3, 0, time.UTC)),
	}, got.Observation)

	for change, want := range map[string]price.Promotion{
		`{"label":"x"}`: {Present: true, Label: "x", ValidThrough: price.NoTime},
		`{"validThrough":"1970-01-01T00:00:00Z"}`: {Present: true},
		`{"minQuantity":1}`:                       {Present: true, ValidThrough: price.NoTime, MinQuantity: 1},
		`{"minQuantity":1000000000}`:              {Present: true, ValidThrough: price.NoTime, MinQuantity: 1_000_000_000},
	} {
		got, faults := submit(t, with(t, `{"promotion":`+change+`}`), "", false)
		assert.Empty(t, faults, change)
		assert.Equal(t, want, got.Observation.Terms.Promotion, change)
	}
}

// TestReadSubmission_Sentences: what a client reads is a sentence that says what is wrong and what would be right.
func TestReadSubmission_Sentences(t *testing.T) {
	tooLong := strings.Repeat("ü", 40)
	tests := []struct{ change, want string }{
		{`{"productId":"a b"}`,
			`/productId: "a b" must be 1 to 64 letters, digits and . _ - (but not ., .. or batch).`},
		{`{"competitorId":"Big"}`,
			`/competitorId: "Big" must be 2 to 40 of a-z, 0-9 and -.`},
		{`{"region":"New York"}`,
			`/region: "New York" must be 1 to 16 letters, digits and -.`},
		{`{"sellerId":"a\u202eb"}`,
			`/sellerId: "a\u202eb" holds U+202E: control, format, private-use, unassigned and line-separating characters are refused.`},
		{`{"sellerId":" a"}`,
			`/sellerId: " a" begins or ends with white space.`},
		{`{"sellerId":"e\u0301"}`,
			`/sellerId: "e\u0301" is not in Unicode normalization form C.`},
		{`{"itemId":"` + strings.Repeat("x", 129) + `"}`,
			`/itemId: Must be 1 to 128 bytes long, not 129.`},
		{`{"url":"https://user@h/"}`,
			`/url: "https://user@h/" holds user info before the host.`},
		{`{"url":"https://h/a b"}`,
			`/url: "https://h/a b" holds white space.`},
		{`{"url":"ftp://h/"}`,
			`/url: "ftp://h/" is not an http or https address with a host.`},
		{`{"audience":"` + tooLong + `"}`,
			`/audience: "` + tooLong[:64] + `…" is not one of public, member, signedIn, app.`},
		{`{"audience":"x` + tooLong + `"}`,
			`/audience: "x` + tooLong[:62] + `…" is not one of public, member, signedIn, app.`},
		{`{"gtin":"123"}`,
			`/gtin: "123" is not a GTIN of 8, 12, 13 or 14 digits.`},
		{`{"gtin":"6291041500214"}`,
			`/gtin: The check digit of 6291041500214 should be 3.`},
		{`{"price":{"amount":"1,5","currency":"USD"}}`,
			`/price/amount: "1,5" is not a decimal number such as 19.99.`},
		{`{"price":{"amount":"-1","currency":"USD"}}`,
			`/price/amount: An amount is 0 or more; "-1" is not.`},
		{`{"price":{"amount":"1.999","currency":"USD"}}`,
			`/price/amount: USD has 2 minor digits; 1.999 has 3.`},
		{`{"price":{"amount":"10000000000","currency":"USD"}}`,
			`/price/amount: An amount is below 10^12 minor units; "10000000000" is not.`},
		{`{"price":{"amount":"99999999999999","currency":"USD"}}`,
			`/price/amount: An amount is below 10^12 minor units; "99999999999999" is not.`},
		{`{"price":{"amount":"1","currency":"usd"}}`,
			`/price/currency: "usd" is not an active ISO 4217 currency code.`},
		{`{"shipping":{"amount":"1","currency":"EUR"}}`,
			`/shipping/currency: All amounts of an observation share one currency; this is EUR, not USD.`},
		{`{"price":null}`,
			`/price: The price may be null only with OutOfStock, SoldOut or Discontinued.`},
		{`{"promotion":{"minQuantity":0}}`,
			`/promotion/minQuantity: Must be from 1 to 1000000000.`},
		{`{"promotion":{"minQuantity":1.0}}`,
			`/promotion/minQuantity: Must be a whole number without point or exponent.`},
		{`{"observedAt":"2026-07-06"}`,
			`/observedAt: "2026-07-06" is a date without a time of day; a timestamp is a moment, such as 2026-07-06T09:14:03Z.`},
		{`{"observedAt":"2026-07-06T10:00:00Z"}`,
			`/observedAt: 2026-07-06T10:00:00.000Z is more than 5 minutes after 2026-07-06T09:15:00.000Z, when this was received.`},
		{`{"observedAt":"2020-07-06T10:00:00Z"}`,
			`/observedAt: 2020-07-06T10:00:00.000Z is older than the 400 days that are kept.`},
		{`{"source":{"id":"a b","kind":"feed"}}`,
			`/source/id: "a b" must be 1 to 64 letters, digits and . _ -.`},
		{`{"source":{"id":"a","kind":"feed","confidence":"2"}}`,
			`/source/confidence: "2" is not a number from "0" to "1" with at most 4 decimals.`},
		{`{"productId":"-"}`,
			`/productId: One of "productId" and "gtin" is required.`},
	}
	for _, tt := range tests {
		_, faults := submit(t, with(t, tt.change), "", true)
		if assert.Len(t, faults, 1, tt.change) {
			assert.Equal(t, tt.want, strings.TrimPrefix(faults[0].Pointer, "/observations/0")+": "+faults[0].Detail)
		}
	}
}

// TestReadSubmission_Wrong: a fault in one place gives no second one elsewhere, and what is wrong is not read.
func TestReadSubmission_Wrong(t *testing.T) {
	got, faults := submit(t, with(t, `{"price":{"amount":5,"currency":"EUR"},"shipping":{"amount":"1","currency":"USD"}}`), "", false)
	require.Len(t, faults, 1, "the currency of an amount that could not be read is not compared")
	assert.Equal(t, "/observations/0/price/amount", faults[0].Pointer)
	assert.False(t, got.Observation.Terms.Price.Present())
	_, faults = submit(t, with(t, `{"price":{"amount":"x","currency":"USD"},"shipping":{"amount":"1","currency":"EUR"}}`), "", false)
	assert.Len(t, faults, 2, "an amount that is wrong has a currency all the same")
	_, faults = submit(t, with(t, `{"price":{"amount":"1","currency":"XXX"},"shipping":{"amount":"1","currency":"EUR"},
		"listPrice":{"amount":"1","currency":"EUR"}}`), "", false)
	assert.Len(t, faults, 1, "a currency that is none is not compared")
	got, faults = submit(t, with(t, `{"source":{"id":"a","kind":"feed","confidence":"x"}}`), "", false)
	assert.Len(t, faults, 1)
	assert.Equal(t, price.Source{ID: "a", Kind: price.SourceFeed, Confidence: price.NoConfidence}, got.Observation.Source)
	got, faults = submit(t, with(t, `{"source":7}`), "", false)
	assert.Len(t, faults, 1)
	assert.Equal(t, price.Source{Confidence: price.NoConfidence}, got.Observation.Source)
	_, faults = submit(t, with(t, `{"price":null,"availability":7}`), "", false)
	assert.Len(t, faults, 1, "whether the price may be null is not known")
	_, faults = submit(t, with(t, `{"price":null,"availability":"Maybe"}`), "", false)
	assert.Len(t, faults, 1, "nor here")
	_, faults = submit(t, with(t, `{"price":null,"availability":"-"}`), "", false)
	assert.Len(t, faults, 1, "nor here")
	got, _ = submit(t, `[]`, "", false)
	assert.Equal(t, price.Submission{}, got)
	_, faults = submit(t, with(t, `{"observedAt":"2026-07-06T24:00:00Z","price":{"amount":"1","currency":"BGN"}}`), "", false)
	assert.Len(t, faults, 1, "whether the currency was one is not known")
}

// TestSubmission_Pointer: a member that came from the defaults, or would have stood in the item.
func TestSubmission_Pointer(t *testing.T) {
	defaults := `{"region":"DE","source":{"id":"a","kind":"feed"},"competitorId":"shopx"}`
	s, faults := submit(t, with(t, `{"region":"","source":"-"}`), defaults, true)
	require.Empty(t, faults)
	for member, want := range map[string]string{
		"/source/kind":     "/defaults/source/kind",
		"/source":          "/defaults/source",
		"/region":          "/defaults/region",
		"/competitorId":    "/observations/0/competitorId",
		"/price/amount":    "/observations/0/price/amount",
		"/promotion/label": "/observations/0/promotion/label",
		"/sellerId":        "/observations/0/sellerId",
	} {
		assert.Equal(t, want, s.Pointer(member))
	}
}

func TestCheckDefaults(t *testing.T) {
	for defaults, want := range map[string]string{
		`{"competitorId":"","observedAt":7}`: "", // judged where an item uses them
		`{"productId":"P"}`:                  "/defaults/productId unknown-field",
		`{"gtin":"6291041500213"}`:           "/defaults/gtin unknown-field",
		`{"itemId":"a"}`:                     "/defaults/itemId unknown-field",
		`{"region":"a","region":"b"}`:        "/defaults/region duplicate-field",
		`[]`:                                 "/defaults wrong-type",
	} {
		node, err := jsondoc.Parse([]byte(defaults))
		require.NoError(t, err)
		var r jsondoc.Reader
		price.CheckDefaults(r.At(node, "/defaults"))
		got := ""
		for _, f := range r.Fields {
			got += f.Pointer + " " + f.Code
		}
		assert.Equal(t, want, got, defaults)
	}
	price.CheckDefaults(jsondoc.Value{}) // none
}
