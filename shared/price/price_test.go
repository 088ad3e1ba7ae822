package price_test

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/fault"
	"pricing/shared/price"
)

// list reads one of the standard's lists.
func list(t *testing.T, name string, rows int) [][]string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // only read
	r := csv.NewReader(f)
	r.Comment = '#'
	all, err := r.ReadAll()
	require.NoError(t, err)
	require.Len(t, all, rows)
	return all
}

// TestMinorDigits compares the tables with the standard's own lists.
func TestMinorDigits(t *testing.T) {
	digitsOf := map[string]string{}
	for _, row := range list(t, "iso4217.csv", 178) {
		digitsOf[row[0]] = row[1]
	}
	for _, row := range list(t, "iso4217-withdrawn.csv", 54) {
		require.NotContains(t, digitsOf, row[0])
		digitsOf[row[0]] = row[2]
	}
	for a := 'A'; a <= 'Z'; a++ { // every code there could be, so that none is too many
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				code := string([]rune{a, b, c})
				want, err := strconv.Atoi(digitsOf[code])
				digits, ok := price.MinorDigits(code)
				require.Equal(t, err == nil, ok, code)
				require.Equal(t, want, digits, code) // 0 where there is none
			}
		}
	}
	for _, no := range []string{"", "US", "USDX", "usd", "US ", " US", "D U", "\x00\x00\x00", "200", "-03", "2 2", "P0 ", "AZ[", "@AZ"} {
		digits, ok := price.MinorDigits(no)
		assert.False(t, ok, "%q", no)
		assert.Zero(t, digits)
	}
}

// TestParseMoney_Withdrawn: a price may be in a currency as long as that was one.
func TestParseMoney_Withdrawn(t *testing.T) {
	for _, row := range list(t, "iso4217-withdrawn.csv", 54) {
		day := row[1] + "-01"
		until, err := price.ParseTimestamp(day + "T00:00:00Z")
		require.NoError(t, err)
		for _, at := range []price.Timestamp{until - 1, price.NoTime} {
			m, wrong := price.ParseMoney("7", row[0], at)
			require.Nil(t, wrong, row[0])
			assert.Equal(t, price.Money{Minor: map[string]int64{"0": 7, "2": 700}[row[2]], Currency: row[0]}, m)
		}
		m, wrong := price.ParseMoney("7", row[0], until)
		require.NotNil(t, wrong, row[0])
		assert.Zero(t, m)
		assert.Equal(t, fault.Field{Pointer: "/currency", Code: fault.CodeCurrencyUnknown,
			Detail: row[0] + " is valid only for prices observed before " + day + ", when ISO 4217 withdrew it."}, *wrong)
	}
	m, wrong := price.ParseMoney("1", "EUR", price.Timestamp(math.MaxInt64-1))
	require.Nil(t, wrong)
	assert.Equal(t, "1.00 EUR", m.String())
}

