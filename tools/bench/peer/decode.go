package peer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/price"
)

// Row is what an item says.
type Row struct {
	Observation price.Observation
	Received    price.Timestamp
	Latest      bool // it is the latest of its offer, not a part of the history
}

// Decode reads an item of the table.
func Decode(it map[string]types.AttributeValue) (Row, error) {
	r := Row{Received: price.Timestamp(integer(it["rec"]))}
	pk := text(it["pk"])
	at, name := text(it["sk"]), ""
	var product string
	switch rest, latest := strings.CutPrefix(pk, "p#"); {
	case latest:
		r.Latest = true
		product, name, at = rest, text(it["sk"]), text(it["at"])
	default:
		product, name, _ = strings.Cut(strings.TrimPrefix(pk, "h#"), "#")
	}
	o := &r.Observation
	var errs [6]error
	o.Key, errs[0] = parseOffer(product, name)
	o.ObservedAt, o.Source.Confidence, errs[1] = parsePosition(at)
	o.Source.ID = text(it["src"])
	o.Source.Kind = price.SourceKind(integer(it["k"])) //nolint:gosec // as content wrote it
	o.URL = text(it["url"])
	o.Terms.PriceType = price.PriceType(integer(it["pt"])) //nolint:gosec // as content wrote it
	o.Terms.Availability, errs[2] = parseAvailability(text(it["av"]))
	o.Terms.Price, errs[3] = parseMoney(text(it["p"]), o.ObservedAt)
	o.Terms.Shipping, errs[4] = parseMoney(text(it["sh"]), o.ObservedAt)
	o.Terms.ListPrice, errs[5] = parseMoney(text(it["lp"]), o.ObservedAt)
	if _, ok := it["pr"]; ok {
		o.Terms.Promotion = price.Promotion{Present: true, Label: text(it["pr"]), ValidThrough: price.NoTime, MinQuantity: integer(it["pq"])}
		if _, ok := it["pv"]; ok {
			o.Terms.Promotion.ValidThrough = price.Timestamp(integer(it["pv"]))
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Row{}, fmt.Errorf("%s %s: %w", pk, text(it["sk"]), err)
	}
	return r, nil
}

// parseOffer is the inverse of offer. A seller may have the separator in it.
func parseOffer(product, name string) (price.OfferKey, error) {
	k := price.OfferKey{ProductID: product}
	parts := strings.Split(name, "|")
	k.CompetitorID = parts[0]
	n := len(parts)
	if n == 1 {
		return k, nil
	}
	if n < 5 {
		return k, fmt.Errorf("offer %q", name)
	}
	k.SellerID = strings.Join(parts[1:n-3], "|")
	k.Region = parts[n-1]
	var known [2]bool
	k.Condition, known[0] = price.ParseCondition(parts[n-3])
	k.Audience, known[1] = price.ParseAudience(parts[n-2])
	if known != [2]bool{true, true} {
		return k, fmt.Errorf("offer %q", name)
	}
	return k, nil
}

// parsePosition reads what position wrote, but for the id.
func parsePosition(s string) (price.Timestamp, price.Confidence, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return 0, 0, fmt.Errorf("position %q", s)
	}
	at, errAt := strconv.ParseInt(parts[0], 10, 64)
	confidence, errConfidence := strconv.ParseInt(parts[1], 10, 16)
	return price.Timestamp(at), price.Confidence(confidence) + price.NoConfidence, errors.Join(errAt, errConfidence)
}

func parseAvailability(s string) (price.Availability, error) {
	for a := price.AvailabilityInStock; a <= price.AvailabilityDiscontinued; a++ {
		if a.String() == s {
			return a, nil
		}
	}
	return 0, fmt.Errorf("availability %q", s)
}

// parseMoney reads what Money's String wrote; "" and "-" are none.
func parseMoney(s string, at price.Timestamp) (price.Money, error) {
	if s == "" || s == "-" {
		return price.Money{}, nil
	}
	amount, currency, _ := strings.Cut(s, " ")
	m, wrong := price.ParseMoney(amount, currency, at)
	if wrong != nil {
		return price.Money{}, fmt.Errorf("money %q: %s", s, wrong.Detail)
	}
	return m, nil
}

// integer is a number that content wrote, or 0.
func integer(v types.AttributeValue) int64 {
	if n, ok := v.(*types.AttributeValueMemberN); ok {
		i, _ := strconv.ParseInt(n.Value, 10, 64) // number wrote it
		return i
	}
	return 0
}
