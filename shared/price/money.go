package price

import (
	"strconv"
	"strings"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// Money is an amount in minor units of a currency. The zero value is no amount at all (JSON null): unknown is never 0.
type Money struct {
	Minor    int64
	Currency string // ISO 4217 alphabetic code; empty = no amount
}

// minorLimit is the smallest amount that is too large, in minor units.
const minorLimit = 1_000_000_000_000

// Present reports whether there is an amount.
func (m Money) Present() bool { return m.Currency != "" }

// Amount returns the decimal text with exactly the currency's minor digits, for example "9.90".
func (m Money) Amount() string {
	digits, _ := MinorDigits(m.Currency)
	s := strconv.FormatInt(m.Minor, 10)
	if digits == 0 {
		return s
	}
	if missing := digits + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	return s[:len(s)-digits] + "." + s[len(s)-digits:]
}

// String returns "9.90 USD", or "-" for no amount.
func (m Money) String() string {
	if !m.Present() {
		return "-"
	}
	return m.Amount() + " " + m.Currency
}

// MarshalJSON writes {"amount":"9.90","currency":"USD"}, or null for no amount.
func (m Money) MarshalJSON() ([]byte, error) {
	if !m.Present() {
		return []byte("null"), nil
	}
	return []byte(`{"amount":"` + m.Amount() + `","currency":"` + m.Currency + `"}`), nil // digits and letters
}

// ParseMoney reads a decimal amount and a currency code of a price that was observed at a moment (NoTime: nobody knows when). A
// fault's pointer is "/amount" or "/currency".
//
// The grammar is digits without leading zeros, optionally a point and more digits: no sign, exponent or grouping. More
// decimals than the currency has are refused even if they are zeros, never rounded.
func ParseMoney(amount, currency string, at Timestamp) (Money, *fault.Field) {
	digits, unknown := digitsAt(currency, at)
	if unknown != "" {
		return Money{}, &fault.Field{Pointer: "/currency", Code: fault.CodeCurrencyUnknown, Detail: unknown}
	}
	wrong := func(code, detail string) (Money, *fault.Field) {
		return Money{}, &fault.Field{Pointer: "/amount", Code: code, Detail: detail}
	}
	unsigned, negative := strings.CutPrefix(amount, "-")
	whole, fraction, point := strings.Cut(unsigned, ".")
	switch {
	case !digitsOnly(whole) || point && !digitsOnly(fraction) || len(whole) > 1 && whole[0] == '0':
		return wrong(fault.CodeInvalidField, jsondoc.Quote(amount)+" is not a decimal number such as 19.99.")
	case negative:
		return wrong(fault.CodeAmountRange, "An amount is 0 or more; "+jsondoc.Quote(amount)+" is not.")
	case len(fraction) > digits:
		return wrong(fault.CodeAmountPrecision,
			currency+" has "+strconv.Itoa(digits)+" minor digits; "+jsondoc.Cut(amount)+" has "+strconv.Itoa(len(fraction))+".")
	}
	minor, _ := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64) // or the greatest number
	if minor >= minorLimit {
		return wrong(fault.CodeAmountRange, "An amount is below 10^12 minor units; "+jsondoc.Quote(amount)+" is not.")
	}
	return Money{Minor: minor, Currency: currency}, nil
}

func digitsOnly(s string) bool { return s != "" && every(s, digit) }