func TestParseMoney(t *testing.T) {
	tests := map[string]struct {
		amount, currency string
		want             string // printed
		wantPointer      string
		wantCode         string
	}{
		"plain":                      {"19.99", "USD", "19.99 USD", "", ""},
		"one decimal":                {"9.9", "USD", "9.90 USD", "", ""},
		"whole":                      {"9", "USD", "9.00 USD", "", ""},
		"zero":                       {"0.00", "USD", "0.00 USD", "", ""},
		"cents":                      {"0.05", "USD", "0.05 USD", "", ""},
		"no minor unit":              {"1500", "JPY", "1500 JPY", "", ""},
		"three digits":               {"1.234", "KWD", "1.234 KWD", "", ""},
		"four digits":                {"1.2345", "CLF", "1.2345 CLF", "", ""},
		"largest":                    {"9999999999.99", "USD", "9999999999.99 USD", "", ""},
		"too large by one":           {"10000000000.00", "USD", "", "/amount", fault.CodeAmountRange},
		"eighteen digits":            {strings.Repeat("9", 18), "JPY", "", "/amount", fault.CodeAmountRange},
		"largest of the yen":         {"999999999999", "JPY", "999999999999 JPY", "", ""},
		"too large by one yen":       {"1000000000000", "JPY", "", "/amount", fault.CodeAmountRange},
		"2^64 and a little":          {"18446744073709551621", "JPY", "", "/amount", fault.CodeAmountRange},
		"huge":                       {strings.Repeat("9", 400), "USD", "", "/amount", fault.CodeAmountRange},
		"negative":                   {"-1.00", "USD", "", "/amount", fault.CodeAmountRange},
		"too many decimals":          {"26.490", "USD", "", "/amount", fault.CodeAmountPrecision},
		"decimals of a yen":          {"1.0", "JPY", "", "/amount", fault.CodeAmountPrecision},
		"no digits before the point": {".5", "USD", "", "/amount", fault.CodeInvalidField},
		"no digits behind":           {"5.", "USD", "", "/amount", fault.CodeInvalidField},
		"leading zero":               {"01.50", "USD", "", "/amount", fault.CodeInvalidField},
		"exponent":                   {"1e2", "USD", "", "/amount", fault.CodeInvalidField},
		"plus":                       {"+1", "USD", "", "/amount", fault.CodeInvalidField},
		"comma":                      {"1,50", "USD", "", "/amount", fault.CodeInvalidField},
		"grouping":                   {"1 000", "USD", "", "/amount", fault.CodeInvalidField},
		"empty":                      {"", "USD", "", "/amount", fault.CodeInvalidField},
		"behind the digits":          {"1:.00", "USD", "", "/amount", fault.CodeInvalidField},
		"before the digits":          {"1./0", "USD", "", "/amount", fault.CodeInvalidField},
		"other digits":               {"１", "USD", "", "/amount", fault.CodeInvalidField},
		"two minuses":                {"--1", "USD", "", "/amount", fault.CodeInvalidField},
		"unknown currency":           {"1", "USDT", "", "/currency", fault.CodeCurrencyUnknown},
		"lower case":                 {"1", "usd", "", "/currency", fault.CodeCurrencyUnknown},
		"a metal":                    {"1", "XAU", "", "/currency", fault.CodeCurrencyUnknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, wrong := price.ParseMoney(tt.amount, tt.currency, 0)
			if tt.wantCode != "" {
				require.NotNil(t, wrong)
				assert.Equal(t, tt.wantPointer, wrong.Pointer)
				assert.Equal(t, tt.wantCode, wrong.Code)
				assert.Less(t, len(wrong.Detail), 200)
				return
			}
			require.Nil(t, wrong)
			assert.Equal(t, tt.want, m.String())
		})
	}
}

func TestMoney_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := price.Money{Minor: rapid.Int64Range(0, 999_999_999_999).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]string{"USD", "JPY", "KWD", "UYW", "EUR"}).Draw(t, "currency")}
		again, wrong := price.ParseMoney(m.Amount(), m.Currency, 0)
		require.Nil(t, wrong)
		require.Equal(t, m, again)
	})
}

func TestPromotion_JSON(t *testing.T) {
	text, err := json.Marshal([]price.Promotion{{}, {Present: true, ValidThrough: price.NoTime}, {Present: true, Label: "x", MinQuantity: 2}})
	require.NoError(t, err)
	assert.JSONEq(t, `[null,{"label":null,"validThrough":null,"minQuantity":null},
		{"label":"x","validThrough":"1970-01-01T00:00:00.000Z","minQuantity":2}]`, string(text))
}

func TestTerms_Landed(t *testing.T) {
	usd := func(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }
	assert.Equal(t, usd(2294), price.Terms{Price: usd(1995), Shipping: usd(299)}.Landed())
	assert.Equal(t, usd(1995), price.Terms{Price: usd(1995), Shipping: usd(0)}.Landed())
	assert.Zero(t, price.Terms{Price: usd(1995)}.Landed())
	assert.Zero(t, price.Terms{Shipping: usd(299)}.Landed())
	assert.Equal(t, "-", price.Money{}.String())
}

func TestMoney_JSON(t *testing.T) {
	text, err := json.Marshal([]price.Money{{Minor: 990, Currency: "USD"}, {Currency: "USD"}, {}})
	require.NoError(t, err)
	assert.JSONEq(t, `[{"amount":"9.90","currency":"USD"},{"amount":"0.00","currency":"USD"},null]`, string(text))
}

