package mapping

import (
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// decode decodes settings as a mapping's are, and returns its mistakes.
func decode(t testing.TB, settings string, into any) error {
	t.Helper()
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(settings), &document))
	d := &decoder{}
	d.value(document.Content[0], reflect.ValueOf(into).Elem(), "")
	return d.err("map.yaml")
}

func amountOf(t testing.TB, settings string) *Amount {
	t.Helper()
	var of Amount
	require.NoError(t, decode(t, settings, &of))
	require.NoError(t, of.check())
	return &of
}

func TestAmount_check(t *testing.T) {
	const part = ` can be a part of a number or change its meaning, so strip and currencies cannot have it`
	const factor = ` is no number to multiply or divide by; that is the name of a column, or a number above 0 like 6 or 0.5`
	for settings, want := range map[string]string{
		`{}`:                                   "",
		`{decimal: ",", group: "."}`:           "",
		`{decimal: ".", group: " "}`:           "",
		`{group: "\u202f"}`:                    "",
		`{group: "’"}`:                         "",
		`{strip: ["$", " from ", "/100g"]}`:    "",
		`{strip: [",-", ".--", ".–", "1 kg"]}`: "",
		`{strip: ["$", "$"]}`:                  "",
		`{currencies: [EUR, USD]}`:             "",
		`{currencies: {"€": EUR, US$: USD}}`:   "",
		`{scale: 0.01, multiply: 100}`:         "",
		`{divide: pack size}`:                  "",
		`{divide: 0.50}`:                       "",

		`{decimal: "·"}`:                         `decimal is "·"; it can be "." or ","`,
		`{decimal: point}`:                       `decimal is "point"; it can be "." or ","`,
		`{group: "_"}`:                           `group is "_"; it can be ".", ",", " " or "'"`,
		`{group: "  "}`:                          `group is "  "; it can be ".", ",", " " or "'"`,
		`{decimal: ",", group: ","}`:             `decimal and group are both ","; one of them is something else, or absent`,
		`{scale: 2}`:                             `scale "2" is not a power of ten like 0.01, 1 or 100`,
		`{multiply: a, divide: b}`:               `multiply and divide cannot both be there`,
		`{divide: 0}`:                            `"0"` + factor,
		`{multiply: -2}`:                         `"-2"` + factor,
		`{multiply: "0,5"}`:                      `"0,5"` + factor,
		`{strip: [" "]}`:                         `strip and currencies cannot have an empty text; white space is dropped anyway`,
		`{strip: ["-"]}`:                         `"-"` + part,
		`{strip: ["−"]}`:                         `"−"` + part,
		`{strip: ["("]}`:                         `"("` + part,
		`{strip: ["%"]}`:                         `"%"` + part,
		`{strip: [".99"]}`:                       `".99"` + part,
		`{strip: ["'-"]}`:                        `"'-"` + part,
		`{strip: ["5"]}`:                         `"5"` + part,
		`{currencies: {"5 -": EUR}}`:             `"5 -"` + part,
		`{currencies: [eur]}`:                    `the currency of "eur" is "eur"; it must be a code of three capital letters like EUR`,
		`{currencies: {"€": EURO}}`:              `the currency of "€" is "EURO"; it must be a code of three capital letters like EUR`,
		`{strip: ["€"], currencies: {"€": EUR}}`: `"€" is in strip and in currencies, or there for two currencies`,
		`{currencies: {"$": USD, " $": CAD}}`:    `"$" is in strip and in currencies, or there for two currencies`,
		`{currencies: {"€": eur, "$": usd}, decimal: x}`: `decimal is "x"; it can be "." or ","` + "\n" +
			`the currency of "$" is "usd"; it must be a code of three capital letters like EUR` + "\n" +
			`the currency of "€" is "eur"; it must be a code of three capital letters like EUR`,
	} {
		t.Run(settings, func(t *testing.T) {
			var of Amount
			require.NoError(t, decode(t, settings, &of))
			err := of.check()
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, want)
		})
	}
	require.Error(t, decode(t, `{currencies: [[EUR]]}`, &Amount{}))
	require.Error(t, decode(t, `{currencies: EUR}`, &Amount{}))
}

