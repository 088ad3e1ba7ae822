package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"pricing/shared/jsondoc"
)

const (
	codeUnreadable = "amount-unreadable" // no number, a sign that the mapping does not name, two currencies, nothing to divide by
	codeAmbiguous  = "amount-ambiguous"  // 3.350 where the mapping says neither decimal nor group
	codeInexact    = "amount-inexact"    // a division that never ends
)

// Amount says how the text of a cell becomes a decimal number, and perhaps its currency. The zero value takes plain numbers like
// 1299 and 19.95.
//
// What a text means is said here and never guessed. Nothing is rounded. White space and marks of the writing direction around the
// number and its signs say nothing and are dropped. check comes before number.
type Amount struct {
	// Decimal is what separates the fraction: "." or ",". Without it, that is the point, unless Group is the point: then there is
	// no fraction.
	Decimal string `yaml:"decimal"`
	// Group is what separates the thousands: ".", ",", " " (a space of any of the usual widths, breaking or not) or "'" (straight
	// or curved). A number may have no groups all the same, but those that it has are well formed: 1.299 and 1.234.567, or as in
	// India 12,34,567; never 12.99 or 0.350.
	Group string `yaml:"group"`
	// Strip are the texts that are taken off either end, such as "from" or "/lb". They match letter by letter, the longest first.
	Strip []string `yaml:"strip"`
	// Currencies are the signs and words in the cell that say its currency. They are taken off like those of Strip.
	Currencies Currencies `yaml:"currencies"`
	// Scale is the power of ten that turns the number into the currency's unit: 0.01 for cents; 1 if absent.
	Scale string `yaml:"scale"`
	// Multiply and Divide are a number, or the name of the column that has it: 12.00 divided by the 6 of the column "pack" is 2. The
	// column's texts are written like the amounts, and Strip is taken off them too.
	Multiply string `yaml:"multiply"`
	Divide   string `yaml:"divide"`

	// What check has made of the above.
	signs    []sign // the longest first
	decimal  string
	group    string // all characters that separate groups
	places   int    // of Scale
	constant string // Multiply or Divide, if that is a number
}

// Currencies has the ISO 4217 code of each sign or word: {"€": EUR, "US$": USD}. In YAML it may also be a list of codes that each
// stand for themselves.
type Currencies map[string]string

// sign is a text that is taken off either end of a cell.
type sign struct {
	text     string
	currency string // "" for a text that says nothing
}

// maxNumber is how many characters a number may have. Prices have few; the limit keeps a division cheap.
const maxNumber = 100

const (
	figures     = "0123456789"
	apostrophes = "'’"
	spaces      = " \u00a0\u202f\u2009" // the common one, the no-break space, its narrow form and the thin space
	separators  = ".," + apostrophes
	minuses     = "-−‐‑‒–—"
)

// check says everything that is wrong with the settings, and prepares number.
func (a *Amount) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if a.Decimal != "" && a.Decimal != "." && a.Decimal != "," {
		wrong(`decimal is %q; it can be "." or ","`, a.Decimal)
	}
	a.group = a.Group
	switch a.Group {
	case "", ".", ",":
	case " ", "\u00a0", "\u202f", "\u2009":
		a.group = spaces
	case "'", "’":
		a.group = apostrophes
	default:
		wrong(`group is %q; it can be ".", ",", " " or "'"`, a.Group)
	}
	if a.Group != "" && a.Decimal == a.Group {
		wrong("decimal and group are both %q; one of them is something else, or absent", a.Group)
	}
	a.decimal = a.Decimal
	if a.decimal == "" && a.Group != "." {
		a.decimal = "."
	}
	if err := a.checkSigns(); err != nil {
		errs = append(errs, err)
	}
	var err error
	if a.places, err = powerOfTen(a.Scale); err != nil {
		errs = append(errs, err)
	}
	by := cmp.Or(a.Multiply, a.Divide)
	a.constant = ""
	switch {
	case a.Multiply != "" && a.Divide != "":
		wrong("multiply and divide cannot both be there")
	case by != "" && strings.Trim(by, figures+".,+-") == "":
		a.constant, err = shift(by, 0)
		if err != nil || a.constant == "0" {
			wrong("%q is no number to multiply or divide by; that is the name of a column, or a number above 0 like 6 or 0.5", by)
		}
	}
	return errors.Join(errs...)
}

