package price

import (
	"math/big"
	"strconv"
	"strings"
)

// Decimal is an exact number that is printed with a fixed number of decimals. It is rounded, half to even, only then. The zero
// value is no number at all (JSON null).
type Decimal struct {
	Value  *big.Rat // nil: no number
	Digits int      // decimals that are printed
}

// Present reports whether there is a number.
func (d Decimal) Present() bool { return d.Value != nil }

// String returns the rounded number, for example "94.34" or "-2.05"; what rounds to zero has no sign. "" is no number.
func (d Decimal) String() string {
	if !d.Present() {
		return ""
	}
	scaled := new(big.Rat).Mul(d.Value, tenTo(d.Digits))
	whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int)) // toward zero; both have the number's sign
	half := rest.Abs(rest).Lsh(rest, 1).Cmp(scaled.Denom())
	if half > 0 || half == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(int64(scaled.Sign())))
	}
	sign := ""
	if whole.Sign() < 0 {
		sign = "-"
	}
	return sign + withPoint(whole.Abs(whole).String(), d.Digits)
}

// MarshalJSON writes the text, or null for no number.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if !d.Present() {
		return []byte("null"), nil
	}
	return []byte(strconv.Quote(d.String())), nil
}

// tenTo returns 10 to the power of n.
func tenTo(n int) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
}

// inCurrency returns an amount of minor units as a number of the currency's major unit.
func inCurrency(minor *big.Rat, currency string) Decimal {
	digits, _ := MinorDigits(currency)
	return Decimal{new(big.Rat).Quo(minor, tenTo(digits)), digits}
}

// withPoint puts the decimal point into the text of a whole number of minor units.
func withPoint(minor string, digits int) string {
	if digits == 0 {
		return minor
	}
	if missing := digits + 1 - len(minor); missing > 0 {
		minor = strings.Repeat("0", missing) + minor
	}
	return minor[:len(minor)-digits] + "." + minor[len(minor)-digits:]
}