func TestAmount_column(t *testing.T) {
	for settings, want := range map[string]string{
		`{}`: "", `{divide: pack}`: "pack", `{multiply: pack size}`: "pack size", `{divide: 6}`: "", `{multiply: 0.5}`: "",
	} {
		assert.Equal(t, want, amountOf(t, settings).column(), settings)
	}
}

func TestAmount_number(t *testing.T) {
	const (
		german  = `{decimal: ",", group: ".", currencies: {"€": EUR, EUR: EUR, US$: USD, $: CAD}, strip: [ab, ",-", 1 kg =]}`
		english = `{group: ",", strip: [$, /lb, from]}`
		french  = `{decimal: ",", group: " ", currencies: {"€": EUR}}`
		swiss   = `{group: "'", currencies: [CHF], strip: [".-", ".–"]}`
		divided = `{decimal: ",", strip: [pcs], currencies: [EUR], divide: pack}`
	)
	ambiguous := func(text, small, large string) string {
		return `amount-ambiguous: "` + text + `" can be ` + small + ` or ` + large + `. The mapping must say which: decimal: "." if it is ` +
			small + `, group: "." if it is ` + large + `.`
	}
	unreadable := func(text, reason string) string {
		return "amount-unreadable: \"" + text + "\" is not a number: " + reason + "."
	}
	unnamed := " is neither in strip nor in currencies"
	said := `the mapping says decimal: "," and group: "."`
	unsaid := "the mapping says neither decimal nor group, so only numbers like 1299 and 19.95 are read"
	for _, tt := range []struct{ settings, text, want string }{
		{`{}`, "1299", "1299"},
		{`{}`, "19.95", "19.95"},
		{`{}`, " \t19.90\u00a0\u200f\n", "19.9"},
		{`{}`, "007.50", "7.5"},
		{`{}`, "0.729", "0.729"}, // 0729 is no way to write a number with groups
		{`{}`, "0", "0"},
		{`{}`, "1234.567", "1234.567"},
		{`{}`, "1.2340", "1.234"},
		{`{}`, "12345678901234567890.12", "12345678901234567890.12"},
		{`{}`, "3.350", ambiguous("3.350", "3.35", "3350")},
		{`{}`, "118.905", ambiguous("118.905", "118.905", "118905")},
		{`{strip: ["€"]}`, "3.350 €", ambiguous("3.350 €", "3.35", "3350")},
		{`{decimal: .}`, "3.350", "3.35"},
		{`{group: .}`, "3.350", "3350"},
		{`{group: ","}`, "3.350", "3.35"},
		{`{decimal: ","}`, "3,350", "3.35"},
		{`{}`, "12,99", unreadable("12,99", unsaid)},
		{`{}`, "1,299.00", unreadable("1,299.00", unsaid)},
		{`{}`, "1.299.000", unreadable("1.299.000", unsaid)},
		{`{}`, ".5", unreadable(".5", unsaid)},
		{`{}`, "5.", unreadable("5.", unsaid)},
		{`{}`, "1 299", unreadable("1 299", unsaid)},
		{`{}`, "", unreadable("", "it is empty")},
		{`{}`, " ", unreadable(" ", "it is empty")},
		{`{}`, "-5", unreadable("-5", "it has a minus")},
		{`{}`, "−5", unreadable("−5", "it has a minus")},
		{`{}`, "5-", unreadable("5-", "it has a minus")},
		{`{}`, "5-7", unreadable("5-7", "it has a minus")},
		{`{}`, "(5.00)", unreadable("(5.00)", "it has parentheses, which can mean a minus")},
		{`{}`, "5%", unreadable("5%", "it is a percentage")},
		{`{}`, "1e3", unreadable("1e3", "it has an exponent")},
		{`{}`, "1.5E+3", unreadable("1.5E+3", "it has an exponent")},
		{`{}`, "e3", unreadable("e3", `"e"`+unnamed)},
		{`{}`, "+5", unreadable("+5", `"+"`+unnamed)},
		{`{}`, "0x1F", unreadable("0x1F", `"x"`+unnamed)},
		{`{}`, "٣", unreadable("٣", `"٣"`+unnamed)},
		{`{}`, "12.99 £", unreadable("12.99 £", `"£"`+unnamed)},
		{`{}`, "n/a", unreadable("n/a", `"n/a"`+unnamed)},
		{`{}`, "1\xff2", unreadable(`1\xff2`, `"\xff"`+unnamed)},
		{`{}`, strings.Repeat("9", 101), unreadable(strings.Repeat("9", 64)+"…", "it is too long")},

		{german, "1.299,00 EUR", "1299 EUR"},
		{german, "€1.234.567,89", "1234567.89 EUR"},
		{german, "EUR\u00a05 €", "5 EUR"},
		{german, "1299,5", "1299.5"},
		{german, "US$ 5", "5 USD"},
		{german, "$5", "5 CAD"},
		{german, "ab 12,- €", "12 EUR"},
		{german, "1 kg = 12,99 €", "12.99 EUR"},
		{german, "12,34.567,89", unreadable("12,34.567,89", said)},
		{german, "12.34.567,89", "1234567.89"},
		{german, "12.99", unreadable("12.99", said)},
		{german, "1.2.345", unreadable("1.2.345", said)},
		{german, "1..345", unreadable("1..345", said)},
		{german, ".345", unreadable(".345", said)},
		{german, "1.345.", unreadable("1.345.", said)},
		{german, "1234.567", unreadable("1234.567", said)},
		{german, "1.2345", unreadable("1.2345", said)},
		{german, "0.350", unreadable("0.350", said)},
		{german, "1,234.567", unreadable("1,234.567", said)},
		{german, "5,00,", unreadable("5,00,", said)},
		{german, "€ 5 $", unreadable("€ 5 $", "it has signs of both EUR and CAD")},
		{german, "€", unreadable("€", "it has only signs")},
		{german, "AU$5", unreadable("AU$5", `"AU$"`+unnamed)},
		{german, "5 EURO", unreadable("5 EURO", `"EURO"`+unnamed)},
		{german, "5 kEUR", unreadable("5 kEUR", `"k"`+unnamed)},
		{german, ",-5", unreadable(",-5", "it has a minus")},
		{german, "1 kg =-5", unreadable("1 kg =-5", "it has a minus")},

		{english, "$1,204.50", "1204.5"},
		{english, "$4.09/lb", "4.09"},
		{english, "from $ 4.09 /lb", "4.09"},
		{english, "12,34,567.80", "1234567.8"},
		{english, "12,99", unreadable("12,99", `the mapping says decimal: "." and group: ","`)},
		{`{group: .}`, "12,99", unreadable("12,99", `the mapping says group: "." and no decimal`)},
		{`{decimal: ","}`, "1.299,00", unreadable("1.299,00", `the mapping says decimal: "," and no group`)},

		{french, "1 234\u202f567,80\u00a0€", "1234567.8 EUR"},
		{french, "1\u20092345", unreadable(`1\u20092345`, `the mapping says decimal: "," and group: " "`)},
		{french, "1\t234", unreadable(`1\t234`, `"\t"`+unnamed)},
		{swiss, "CHF 1'234’567.80", "1234567.8 CHF"},
		{swiss, "12.-", "12"},
		{swiss, "1'200.– CHF", "1200 CHF"},

		{`{strip: [100g, for 2, .99 only]}`, "12.99 100g", "12.99"},
		{`{strip: [100g]}`, "12.99100g", unreadable("12.99100g", `"g"`+unnamed)},
		{`{strip: [100g]}`, "12,100g", unreadable("12,100g", `"g"`+unnamed)},
		{`{strip: [for 2]}`, "for 2 5.00", "5"},
		{`{strip: [for 2]}`, "for 25.00", unreadable("for 25.00", `"for"`+unnamed)},
		{`{strip: [for 2.]}`, "for 2.50", unreadable("for 2.50", `"for"`+unnamed)},
		{`{strip: [.99 only]}`, "12.99 only", unreadable("12.99 only", `"only"`+unnamed)},
		{`{strip: [price -]}`, "price -5", unreadable("price -5", `"price"`+unnamed)},
		{`{strip: [price -]}`, "price - 5", "5"},
		{`{strip: [Rs.]}`, "Rs.500", "500"},

		{`{scale: 0.01}`, "1990", "19.9"},
		{`{scale: 100, decimal: ","}`, "1,2345", "123.45"},
		{`{divide: 6}`, "12.00", "2"},
		{`{divide: 6, scale: 0.01}`, "1200", "2"},
		{`{divide: 8}`, "1", "0.125"},
		{`{divide: 0.75}`, "3", "4"},
		{`{divide: 3}`, "10.00", "amount-inexact: 10.00 / 3 is not exact."},
		{`{divide: 3}`, "0", "0"},
		{`{multiply: 0.10}`, "0.5", "0.05"},
		{`{multiply: 1000}`, "1.5", "1500"},
	} {
		t.Run(tt.settings+tt.text, func(t *testing.T) {
			assert.Equal(t, tt.want, say(amountOf(t, tt.settings).number(cell{text: tt.text}, cell{text: "unasked"})))
		})
	}

	const column = `In the column "pack": `
	for _, tt := range []struct{ text, by, want string }{
		{"12,00 EUR", "6", "2 EUR"},
		{"1,2", " 0,50 pcs", "2.4"},
		{"10 EUR", "3", "amount-inexact: 10 EUR / 3 is not exact."},
		{"10", "", "amount-unreadable: " + column + `"" is not a number: it is empty.`},
		{"10", "0,0", "amount-unreadable: " + column + `"0,0" is not a number: an amount cannot be multiplied or divided by 0.`},
		{"10", "-1", "amount-unreadable: " + column + `"-1" is not a number: it has a minus.`},
		{"10", "2 kg", "amount-unreadable: " + column + `"2 kg" is not a number: "kg"` + unnamed + "."},
		{"10", "2 EUR", "amount-unreadable: " + column + `"2 EUR" is not a number: it has a currency.`},
		{"x", "0", `amount-unreadable: "x" is not a number: "x"` + unnamed + "."},
	} {
		assert.Equal(t, tt.want, say(amountOf(t, divided).number(cell{text: tt.text}, cell{text: tt.by})), "%s by %s", tt.text, tt.by)
	}
	assert.Equal(t, `amount-ambiguous: In the column "pack": "1.500" can be 1.5 or 1500. `+
		`The mapping must say which: decimal: "." if it is 1.5, group: "." if it is 1500.`,
		say(amountOf(t, `{multiply: pack}`).number(cell{text: "1"}, cell{text: "1.500"})))
}