func (a *Amount) checkSigns() error {
	var errs []error
	a.signs = nil
	add := func(text, currency string) {
		s := sign{strings.TrimFunc(text, blank), currency}
		telling := strings.TrimFunc(s.text, func(r rune) bool { return blank(r) || strings.ContainsRune(figures+separators+minuses+"+()%", r) })
		dash := strings.TrimRight(s.text, minuses) // what is before the dash of 12,-
		same := slices.IndexFunc(a.signs, func(other sign) bool { return other.text == s.text })
		switch {
		case s.text == "":
			errs = append(errs, errors.New("strip and currencies cannot have an empty text; white space is dropped anyway"))
		case telling == "" && (dash == s.text || dash != "." && dash != ","):
			errs = append(errs, fmt.Errorf(
				"%q can be a part of a number or change its meaning, so strip and currencies cannot have it", text))
		case same >= 0 && a.signs[same].currency != currency:
			errs = append(errs, fmt.Errorf("%q is in strip and in currencies, or there for two currencies", text))
		default:
			a.signs = append(a.signs, s)
		}
	}
	for _, text := range a.Strip {
		add(text, "")
	}
	for _, text := range slices.Sorted(maps.Keys(a.Currencies)) {
		code := a.Currencies[text]
		if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			errs = append(errs, fmt.Errorf("the currency of %q is %q; it must be a code of three capital letters like EUR", text, code))
			continue
		}
		add(text, code)
	}
	slices.SortFunc(a.signs, func(a, b sign) int {
		return cmp.Or(len(b.text)-len(a.text), strings.Compare(a.text, b.text))
	})
	return errors.Join(errs...)
}

// column returns the name of the column that number needs the text of, "" for none.
func (a *Amount) column() string {
	if a.constant != "" {
		return ""
	}
	return cmp.Or(a.Multiply, a.Divide)
}

// number makes a decimal number like "19.95" of a cell, and the code of the currency that stands there, "" for none. by is the
// cell of the column that Multiply or Divide names; it is not looked at if they name none.
//
// The number has no zeros at the front or at the end of the fraction. An error is a valueError with one of the codes
// amount-unreadable, amount-ambiguous (3.350 is 3350 or 3.35, and the mapping does not say) and amount-inexact (10 / 3).
func (a *Amount) number(value, by cell) (amount, currency string, err error) {
	amount, currency, err = a.read(value)
	if err != nil {
		return "", "", err
	}
	amount, err = shift(amount, a.places)
	if err != nil || a.Multiply == "" && a.Divide == "" {
		return amount, currency, err
	}
	factor := a.constant
	if factor == "" {
		if factor, err = a.factor(by); err != nil {
			return "", "", err
		}
	}
	x, _ := new(big.Rat).SetString(amount)
	y, _ := new(big.Rat).SetString(factor)
	if a.Divide != "" {
		y.Inv(y)
	}
	x.Mul(x, y)
	decimals, exact := x.FloatPrec()
	if !exact {
		text := jsondoc.Cut(strings.TrimFunc(value.text, blank))
		return "", "", valueError{codeInexact, fmt.Sprintf("%s / %s is not exact.", text, factor)}
	}
	return x.FloatString(decimals), currency, nil
}

