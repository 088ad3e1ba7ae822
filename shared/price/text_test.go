package price_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"golang.org/x/text/unicode/norm"

	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// TestIDs tries each character alone, and the lengths.
func TestIDs(t *testing.T) {
	const letters, small, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz", "0123456789"
	for c := range byte(255) {
		s := string([]byte{c})
		assert.Equal(t, strings.Contains(letters+digits+"_-", s), price.CheckProductID(s), "%q", s)
		assert.Equal(t, strings.Contains(small+digits+"-", s), price.CheckCompetitorID("a"+s), "%q", s)
		assert.Equal(t, strings.Contains(letters+digits+"-", s), price.RegionFault(s) == "", "%q", s)
		assert.Equal(t, strings.Contains(letters+digits+"._-", s), price.CheckSourcePattern(s), "%q", s)
	}
	for length := range 70 {
		s := strings.Repeat("7", length)
		assert.Equal(t, length >= 1 && length <= 64, price.CheckProductID(s), length)
		assert.Equal(t, length >= 2 && length <= 40, price.CheckCompetitorID(s), length)
		assert.Equal(t, length >= 1 && length <= 16, price.RegionFault(s) == "", length)
	}
	assert.False(t, price.CheckProductID("."))
	assert.False(t, price.CheckProductID(".."))
	assert.False(t, price.CheckProductID("batch"))
	assert.True(t, price.CheckProductID("Batch"))
	assert.True(t, price.CheckProductID("..."))
}

func TestSellerFault(t *testing.T) {
	assert.Empty(t, price.SellerFault("Otto & Söhne"))
	assert.Equal(t, "Must be 1 to 128 bytes long, not 0.", price.SellerFault(""))
	assert.Contains(t, price.SellerFault(strings.Repeat("\x80", 200)), "another encoding", "no byte of it begins a character")
	assert.Contains(t, price.SellerFault("\xf6"+strings.Repeat("x", 60)+"\x80\x80\x80\x80"), "another encoding")
}

// FuzzSellerFault holds what is let through against api categories one by one, which the rule takes from the other side.
func FuzzSellerFault(f *testing.F) {
	for _, seed := range []string{"Shop", "Otto & Söhne", "M\ufffdller", "M\xfcller", "Cafe\u0301", "Shop\u200e", " Shop",
		"\ufeffShop", "a\u0378", "\ue000",
		"\U0001f468\u200d\U0001f469", "a\u2029"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if price.SellerFault(text) != "" {
			return
		}
		if len(text) == 0 || len(text) > 128 || strings.ToValidUTF8(text, "") != text || !norm.NFC.IsNormalString(text) ||
			strings.TrimFunc(text, unicode.IsSpace) != text {
			t.Fatalf("%q is accepted", text)
		}
		for _, r := range text {
			if r != '\u200c' && r != '\u200d' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cn, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) ||
				r == '\ufffd' {
				t.Fatalf("%q with %U is accepted", text, r)
			}
		}
	})
}

// FuzzReadSubmission_URL: whoever reads an accepted url, net/url or a browser that takes \ for /, finds a host and no user info.
func FuzzReadSubmission_URL(f *testing.F) {
	for _, seed := range []string{"https://bigmart.example/p/77", "javascript:alert(1)", "http://a b", "https://user:pw@h/", "x",
		"HTTP://h:80?q", "http://h\\@x",
		"https://[::1]/", "http://%41/", "https://h/100%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		item, err := jsondoc.Parse([]byte(observation))
		if err != nil {
			t.Fatal(err)
		}
		item.Members = append(item.Members, jsondoc.Member{Name: "url", Value: jsondoc.Node{Kind: jsondoc.String, Text: text}})
		var r jsondoc.Reader
		got := price.ReadSubmission(r.At(item, ""), jsondoc.Value{}, false, clock).Observation.URL
		if text == "" || r.Err() != nil {
			return
		}
		if got != text || len(text) > 512 || strings.ContainsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }) {
			t.Fatalf("%q is accepted as %q", text, got)
		}
		scheme, rest, _ := strings.Cut(strings.ReplaceAll(text, `\`, "/"), "://")
		authority := rest[:len(rest)-len(strings.TrimLeft(rest, "/"))+strings.IndexAny(strings.TrimLeft(rest, "/")+"/", "/?#")]
		u, err := url.Parse(strings.ToLower(scheme) + "://" + authority)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			strings.ContainsAny(authority, `@<>"`) {
			t.Fatalf("%q is accepted: host %q, %v", text, authority, err)
		}
	})
}

// FuzzReadCompetitor: what is accepted is what the expressions say.
func FuzzReadCompetitor(f *testing.F) {
	f.Add("bigmart.example", "US", "USD", "PT26H", "active")
	f.Add("a..b", "Us", "BGN", "P1M", "")
	f.Add("xn--grn-hoa.example", "", "", "", "inactive")
	domain := regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	country := regexp.MustCompile(`^[A-Z]{2}$`)
	f.Fuzz(func(t *testing.T, host, land, currency, freshFor, status string) {
		text, err := json.Marshal(map[string]string{"name": "x", "kind": "retailer", "domain": host, "country": land, "defaultCurrency": currency,
			"freshFor": freshFor, "status": status})
		if err != nil {
			t.Fatal(err)
		}
		body, err := jsondoc.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var r jsondoc.Reader
		c := price.ReadCompetitor("bigmart", r.At(body, ""), clock.Now)
		if r.Err() != nil {
			return
		}
		if c.Domain != "" && (!domain.MatchString(c.Domain) || len(c.Domain) > 253) ||
			c.Country != "" && !country.MatchString(c.Country) || c.FreshFor <= 0 {
			t.Fatalf("accepted %+v", c)
		}
		if wrongly := c.Domain == "" && host != "" || c.Country == "" && land != "" || c.Active != (status != "inactive"); wrongly {
			t.Fatalf("read %s as %+v", text, c)
		}
	})
}
