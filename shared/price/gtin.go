package price

import (
	"strings"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// GTIN is a Global Trade Item Number, padded with zeros to 14 digits.
type GTIN string

// ParseGTIN reads a GTIN-8, -12, -13 or -14 and checks its GS1 modulo-10 check digit.
//
// A UPC-E has 8 digits too, but the check digit of the 12 that it stands for. It is refused, since some are valid GTIN-8 of
// other products; the fault then names the 12 digits.
func ParseGTIN(s string) (GTIN, *fault.Field) {
	if n := len(s); !digitsOnly(s) || n != 8 && n != 12 && n != 13 && n != 14 {
		return "", &fault.Field{Code: fault.CodeInvalidField, Detail: jsondoc.Quote(s) + " is not a GTIN of 8, 12, 13 or 14 digits."}
	}
	if want := checkDigit(s); want != s[len(s)-1] {
		detail := "The check digit of " + s + " should be " + string(want) + "."
		if full, ok := fromUPCE(s); ok {
			detail += " It is a valid UPC-E: send its 12 digits, " + full + "."
		}
		return "", &fault.Field{Code: fault.CodeGTINCheckDigit, Detail: detail}
	}
	return PadGTIN(s), nil
}

// PadGTIN pads a text that ParseGTIN takes. Of none ("") it is none.
func PadGTIN(s string) GTIN {
	if s == "" {
		return ""
	}
	return GTIN(strings.Repeat("0", max(14-len(s), 0)) + s)
}

// checkDigit returns what the last of some digits has to be, by those before it.
func checkDigit(s string) byte {
	sum := 0
	for i := range len(s) - 1 {
		weight := 3
		if (len(s)-2-i)%2 == 1 { // weights 3, 1, 3, 1 ... from the digit left of the check digit
			weight = 1
		}
		sum += weight * int(s[i]-'0')
	}
	return byte('0' + (10-sum%10)%10)
}

// fromUPCE returns the 12 digits that a UPC-E stands for. It leaves out zeros between maker and article; its last digit
// but one says how many, and where.
func fromUPCE(s string) (full string, ok bool) {
	if len(s) != 8 || s[0] > '1' { // the number systems that have a short form
		return "", false
	}
	const zeros = "00000"
	code, last := s[1:6], s[6]
	switch {
	case last <= '2':
		full = code[:2] + string(last) + zeros[:4] + code[2:]
	case last == '3':
		full = code[:3] + zeros + code[3:]
	case last == '4':
		full = code[:4] + zeros + code[4:]
	default: // its check digit is that of the GTIN-8, so one that is wrong is wrong in both
		return "", false
	}
	full = s[:1] + full + s[7:]
	return full, checkDigit(full) == s[7]
}