// factor reads the cell of the column that Multiply or Divide names.
func (a *Amount) factor(by cell) (string, error) {
	factor, currency, err := a.read(by)
	if err == nil {
		factor, err = shift(factor, 0)
	}
	if err == nil && currency != "" {
		err = unreadable(by.text, "it has a currency")
	}
	if err == nil && factor == "0" {
		err = unreadable(by.text, "an amount cannot be multiplied or divided by 0") // a price of 0 would be false
	}
	if f := (valueError{}); errors.As(err, &f) {
		return "", valueError{f.code, fmt.Sprintf("In the column %q: %s", a.column(), f.detail)}
	}
	return factor, nil
}

// read makes digits, with perhaps a point and more digits, of a cell.
func (a *Amount) read(value cell) (plain, currency string, err error) {
	text, decimal := value.text, a.decimal
	if value.number {
		decimal = "."
	} else if text, currency, err = a.bare(text); err != nil {
		return "", "", err
	}
	whole, fraction, point := text, "", false
	if decimal != "" {
		whole, fraction, point = strings.Cut(text, decimal)
	}
	if len(text) > maxNumber {
		return "", "", unreadable(value.text, "it is too long")
	}
	if !digits(whole) {
		whole = a.ungroup(whole)
	}
	if whole == "" || point && !digits(fraction) {
		return "", "", unreadable(value.text, a.reason(value, text))
	}
	if !point {
		return whole, currency, nil
	}
	plain = whole + "." + fraction
	if !value.number && a.Decimal == "" && a.Group == "" && len(whole) <= 3 && len(fraction) == 3 && whole[0] != '0' {
		small, _ := shift(plain, 0)
		return "", "", valueError{codeAmbiguous, fmt.Sprintf(
			`%s can be %[2]s or %[3]s. The mapping must say which: decimal: "." if it is %[2]s, group: "." if it is %[3]s.`,
			jsondoc.Quote(value.text), small, whole+fraction)}
	}
	return plain, currency, nil
}

// bare takes blanks and signs off a text and returns the currency that they say.
func (a *Amount) bare(text string) (bare, currency string, err error) {
	bare = text
	for {
		bare = strings.TrimFunc(bare, blank)
		rest, code := a.cut(bare)
		if len(rest) == len(bare) {
			return bare, currency, nil
		}
		if code != "" && currency != "" && code != currency {
			return "", "", unreadable(text, "it has signs of both "+currency+" and "+code)
		}
		bare, currency = rest, cmp.Or(currency, code)
	}
}

// cut takes one sign off, from the front if one is there.
//
// A sign whose inner end could go on in the number stays where it is: of "price -" before "5" it is unknown whether the price is
// negative, "100g" must not take the 100 of "12.99100g", nor ".99 only" the cents.
func (a *Amount) cut(text string) (rest, currency string) {
	for _, s := range a.signs {
		if rest, ok := strings.CutPrefix(text, s.text); ok {
			inner, _ := utf8.DecodeLastRuneInString(strings.TrimRight(s.text, separators))
			next, _ := utf8.DecodeRuneInString(rest)
			if !strings.ContainsRune(figures+minuses, inner) || !strings.ContainsRune(figures+separators, next) {
				return rest, s.currency
			}
		}
	}
	for _, s := range a.signs {
		if rest, ok := strings.CutSuffix(text, s.text); ok {
			inner, _ := utf8.DecodeRuneInString(strings.TrimLeft(s.text, separators))
			next, _ := utf8.DecodeLastRuneInString(rest)
			if !strings.ContainsRune(figures, inner) || !strings.ContainsRune(figures+separators, next) {
				return rest, s.currency
			}
		}
	}
	return text, ""
}

// ungroup joins the groups of a whole number; it returns "" if they are not well formed.
func (a *Amount) ungroup(whole string) string {
	if strings.HasPrefix(whole, "0") { // nobody writes 0.350 for 350
		return ""
	}
	joined := make([]byte, 0, maxNumber)
	n, least := 0, 1 // how many digits the group has, and must have
	for i, r := range whole {
		switch {
		case r >= '0' && r <= '9':
			joined = append(joined, whole[i])
			n++
		case !strings.ContainsRune(a.group, r), n < least, n > 3:
			return ""
		default:
			n, least = 0, 2
		}
	}
	if n != 3 {
		return ""
	}
	return string(joined)
}

