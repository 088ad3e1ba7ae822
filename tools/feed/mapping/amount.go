package mapping

import (
	"fmt"
	"strings"
)

type valueError struct{ code, detail string }

func (e valueError) Error() string { return e.code + ": " + e.detail }

// Amount is replaced by the one of another branch.
type Amount struct {
	Scale      string            `yaml:"scale"`
	Currencies map[string]string `yaml:"currencies"`
	Multiply   string            `yaml:"multiply"`
	Divide     string            `yaml:"divide"`
	places     int
}

func (a *Amount) check() (err error) {
	a.places, err = powerOfTen(a.Scale)
	return err
}

func (a *Amount) number(text, by string, isNumber bool) (amount, currency string, err error) {
	amount, err = shift(text, a.places)
	return amount, "", err
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
		return "", valueError{"amount-unreadable", fmt.Sprintf("%q is not a decimal number like 19.95.", number)}
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
	return s != "" && strings.Trim(s, "0123456789") == ""
}