// TestAmount_number_JSON: the point of a JSON number is that of its fraction, whatever the mapping says of texts.
func TestAmount_number_JSON(t *testing.T) {
	for _, settings := range []string{`{}`, `{decimal: ","}`, `{group: "."}`, `{decimal: ",", group: "."}`} {
		of := amountOf(t, settings)
		assert.Equal(t, "3.35", say(of.number(cell{text: "3.350", number: true}, cell{})))
		assert.Equal(t, "12.99", say(of.number(cell{text: "12.99", number: true}, cell{})))
		assert.Equal(t, `amount-unreadable: "1e3" is not a number: it has an exponent.`, say(of.number(cell{text: "1e3", number: true}, cell{})))
		assert.Equal(t, `amount-unreadable: "-1.5" is not a number: it has a minus.`, say(of.number(cell{text: "-1.5", number: true}, cell{})))
	}
	assert.Equal(t, "0.3", say(amountOf(t, `{multiply: pack}`).number(cell{text: "0.200", number: true}, cell{text: "1.500", number: true})))
}

// say puts what number returns into one text.
func say(amount, currency string, err error) string {
	if err != nil {
		return amount + currency + err.Error()
	}
	return strings.TrimSpace(amount + " " + currency)
}

// drawn is a number without zeros that say nothing.
var drawn = rapid.StringMatching(`(0|[1-9][0-9]{0,11})(\.[0-9]{0,5}[1-9])?`)

