package mapping

import (
	"crypto/sha256"
	"encoding/hex"
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
// of the whole name. Different names can still have the same slug ("A B" and "A/B"); evaluation.taken notices that.
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