func TestParseTimestamp(t *testing.T) {
	for text, want := range map[string]string{
		"2026-07-06T09:14:03Z":             "2026-07-06T09:14:03.000Z",
		"2026-07-06T09:14:03+02:00":        "2026-07-06T07:14:03.000Z",
		"2026-07-06T09:14:03-09:30":        "2026-07-06T18:44:03.000Z",
		"2026-07-06T09:14:03+00:00":        "2026-07-06T09:14:03.000Z",
		"2026-07-06T09:14:03.5Z":           "2026-07-06T09:14:03.500Z",
		"2026-07-06T09:14:03.1239Z":        "2026-07-06T09:14:03.123Z", // cut, not rounded
		"2026-07-06T09:14:03.999999999Z":   "2026-07-06T09:14:03.999Z",
		"2025-10-19T21:01:58.727366+00:00": "2025-10-19T21:01:58.727Z",
		"2024-02-29T00:00:00Z":             "2024-02-29T00:00:00.000Z",
		"1969-12-31T23:59:59.999Z":         "1969-12-31T23:59:59.999Z",
		"1969-12-31T23:59:59.9999Z":        "1969-12-31T23:59:59.999Z",
		"2026-11-25t12:00:00z":             "2026-11-25T12:00:00.000Z",
		"2026-11-25t12:00:00.5+01:00":      "2026-11-25T11:00:00.500Z",
		"2026-11-25T12:00:00+23:59":        "2026-11-24T12:01:00.000Z",
		"2026-11-25T12:00:00-23:59":        "2026-11-26T11:59:00.000Z",
		"0001-01-01T00:00:00Z":             "0001-01-01T00:00:00.000Z",
		"9999-12-31T23:59:59.999Z":         "9999-12-31T23:59:59.999Z",
	} {
		got, err := price.ParseTimestamp(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got.String())
	}
	const (
		other    = "is not an RFC 3339 timestamp"
		offset   = "offsets run from 00:00 to 23:59"
		leap     = "leap second"
		unreal   = "is not a real date and time"
		offRange = "lies outside the years 1 to 9999"
	)
	for text, want := range map[string]string{
		"2026-07-06":                      "date without a time of day",
		"2026-07-06T09:14:03":             "has no offset from UTC",
		"2026-07-06T09:14:03.25":          "has no offset from UTC",
		"2026-07-06T09:14:03-00:00":       "-00:00, which means unknown",
		"2026-07-06t09:14:03-00:00":       "-00:00, which means unknown",
		"2026-11-25T12:00:00+24:00":       "+24:00; " + offset,
		"2026-11-25T12:00:00+24:60":       "+24:60; " + offset,
		"2026-11-25T12:00:00+02:60":       "+02:60; " + offset,
		"2026-11-25T12:00:00-99:00":       "-99:00; " + offset,
		"2016-12-31T23:59:60Z":            leap,
		"2017-01-01T00:59:60.5+01:00":     leap,
		"2026-07-06T09:14:61Z":            unreal,
		"2026-02-29T00:00:00Z":            unreal,
		"2026-13-01T00:00:00Z":            unreal,
		"2026-00-01T00:00:00Z":            unreal,
		"2026-07-06T24:00:00Z":            unreal,
		"2026-07-06T09:60:00Z":            unreal,
		"2026-07-06T09:14:03.1234567890Z": "more than 9 decimals",
		"0000-01-01T00:00:00Z":            offRange,
		"0001-01-01T00:00:00+00:01":       offRange,
		"9999-12-31T23:59:59-01:00":       offRange,
		"":                                other,
		"2026-07-06 09:14:03Z":            other,
		"2026-07-06T9:14:03Z":             other,
		"2026-07-06T09:14Z":               other,
		"2026-07-06T09:14:03,5Z":          other,
		"2026-07-06T09:14:03.Z":           other,
		"2026-07-06T09:14:03+0200":        other,
		"2026-07-06T09:14:03 02:00":       other,
		"2026-07-06T09:14:03+2:00":        other,
		"+2026-07-06T09:14:03Z":           other,
		"2026-07-06T09:14:03ZZ":           other,
		"2026-07-06T09:14:03.5ZZ":         other,
		"2026/07/06T09:14:03Z":            other,
		"2026-07-06:":                     other,
		"2026-0x-06":                      other,
		"2026-07-06T09:1x:03Z":            other,
		"2026-07-06T09:14:03+0x:00":       other,
		"d026-07-06T09:14:03Z":            other,
		"1783329245":                      other,
		"tomorrow, at noon":               other,
	} {
		ts, err := price.ParseTimestamp(text)
		require.ErrorContains(t, err, want, text)
		assert.Zero(t, ts)
	}
}

func TestTimestamp_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := price.Timestamp(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms"))
		got, err := price.ParseTimestamp(want.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
		zone := time.FixedZone("", rapid.IntRange(-14*60, 14*60).Draw(t, "offset")*60)
		text := want.Time().In(zone).Format("2006-01-02T15:04:05.000Z07:00")
		if y := want.Time().In(zone).Year(); y >= 1 && y <= 9999 && !strings.HasSuffix(text, "-00:00") {
			got, err = price.ParseTimestamp(text)
			require.NoError(t, err, text)
			require.Equal(t, want, got)
		}
	})
}