// TestAmount_roundTrip: however a number is printed, the mapping that says so gets the same number.
func TestAmount_roundTrip(t *testing.T) {
	groups := map[string][]string{"": {""}, ".": {"."}, ",": {","}, " ": {" ", "\u00a0", "\u202f", "\u2009"}, "'": {"'", "’"}}
	signs := map[string]string{"": "", "€": "EUR", "US$": "USD", "$": "CAD", "from": "", "/lb": "", "EUR": "EUR", ",-": ""}
	rapid.Check(t, func(t *rapid.T) {
		number := drawn.Draw(t, "number")
		of := Amount{Decimal: rapid.SampledFrom([]string{".", ","}).Draw(t, "decimal"), Currencies: Currencies{}}
		of.Group = rapid.SampledFrom([]string{"", ".", ",", " ", "'"}).Filter(func(s string) bool { return s != of.Decimal }).Draw(t, "group")
		for text, code := range signs {
			if code != "" {
				of.Currencies[text] = code
			} else if text != "" {
				of.Strip = append(of.Strip, text)
			}
		}
		require.NoError(t, of.check())

		whole, fraction, _ := strings.Cut(number, ".")
		size := rapid.SampledFrom([]int{2, 3}).Draw(t, "group size")
		var parts []string
		for n := 3; of.Group != "" && len(whole) > n; n = size {
			parts = append(parts, whole[len(whole)-n:])
			whole = whole[:len(whole)-n]
		}
		for i := len(parts) - 1; i >= 0; i-- {
			whole += rapid.SampledFrom(groups[of.Group]).Draw(t, "separator") + parts[i]
		}
		text := whole
		zeros := strings.Repeat("0", rapid.IntRange(0, 3).Draw(t, "zeros"))
		if fraction+zeros != "" {
			text += of.Decimal + fraction + zeros
		}
		space := rapid.SampledFrom([]string{"", " ", "\u00a0", "\t ", "\u202f", "\u200e"})
		before := rapid.SampledFrom([]string{"", "€", "US$", "$", "from", "EUR"}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", "€", "$", "US$", "/lb", ",-"}).Draw(t, "after")
		text = space.Draw(t, "1") + before + space.Draw(t, "2") + text + space.Draw(t, "3") + after + space.Draw(t, "4")

		got, currency, err := of.number(cell{text: text}, cell{})
		want := []string{signs[before], signs[after]}
		if want[0] != "" && want[1] != "" && want[0] != want[1] {
			require.ErrorContains(t, err, "signs of both", text)
			return
		}
		require.NoError(t, err, text)
		require.Equal(t, number, got, text)
		require.Equal(t, slices.Max(want), currency, text)
	})
}

// TestAmount_inverse: a scale and its inverse, or a factor and its inverse, leave the number as it was.
func TestAmount_inverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := drawn.Draw(t, "number")
		zeros := strings.Repeat("0", rapid.IntRange(0, 6).Draw(t, "zeros"))
		factor := drawn.Filter(func(s string) bool { return s != "0" }).Draw(t, "factor")
		through := func(text string, by string, all ...Amount) string {
			for _, of := range all {
				of.Decimal = "."
				require.NoError(t, of.check())
				var err error
				text, _, err = of.number(cell{text: text}, cell{text: by})
				require.NoError(t, err)
			}
			return text
		}
		up, down := "1"+zeros, "0."+zeros+"1"
		require.Equal(t, number, through(number, "", Amount{Scale: up + "0"}, Amount{Scale: down}))
		require.Equal(t, number, through(number, "", Amount{Scale: down}, Amount{Scale: up + "0"}))
		require.Equal(t, number, through(number, factor, Amount{Multiply: "pack"}, Amount{Divide: "pack"}))
		require.Equal(t, number, through(number, "", Amount{Multiply: factor}, Amount{Divide: factor}))
		require.Equal(t, through(number, "", Amount{Scale: down}), through(number, "", Amount{Multiply: down}))
	})
}

