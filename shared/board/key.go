package board

import (
	"fmt"
	"strings"

	"pricing/shared/price"
)

// KeyText is an offer key's name within its product: competitor|seller|condition|audience|region. New, public and no region are
// left out and trailing separators cut, so a retailer's plain offer is just its competitorId. A person on call reads it. It is
// a stored attribute name, so nothing in it may be renamed.
func KeyText(k price.OfferKey) string {
	if k.SellerID == "" && k.Condition == price.ConditionNew && k.Audience == price.AudiencePublic && k.Region == "" {
		return k.CompetitorID
	}
	seller := k.SellerID
	if strings.ContainsAny(seller, "%|") { // a replacer allocates even where there is nothing to replace
		seller = sellerEscape.Replace(seller)
	}
	parts := []string{k.CompetitorID, seller, conditionLetters[k.Condition], audienceLetters[k.Audience], k.Region}
	return strings.TrimRight(strings.Join(parts, "|"), "|")
}

var (
	sellerEscape   = strings.NewReplacer("%", "%25", "|", "%7C")
	sellerUnescape = strings.NewReplacer("%25", "%", "%7C", "|")
)

// The letters are stored: their order follows price's constants and none may change.
var (
	conditionLetters    = []string{"", "U", "R", "D"}
	audienceLetters     = []string{"", "m", "s", "a"}
	availabilityLetters = []string{"I", "O", "L", "P", "B", "R", "N", "T", "S", "D"}
)

// ParseKey reads what KeyText wrote about an offer of the product.
func ParseKey(productID, text string) (price.OfferKey, error) {
	var parts [5]string
	rest := text
	for i := range parts { // what is left over then makes it differ from its shortest form
		parts[i], rest, _ = strings.Cut(rest, "|")
	}
	if parts[0] == "" {
		return price.OfferKey{}, fmt.Errorf("offer key %q is not of a known form", text)
	}
	condition := letter(conditionLetters, parts[2])
	audience := letter(audienceLetters, parts[3])
	if condition < 0 || audience < 0 {
		return price.OfferKey{}, fmt.Errorf("offer key %q has an unknown letter", text)
	}
	k := price.OfferKey{
		ProductID: productID, CompetitorID: parts[0], SellerID: parts[1], Region: parts[4],
		Condition: price.Condition(condition), Audience: price.Audience(audience),
	}
	if strings.Contains(k.SellerID, "%") {
		k.SellerID = sellerUnescape.Replace(k.SellerID)
	}
	if KeyText(k) != text {
		return price.OfferKey{}, fmt.Errorf("offer key %q is not in its shortest form", text)
	}
	return k, nil
}

func letter(letters []string, l string) int {
	for i := range letters {
		if letters[i] == l {
			return i
		}
	}
	return -1
}