func TestTimestamp_JSON(t *testing.T) {
	text, err := json.Marshal([]price.Timestamp{0, price.NoTime})
	require.NoError(t, err)
	assert.JSONEq(t, `["1970-01-01T00:00:00.000Z",null]`, string(text))
	assert.Equal(t, int64(math.MinInt64), int64(price.NoTime))
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT26H": 26 * time.Hour, "P30D": 720 * time.Hour, "P2W": 336 * time.Hour, "P1DT12H": 36 * time.Hour,
		"PT1H30M5S": time.Hour + 30*time.Minute + 5*time.Second, "PT000000001S": time.Second, "PT999999S": 999999 * time.Second,
		"PT90M": 90 * time.Minute, "P3660D": 3660 * 24 * time.Hour,
	} {
		got, err := price.ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	const other = "is not an ISO 8601 duration such as PT26H or P30D"
	for text, want := range map[string]string{
		"P1M":           other,
		"P3661D":        "is longer than 3660 days",
		"P3660DT1S":     "is longer than 3660 days",
		"PT999999999H":  "is longer than 3660 days",
		"P999842809D":   "is longer than 3660 days", // in nanoseconds beyond 64 bits, which leave 3659 days of it
		"PT0S":          "must be longer than 0",
		"PT0000000001S": other,
		"PTH":           other,
		"PT1":           other,
		"PTS1":          other,
		"P1DT":          other,
		"X":             other,
	} {
		d, err := price.ParseDuration(text)
		require.EqualError(t, err, want, text)
		assert.Zero(t, d)
	}
	for _, text := range []string{"", "P", "PT", "P1", "26H", "PTH", "PH", "PT1234567890S", "P" + strings.Repeat("0", 31) + "D", "P1",
		"PT1", "P1W1D", "P1M", "P1Y", "PT0S", "P0D", "PT-1H", "PT1.5H", "PT1M1H", "P1WT1H", "P1DT",
		"P3661D", "PT999999999H", "P99999999999D", "pt26h", "PT26H ", "P1D1D"} {
		_, err := price.ParseDuration(text)
		assert.Error(t, err, text)
	}
}