// TestAmount_signs: whatever a sign is, taking it off leaves the number beside it whole, or the row is refused.
func TestAmount_signs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := Amount{Decimal: ".", Strip: []string{rapid.StringMatching(`[0-9.,a€ -]{1,5}`).Draw(t, "sign")}}
		if of.check() != nil {
			return
		}
		number, space := drawn.Draw(t, "number"), rapid.SampledFrom([]string{"", " "}).Draw(t, "space")
		for _, text := range []string{of.Strip[0] + space + number, number + space + of.Strip[0]} {
			got, _, err := of.number(cell{text: text}, cell{})
			if space == " " {
				require.NoError(t, err, text)
			}
			if err == nil {
				require.Equal(t, number, got, text)
			}
		}
	})
}

// FuzzAmount_number compares with a grammar and with exact fractions.
func FuzzAmount_number(f *testing.F) {
	for i, text := range []string{"19.95", "3.350", "1.299,00 EUR", "$1,204.50", "$4.09/lb", "0,89\u00a0€", "US$ 12'345.5",
		"1 234 567,8", "-1", "(5)", "1e3", "12,34,567.00", "from from 5", "€ 5 $", "0.350", "1..2", "5%", "$US$", "12.99\xff", "1.5",
		"5$€5", "\u200f5"} {
		f.Add(text, "3", uint8(i*7), int8(i%5-2))
		f.Add(text, "0.25", uint8(i*11+100), int8(0))
	}
	codes := map[string]string{"€": "EUR", "EUR": "EUR", "US$": "USD", "$": "CAD"}
	const (
		nothing = `[\s\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\v\p{Cf}]*`
		anySign = `(?:(?:€|EUR|US\$|\$|from|/lb)` + nothing + `)*`
	)
	oneSign, separator := regexp.MustCompile(`€|EUR|US\$|\$`), regexp.MustCompile(`[^0-9]`)
	ambiguous := regexp.MustCompile(`^[1-9][0-9]{0,2}\.[0-9]{3}$`)
	grammar := func(decimal, group string) *regexp.Regexp {
		whole := `[0-9]+`
		if group != "" {
			whole += `|[1-9][0-9]{0,2}(?:` + group + `[0-9]{2,3})*` + group + `[0-9]{3}`
		}
		fraction := ""
		if decimal != "" {
			fraction = `(?:` + regexp.QuoteMeta(decimal) + `([0-9]+))?`
		}
		return regexp.MustCompile(`^` + nothing + anySign + `(` + whole + `)` + fraction + nothing + anySign + `$`)
	}
	type style struct {
		Amount
		grammar *regexp.Regexp
	}
	var styles []style
	for _, decimal := range []string{"", ".", ","} {
		for group, class := range map[string]string{"": "", ".": `\.`, ",": `,`, " ": `[ \x{a0}\x{202f}\x{2009}]`, "'": `['’]`} {
			if group != "" && group == decimal {
				continue
			}
			effective := decimal
			if decimal == "" && group != "." {
				effective = "."
			}
			of := Amount{Decimal: decimal, Group: group, Strip: []string{"from", "/lb"}, Currencies: codes}
			require.NoError(f, of.check())
			styles = append(styles, style{of, grammar(effective, class)})
		}
	}
	slices.SortFunc(styles, func(a, b style) int { return strings.Compare(a.Decimal+"|"+a.Group, b.Decimal+"|"+b.Group) })
	// reading returns the value and the currencies of a text; nil if it is to be refused.
	reading := func(s style, text string) (*big.Rat, []string) {
		m := s.grammar.FindStringSubmatch(text)
		if m == nil {
			return nil, nil
		}
		number := separator.ReplaceAllString(m[1], "")
		if s.Decimal == "" && s.Group == "" && ambiguous.MatchString(m[1]+"."+m[2]) {
			return nil, nil
		}
		if len(m) > 2 && m[2] != "" {
			number += "." + m[2]
		}
		var found []string
		for _, sign := range oneSign.FindAllString(text, -1) {
			found = append(found, codes[sign])
		}
		slices.Sort(found)
		found = slices.Compact(found)
		if len(found) > 1 || len(number) > 90 {
			return nil, nil
		}
		value, ok := new(big.Rat).SetString(number)
		if !ok {
			panic(number)
		}
		return value, found
	}
	known := []string{codeUnreadable, codeAmbiguous, codeInexact}
	f.Fuzz(func(t *testing.T, text, by string, which uint8, places int8) {
		if len(text) > 80 || len(by) > 80 {
			return
		}
		s := styles[int(which)%len(styles)]
		of := s.Amount
		factor, factorCodes := reading(s, by)
		switch which / 16 % 3 {
		case 1:
			of.Multiply = "pack"
		case 2:
			of.Divide = "pack"
		}
		zeros := strings.Repeat("0", int(max(places, -places)&7))
		of.Scale = "1" + zeros
		scale, _ := new(big.Rat).SetString(of.Scale)
		if places < 0 && zeros != "" {
			of.Scale = "0." + zeros[1:] + "1"
			scale.Inv(scale)
		}
		require.NoError(t, of.check())

		want, found := reading(s, text)
		refused := want == nil
		if of.column() != "" && (factor == nil || factor.Sign() == 0 || len(factorCodes) > 0) {
			refused = true
		}
		got, currency, err := of.number(cell{text: text}, cell{text: by})
		if refused {
			require.Error(t, err, "%q by %q is %q", text, by, got)
			require.Contains(t, known, codeOf(err))
			return
		}
		want.Mul(want, scale)
		if of.Multiply != "" {
			want.Mul(want, factor)
		}
		if of.Divide != "" {
			want.Quo(want, factor)
		}
		if err != nil {
			require.Equal(t, codeInexact, codeOf(err), "%q: %v", text, err)
			rest := new(big.Int).Set(want.Denom())
			for _, prime := range []*big.Int{big.NewInt(2), big.NewInt(5)} {
				for quotient, remainder := new(big.Int), new(big.Int); ; rest.Set(quotient) {
					if quotient.QuoRem(rest, prime, remainder); remainder.Sign() != 0 {
						break
					}
				}
			}
			require.NotEqual(t, "1", rest.String(), "%q is exact", want)
			return
		}
		value, ok := new(big.Rat).SetString(got)
		require.True(t, ok, got)
		require.Zero(t, want.Cmp(value), "%q is %s, not %s", text, want, got)
		require.Regexp(t, `^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`, got)
		require.Equal(t, strings.Join(found, ""), currency)
	})
}

