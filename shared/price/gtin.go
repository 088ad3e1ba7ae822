package price

import (
	"strconv"
	"strings"

	"pricing/shared/fault"
)

// GTIN is a Global Trade Item Number, padded with zeros to 14 digits.
type GTIN string

// ParseGTIN reads a GTIN-8, -12, -13 or -14 and checks its GS1 modulo-10 check digit.
func ParseGTIN(s string) (GTIN, *fault.Field) {
	if n := len(s); !digitsOnly(s) || n != 8 && n != 12 && n != 13 && n != 14 {
		return "", &fault.Field{Code: fault.CodeInvalidField, Detail: show(s) + " is not a GTIN of 8, 12, 13 or 14 digits."}
	}
	sum := 0
	for i := range len(s) - 1 {
		weight := 3
		if (len(s)-2-i)%2 == 1 { // weights 3, 1, 3, 1 ... from the digit left of the check digit
			weight = 1
		}
		sum += weight * int(s[i]-'0')
	}
	if want := (10 - sum%10) % 10; want != int(s[len(s)-1]-'0') {
		return "", &fault.Field{Code: fault.CodeGTINCheckDigit, Detail: "The check digit of " + s + " should be " + strconv.Itoa(want) + "."}
	}
	return GTIN(strings.Repeat("0", 14-len(s)) + s), nil
}