func TestFormatDuration_RoundTrip(t *testing.T) {
	assert.Equal(t, "PT26H", price.FormatDuration(26*time.Hour))
	assert.Equal(t, "P30D", price.FormatDuration(720*time.Hour))
	assert.Equal(t, "PT24H", price.FormatDuration(24*time.Hour))
	assert.Equal(t, "P2D", price.FormatDuration(48*time.Hour))
	assert.Equal(t, "PT49H30M5S", price.FormatDuration(49*time.Hour+30*time.Minute+5*time.Second))
	rapid.Check(t, func(t *rapid.T) {
		want := time.Duration(rapid.Int64Range(1, 3660*24*3600).Draw(t, "seconds")) * time.Second
		got, err := price.ParseDuration(price.FormatDuration(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestParseGTIN(t *testing.T) {
	for text, want := range map[string]price.GTIN{
		"6291041500213": "06291041500213", "4006381333931": "04006381333931", "96385074": "00000096385074",
		"036000291452": "00036000291452", "10614141000415": "10614141000415",
	} {
		got, wrong := price.ParseGTIN(text)
		require.Nil(t, wrong, text)
		assert.Equal(t, want, got)
	}
	for text, code := range map[string]string{
		"6291041500214": fault.CodeGTINCheckDigit, "": fault.CodeInvalidField, "123": fault.CodeInvalidField,
		"629104150021X": fault.CodeInvalidField, "62910415002130000": fault.CodeInvalidField, " 6291041500213": fault.CodeInvalidField,
	} {
		_, wrong := price.ParseGTIN(text)
		require.NotNil(t, wrong, text)
		assert.Equal(t, code, wrong.Code, text)
	}
}

// TestParseGTIN_UPCE: who sends the short form learns the long one. The pairs were made in the other direction, by leaving out
// the zeros of 12 digits.
func TestParseGTIN_UPCE(t *testing.T) {
	for short, full := range map[string]string{
		"04252614": "042100005264", "11278904": "112000007894", "03498727": "034200009877", "06512314": "065100001234",
		"07134538": "071300000458", "17139938": "171300000998", "08294744": "082940000074",
	} {
		_, wrong := price.ParseGTIN(short)
		require.NotNil(t, wrong, short)
		assert.Equal(t, fault.CodeGTINCheckDigit, wrong.Code)
		assert.Contains(t, wrong.Detail, "It is a valid UPC-E: send its 12 digits, "+full+".")
		got, wrong := price.ParseGTIN(full)
		require.Nil(t, wrong)
		assert.Equal(t, price.GTIN("00"+full), got)
	}
	for _, none := range []string{"24252618", "04252615", "07134539", "08294745", "01234564", "036000291453", "042526140000"} {
		_, wrong := price.ParseGTIN(none)
		require.NotNil(t, wrong, none)
		assert.NotContains(t, wrong.Detail, "UPC-E", none)
	}
	for i := range 1000 { // longer ones
		if _, wrong := price.ParseGTIN(fmt.Sprintf("%012d", i*123_456_789)); wrong != nil {
			assert.NotContains(t, wrong.Detail, "UPC-E")
		}
	}
	got, wrong := price.ParseGTIN("01234565") // a UPC-E, of 012345000065
	require.Nil(t, wrong)
	assert.Equal(t, price.GTIN("00000001234565"), got, "what is a valid GTIN-8 is taken for one")
}

// TestParseGTIN_HintsAreUPCE: of numbers with a wrong check digit, only UPC-E get the hint. Those that end, before it, in 5 to 9 have
// the check digit of a GTIN-8 anyway.
func TestParseGTIN_HintsAreUPCE(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{8}|[0-9]{12,14}`).Draw(t, "digits")
		sum := 0
		for i, weight := len(text)-2, 3; i >= 0; i-- {
			sum += weight * int(text[i]-'0')
			weight = 4 - weight
		}
		right := byte('0' + (1000-sum)%10)
		_, wrong := price.ParseGTIN(text)
		if text[len(text)-1] == right {
			require.Nil(t, wrong)
			return
		}
		require.NotNil(t, wrong)
		require.True(t, strings.HasPrefix(wrong.Detail, "The check digit of "+text+" should be "+string(right)+"."), wrong.Detail)
		if strings.Contains(wrong.Detail, "UPC-E") {
			require.Regexp(t, `^[01][0-9]{5}[0-4][0-9]$`, text)
		}
	})
}

func TestParseGTIN_NoticesAnyOneWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := []byte(rapid.SampledFrom([]string{"6291041500213", "96385074", "036000291452", "10614141000415"}).Draw(t, "gtin"))
		at := rapid.IntRange(0, len(digits)-1).Draw(t, "at")
		digits[at] = '0' + (digits[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		_, wrong := price.ParseGTIN(string(digits))
		require.NotNil(t, wrong)
	})
}

func TestParseConfidence(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "1": "1", "0.97": "0.97", "0.9700": "0.97",
		"1.0": "1", "0.0001": "0.0001", "0.5": "0.5"} {
		c, ok := price.ParseConfidence(text)
		require.True(t, ok, text)
		assert.Equal(t, want, c.String())
	}
	for _, text := range []string{"", "1.0001", "2", "-0.5", "0.97000", ".5", "0.", "00", "0,5", "1e0", "0.5 ", "x.5", "x", "9.9999",
		"0.x", "+.5", "0.+5", "0.-5",
		"0.0_1"} {
		c, ok := price.ParseConfidence(text)
		assert.False(t, ok, text)
		assert.Zero(t, c, text)
	}
	assert.Empty(t, price.NoConfidence.String())
	none, one := price.NoConfidence, price.Confidence(0)
	assert.Less(t, none, one, "absent orders lowest")
	text, err := json.Marshal([]price.Confidence{none, 9700})
	require.NoError(t, err)
	assert.JSONEq(t, `[null,"0.97"]`, string(text))
}

// TestID compares with ids that were computed independently, by Python's hashlib and a base32 of its own.
func TestID(t *testing.T) {
	at := func(s string) price.Timestamp {
		ts, err := price.ParseTimestamp(s)
		require.NoError(t, err)
		return ts
	}
	for want, o := range map[string]price.Observation{
		"S00QHBD2S1ZM830832P5XWKM8Z": {Key: price.OfferKey{ProductID: "ZU-1042", CompetitorID: "bigmart"}, Source: price.Source{ID: "crawler-a"},
			ObservedAt: at("2026-07-06T09:14:03Z")},
		"2FBT848BSHGDTW5JTYGXAA6WHA": {Key: price.OfferKey{ProductID: "ZU-1042", CompetitorID: "bigmart", SellerID: "Otto & Söhne", Region: "DE",
			Condition: price.ConditionUsed, Audience: price.AudienceSignedIn}, Source: price.Source{ID: "feed-b", Kind: price.SourceVendor},
			ObservedAt: at("2026-07-06T11:14:03.5+02:00")},
	} {
		assert.Equal(t, want, o.ID())
	}
}

func TestOfferKey_Compare(t *testing.T) {
	ordered := []price.OfferKey{ // part by part, not as one text; words in the order of their letters, not of their numbers
		{ProductID: "p", CompetitorID: "a", SellerID: "z"},
		{ProductID: "p", CompetitorID: "a-b", Condition: price.ConditionDamaged, Region: "z", Audience: price.AudienceSignedIn},
		{ProductID: "p", CompetitorID: "a-b", Audience: price.AudienceMember},
		{ProductID: "p", CompetitorID: "a-b"},
		{ProductID: "p", CompetitorID: "a-b", Region: "DE", Audience: price.AudienceMember},
		{ProductID: "p", CompetitorID: "a-b", Condition: price.ConditionUsed},
		{ProductID: "p", CompetitorID: "a-b", SellerID: "a", Condition: price.ConditionDamaged},
		{ProductID: "q", CompetitorID: "a"},
	}
	for i, a := range ordered {
		for j, b := range ordered {
			assert.Equal(t, cmp.Compare(i, j), cmp.Compare(a.Compare(b), 0), "%v %v", a, b)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, seed := range []string{"19.99", "0", "-1", "01", "1e5", "999999999999999999999", "1.2.3", ""} {
		f.Add(seed, "USD", int64(0))
		f.Add(seed, "JPY", int64(math.MinInt64))
		f.Add(seed, "BGN", int64(1767225599999)) // the last millisecond in which it was a currency
		f.Add(seed, "BGN", int64(1767225600000))
	}
	f.Fuzz(func(t *testing.T, amount, currency string, at int64) {
		m, wrong := price.ParseMoney(amount, currency, price.Timestamp(at))
		if wrong != nil {
			if m.Present() {
				t.Fatal("an amount and a fault")
			}
			return
		}
		if again, wrong := price.ParseMoney(m.Amount(), m.Currency, price.Timestamp(at)); wrong != nil || again != m {
			t.Fatalf("%q prints as %q, which reads as %v", amount, m.Amount(), again)
		}
	})
}

func FuzzParseTimestamp(f *testing.F) {
	for _, seed := range []string{"2026-07-06T09:14:03Z", "2026-07-06T09:14:03.123456789+02:00", "0001-01-01T00:00:00Z",
		"2026-07-06T09:14:03-00:00", "2026-11-25t12:00:00.25z", "2026-11-25T12:00:00+24:60", "2016-12-31T23:59:60Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ts, err := price.ParseTimestamp(text)
		if err != nil {
			return
		}
		std, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		if err != nil || std.UTC().Truncate(time.Millisecond).UnixMilli() != int64(ts) {
			t.Fatalf("%q: %v, but time.Parse says %v %v", text, ts, std, err)
		}
		if _, offset := std.Zone(); offset <= -24*60*60 || offset >= 24*60*60 {
			t.Fatalf("%q has an offset of a day", text)
		}
		if again, err := price.ParseTimestamp(ts.String()); err != nil || again != ts {
			t.Fatalf("%q does not survive being printed", text)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"PT26H", "P30D", "P1DT12H", "P2W", "PT1H30M5S", "P1M", "P"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := price.ParseDuration(text)
		if err != nil {
			return
		}
		if again, err := price.ParseDuration(price.FormatDuration(d)); err != nil || again != d || d <= 0 {
			t.Fatalf("%q is %v, prints %q", text, d, price.FormatDuration(d))
		}
	})
}

func FuzzParseGTIN(f *testing.F) {
	for _, seed := range []string{"6291041500213", "96385074", "04252614", "07134538", "08294744", "03498727"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, wrong := price.ParseGTIN(text)
		if wrong == nil && (len(g) != 14 || !strings.HasSuffix(string(g), text)) {
			t.Fatalf("%q became %q", text, g)
		}
		if wrong == nil {
			return
		}
		_, full, hinted := strings.Cut(wrong.Detail, "send its 12 digits, ")
		if _, wrong := price.ParseGTIN(strings.TrimSuffix(full, ".")); hinted && wrong != nil {
			t.Fatalf("%q should be sent as %q, which is no gtin either", text, full)
		}
	})
}