// reason says why the text of a cell, without its signs, is no number.
func (a *Amount) reason(value cell, text string) string {
	other := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(figures+separators+spaces, r) })
	switch {
	case strings.TrimFunc(value.text, blank) == "":
		return "it is empty"
	case text == "":
		return "it has only signs"
	case other < 0 && a.Decimal == "" && a.Group == "":
		return "the mapping says neither decimal nor group, so only numbers like 1299 and 19.95 are read"
	case other < 0 && a.decimal == "":
		return fmt.Sprintf("the mapping says group: %q and no decimal", a.Group)
	case other < 0 && a.Group == "":
		return fmt.Sprintf("the mapping says decimal: %q and no group", a.decimal)
	case other < 0:
		return fmt.Sprintf("the mapping says decimal: %q and group: %q", a.decimal, a.Group)
	}
	rest := text[other:]
	first, size := utf8.DecodeRuneInString(rest)
	switch {
	case strings.ContainsRune(minuses, first):
		return "it has a minus"
	case first == '(' || first == ')':
		return "it has parentheses, which can mean a minus"
	case first == '%':
		return "it is a percentage"
	case (first == 'e' || first == 'E') && other > 0 && digits(strings.TrimLeft(rest[size:], "+-")):
		return "it has an exponent"
	}
	if end := strings.IndexFunc(rest[size:], func(r rune) bool { return blank(r) || strings.ContainsRune(figures, r) }); end >= 0 {
		rest = rest[:size+end]
	}
	return jsondoc.Quote(rest) + " is neither in strip nor in currencies"
}

func unreadable(text, reason string) error {
	return valueError{codeUnreadable, jsondoc.Quote(text) + " is not a number: " + reason + "."}
}

// blank says whether a character shows nothing: white space, and marks of the writing direction and the like.
func blank(r rune) bool {
	if r < utf8.RuneSelf {
		return r == ' ' || r >= '\t' && r <= '\r'
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

// powerOfTen returns by how many places a scale moves the decimal point to the right: 0 for "" and "1", -2 for "0.01".
func powerOfTen(scale string) (int, error) {
	if whole := strings.TrimRight(scale, "0"); whole == "1" {
		return len(scale) - 1, nil
	}
	if zeros, ok := strings.CutPrefix(scale, "0."); ok && strings.TrimLeft(zeros, "0") == "1" {
		return -len(zeros), nil
	}
	if scale == "" {
		return 0, nil
	}
	return 0, fmt.Errorf("scale %q is not a power of ten like 0.01, 1 or 100", scale)
}

// shift moves the point of a decimal number by a number of places to the right, or to the left if that is negative. It works
// digit by digit, so nothing is rounded. Only zeros at the front and at the end of the fraction are dropped, with the point if
// nothing follows it: "2.70" becomes "2.7", "118.90" by -2 becomes "1.189", "1.0" becomes "1".
func shift(number string, places int) (string, error) {
	whole, fraction, point := strings.Cut(number, ".")
	if !digits(whole) || point && !digits(fraction) {
		return "", valueError{codeUnreadable, fmt.Sprintf("%q is not a decimal number like 19.95.", number)}
	}
	for ; places > 0; places-- {
		if fraction == "" {
			fraction = "0"
		}
		whole, fraction = whole+fraction[:1], fraction[1:]
	}
	for ; places < 0; places++ {
		if whole == "" {
			whole = "0"
		}
		whole, fraction = whole[:len(whole)-1], whole[len(whole)-1:]+fraction
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole, nil
	}
	return whole + "." + fraction, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, figures) == ""
}
