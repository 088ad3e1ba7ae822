package price

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"pricing/shared/jsondoc"
)

// The longest texts, in bytes.
const (
	maxItemID = 128
	maxSeller = 128
	maxLabel  = 120
	maxURL    = 512
	maxName   = 128
	maxTitle  = 300
	maxTag    = 64
)

// textFault says in a sentence what is wrong with a text that people write, at most so many bytes long; empty: nothing is.
//
// Two texts that look alike would be two sellers with an offer each. So there is one spelling (Unicode's form NFC), nothing that
// does not show, and no white space at an end. The zero-width joiners are allowed: Persian words and family emoji need them.
func textFault(text string, most int) string {
	switch at := strings.IndexFunc(text, hidden); {
	case strings.ContainsRune(text, utf8.RuneError): // invalid UTF-8 too; API Gateway has replaced it before we see it
		return jsondoc.Quote(text) + " holds U+FFFD, which stands for bytes that are not UTF-8: was the text sent in another encoding than UTF-8?"
	case text == "" || len(text) > most:
		return fmt.Sprintf("Must be 1 to %d bytes long, not %d.", most, len(text))
	case at >= 0:
		r, _ := utf8.DecodeRuneInString(text[at:])
		return fmt.Sprintf("%s holds %U: control, format, private-use, unassigned and line-separating characters are refused.",
			jsondoc.Quote(text), r)
	case !norm.NFC.IsNormalString(text):
		return strconv.QuoteToASCII(jsondoc.Cut(text)) + " is not in Unicode normalization form C." // whose characters look the same
	case strings.TrimSpace(text) != text:
		return jsondoc.Quote(text) + " begins or ends with white space."
	}
	return ""
}

// hidden reports whether a character has no place in free text: all that Unicode does not call graphic (control, format,
// private-use and unassigned characters, line and paragraph separators), except the zero-width joiner and non-joiner.
func hidden(r rune) bool {
	const (
		nonJoiner = '\u200c'
		joiner    = '\u200d'
	)
	return !unicode.IsGraphic(r) && r != nonJoiner && r != joiner
}

// urlFault says in a sentence why a text is not the address of a page; empty: it is. A url is handed out to people's browsers, so
// it must be one of the web, with a host and no user info (https://shop.example@evil.example/).
//
// The path is not judged: shops have paths that RFC 3986 would refuse, and they are no reason to lose a price.
func urlFault(text string) string {
	if wrong := textFault(text, maxURL); wrong != "" {
		return wrong
	}
	scheme, rest, _ := strings.Cut(text, "://")
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	u, err := url.Parse("http://" + authority)
	switch {
	case !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https"), err != nil, u.Hostname() == "",
		strings.ContainsAny(authority, `<>"`): // these are no characters of a host, though net/url lets them pass
		return jsondoc.Quote(text) + " is not an http or https address with a host."
	case u.User != nil:
		return jsondoc.Quote(text) + " holds user info before the host."
	case strings.ContainsFunc(text, unicode.IsSpace):
		return jsondoc.Quote(text) + " holds white space."
	}
	return ""
}

// SellerFault says in a sentence why a text cannot be a sellerId; empty: it can.
func SellerFault(s string) string { return textFault(s, maxSeller) }

// OwnSellerFault says in a sentence why our own prices cannot have a sellerId.
const OwnSellerFault = "Our own prices have no seller."

// RegionFault says in a sentence why a text cannot be a region; empty: it can.
func RegionFault(s string) string {
	if checkRegion(s) {
		return ""
	}
	return jsondoc.Quote(s) + " must be " + regionRule + "."
}

// The rules of ids, each completing the sentence "... must be".
const (
	ProductRule    = "1 to 64 letters, digits and . _ - (but not ., .. or batch)"
	CompetitorRule = "2 to 40 of a-z, 0-9 and -"
	sourceRule     = "1 to 64 letters, digits and . _ -"
	regionRule     = "1 to 16 letters, digits and -"
)

// CheckProductID reports whether s can be a productId: [A-Za-z0-9._-]{1,64}, but nothing that could not be asked for by its path.
// Clients and proxies take "." and ".." out of one, and /v1/products/batch is another endpoint.
func CheckProductID(s string) bool { return checkSourceID(s) && s != "." && s != ".." && s != "batch" }

// CheckCompetitorID reports whether s can be a competitorId: [a-z0-9-]{2,40}.
func CheckCompetitorID(s string) bool {
	return len(s) >= 2 && len(s) <= 40 && every(s, func(c byte) bool { return c >= 'a' && c <= 'z' || digit(c) || c == '-' })
}

// checkSourceID accepts [A-Za-z0-9._-]{1,64}.
func checkSourceID(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && every(s, func(c byte) bool { return letter(c) || digit(c) || c == '.' || c == '_' || c == '-' })
}

func checkRegion(s string) bool {
	return len(s) >= 1 && len(s) <= 16 && every(s, func(c byte) bool { return letter(c) || digit(c) || c == '-' })
}

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
