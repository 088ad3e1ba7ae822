package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// idForm is the form that the API requires of an id.
type idForm struct {
	others   string // allowed besides letters and digits
	lower    bool   // only lower-case letters
	min, max int
}

var (
	productID    = idForm{others: "._-", min: 1, max: 64}
	competitorID = idForm{others: "-", lower: true, min: 2, max: 40}
)

// letters has those that Unicode's decomposition leaves as they are.
var letters = strings.NewReplacer("ß", "ss", "ẞ", "SS", "æ", "ae", "Æ", "AE", "œ", "oe", "Œ", "OE", "ø", "o", "Ø", "O",
	"đ", "d", "Đ", "D", "ð", "d", "Ð", "D", "ł", "l", "Ł", "L", "þ", "th", "Þ", "Th", "ı", "i")

const hashLength = 8

// slug turns a name into an id: accents are dropped, and each run of characters that an id cannot have becomes one "-".
//
// A slug that would be too long is cut, one that would be too short is lengthened, and both end with the beginning of a hash
// of the whole name. Different names can still have the same slug ("A B" and "A/B"); mapper.claim notices that.
func (f idForm) slug(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(letters.Replace(name)) {
		if f.lower {
			r = unicode.ToLower(r)
		}
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9',
			r < unicode.MaxASCII && r != '-' && strings.ContainsRune(f.others, r):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // the accent of the letter before it
		default:
			dash = true
		}
	}
	s := b.String()
	if len(s) >= f.min && len(s) <= f.max && s != "." && s != ".." { // those two are taken out of a path
		return s
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:hashLength]
	s = strings.TrimRight(s[:min(len(s), f.max-hashLength-1)], "-")
	if s == "" {
		return hash
	}
	return s + "-" + hash
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
		return "", refusal{"mapping", fmt.Sprintf("%q is not a decimal number like 19.95.", number)}
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