func TestShift(t *testing.T) {
	tests := []struct {
		number, scale, want string
	}{
		{"118.9", "1", "118.9"}, {"1.0", "1", "1"}, {"2.70", "", "2.7"}, {"0.10", "1", "0.1"}, {"007", "1", "7"}, {"0", "1", "0"},
		{"0.00", "1", "0"},
		{"118.9", "0.01", "1.189"}, {"130", "0.01", "1.3"}, {"5", "0.01", "0.05"}, {"100", "0.01", "1"}, {"0.5", "0.001", "0.0005"},
		{"1.5", "100", "150"}, {"1.2345", "100", "123.45"}, {"0.001", "1000", "1"}, {"0", "1000", "0"},
		{"12345678901234567890.12", "0.1", "1234567890123456789.012"},
	}
	for _, tt := range tests {
		places, err := powerOfTen(tt.scale)
		require.NoError(t, err)
		got, err := shift(tt.number, places)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got, "%s by %s", tt.number, tt.scale)
	}
	for _, wrong := range []string{"", ".5", "5.", "+1", "-1", "1e2", "1,5", "0x1", "1.2.3", " 1", "NaN", "١"} {
		_, err := shift(wrong, 0)
		assert.Error(t, err, "%q", wrong)
	}
}

// FuzzShift checks that the result is exactly the number times the power of ten, without rounding.
func FuzzShift(f *testing.F) {
	f.Add("118.9", int8(-2))
	f.Add("0.001", int8(3))
	f.Fuzz(func(t *testing.T, number string, by int8) {
		places := int(by) % 20
		got, err := shift(number, places)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(number)
		require.True(t, ok, number)
		ten := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, -places))), nil))
		if places < 0 {
			ten.Inv(ten)
		}
		value, ok := new(big.Rat).SetString(got)
		require.True(t, ok, got)
		assert.Zero(t, want.Mul(want, ten).Cmp(value), "%s by 10^%d is not %s", number, places, got)
		assert.Regexp(t, `^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`, got)
	})
}

func BenchmarkAmount_number(b *testing.B) {
	for _, bm := range []struct{ name, settings, text, by string }{
		{"plain", `{}`, "19.95", ""},
		{"signs and groups", `{decimal: ",", group: ".", currencies: {"€": EUR, EUR: EUR, US$: USD}}`, "1.299,00\u00a0€", ""},
		{"scale", `{scale: 0.01}`, "1999", ""},
		{"divide", `{divide: pack}`, "12.00", "6"},
		{"unreadable", `{}`, "12,99", ""},
	} {
		b.Run(bm.name, func(b *testing.B) {
			of := amountOf(b, bm.settings)
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = of.number(cell{text: bm.text}, cell{text: bm.by})
			}
		})
	}
}
