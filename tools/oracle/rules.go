package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file is the API's rules a second time, as plainly as possible: slow, whole in memory, one function a rule.

// key says which offer an observation is of. Absent parts are empty.
type key struct {
	product, competitor, seller, condition, region, audience string
}

// String names the offer within its product.
func (k key) String() string {
	return strings.Join([]string{k.competitor, k.seller, k.condition, k.region, k.audience}, "|")
}

func (k key) parts() []string {
	return []string{k.product, k.competitor, k.seller, k.condition, k.region, k.audience}
}

// money is an amount in minor units. nil stands for unknown.
type money struct {
	minor    int64
	currency string
}

// terms are what decides whether an observation changes its offer. They are comparable with sameTerms.
type terms struct {
	price, shipping, listPrice *money
	availability, priceType    string
	promotion                  *promotion
}

type promotion struct {
	label, validThrough, minQuantity string // empty = not given
}

// observation is one accepted observation in canonical form.
type observation struct {
	key
	terms
	id         string
	at         time.Time // UTC, cut to the millisecond
	source     string
	kind       string
	confidence string // as sent, "" when absent
	url        string
}

// line is an observation as a client sends it.
type line struct {
	ProductID     string     `json:"productId"`
	CompetitorID  string     `json:"competitorId"`
	SellerID      string     `json:"sellerId"`
	ItemCondition string     `json:"itemCondition"`
	Region        string     `json:"region"`
	Audience      string     `json:"audience"`
	Availability  string     `json:"availability"`
	Price         *lineMoney `json:"price"`
	Shipping      *lineMoney `json:"shipping"`
	ListPrice     *lineMoney `json:"listPrice"`
	PriceType     string     `json:"priceType"`
	Promotion     *struct {
		Label        string      `json:"label"`
		ValidThrough string      `json:"validThrough"`
		MinQuantity  json.Number `json:"minQuantity"`
	} `json:"promotion"`
	URL    string `json:"url"`
	Source struct {
		ID         string `json:"id"`
		Kind       string `json:"kind"`
		Confidence string `json:"confidence"`
	} `json:"source"`
	ObservedAt string `json:"observedAt"`
}

type lineMoney struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// Why an observation of a file is left out: the API refuses it too.
var (
	errMalformed = errors.New("malformed")
	errTime      = errors.New("timestamp-invalid")
	errFuture    = errors.New("observed-in-future")
	errTooOld    = errors.New("observed-too-old")
	errPrecision = errors.New("amount-precision")
	errAmount    = errors.New("amount-range")
	errNoProduct = errors.New("no productId (what a gtin stands for cannot be known from a file)")
)

// observe makes the canonical form of a line, with the defaults filled in. Of the rules for values only those are
// here that real files break; now is when the file was sent, near enough.
func observe(text []byte, now time.Time, retention time.Duration) (observation, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return observation{}, errMalformed
	}
	if l.ProductID == "" {
		return observation{}, errNoProduct
	}
	at, err := instant(l.ObservedAt)
	if err != nil {
		return observation{}, err
	}
	if at.After(now.Add(5 * time.Minute)) {
		return observation{}, errFuture
	}
	if at.Before(now.Add(-retention)) {
		return observation{}, errTooOld
	}
	o := observation{
		key: key{l.ProductID, l.CompetitorID, l.SellerID, cmp.Or(l.ItemCondition, "New"), l.Region, cmp.Or(l.Audience, "public")},
		at:  at, source: l.Source.ID, kind: l.Source.Kind, confidence: l.Source.Confidence, url: l.URL,
		terms: terms{availability: l.Availability, priceType: cmp.Or(l.PriceType, "regular")},
	}
	var errs [3]error
	o.price, errs[0] = amount(l.Price)
	o.shipping, errs[1] = amount(l.Shipping)
	o.listPrice, errs[2] = amount(l.ListPrice)
	if err := cmp.Or(errs[0], errs[1], errs[2]); err != nil {
		return observation{}, err
	}
	if p := l.Promotion; p != nil {
		o.promotion = &promotion{label: p.Label, minQuantity: p.MinQuantity.String()}
		if p.ValidThrough != "" {
			until, err := instant(p.ValidThrough)
			if err != nil {
				return observation{}, err
			}
			o.promotion.validThrough = stamp(until)
		}
	}
	o.id = identity(o)
	return o, nil
}

// instant reads a timestamp: with an offset, cut to the millisecond.
func instant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || strings.HasSuffix(text, "-00:00") {
		return time.Time{}, errTime
	}
	return time.UnixMilli(t.UnixMilli()).UTC(), nil
}

// stamp writes a timestamp as the API does: UTC with milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// minorDigits is how many decimals a currency has (ISO 4217).
func minorDigits(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

func amount(m *lineMoney) (*money, error) {
	if m == nil {
		return nil, nil
	}
	whole, fraction, _ := strings.Cut(m.Amount, ".")
	digits := minorDigits(m.Currency)
	if len(fraction) > digits {
		return nil, errPrecision
	}
	minor, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64)
	if err != nil || minor < 0 || minor >= 1e12 {
		return nil, errAmount
	}
	return &money{minor, m.Currency}, nil
}

// json is the money as the API prints it: with all its decimals.
func (m *money) json() any {
	if m == nil {
		return nil
	}
	digits := minorDigits(m.currency)
	text := fmt.Sprintf("%0*d", digits+1, m.minor)
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return map[string]any{"amount": text, "currency": m.currency}
}

// identity is rule 1: 26 characters of Crockford's base32 of the SHA-256 of what makes an observation the same.
func identity(o observation) string {
	var b bytes.Buffer
	for _, part := range append(o.parts(), stamp(o.at), o.source) {
		fmt.Fprintf(&b, "%d:%s", len(part), part)
	}
	sum := sha256.Sum256(b.Bytes())
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(sum[:])[:26]
}

// sameContent says whether two observations of one identity are a repetition (rule 1) and not a conflict.
func sameContent(a, b observation) bool {
	return sameTerms(a.terms, b.terms) && a.kind == b.kind && rank(a.confidence) == rank(b.confidence) && a.url == b.url
}

func sameTerms(a, b terms) bool {
	return same(a.price, b.price) && same(a.shipping, b.shipping) && same(a.listPrice, b.listPrice) &&
		a.availability == b.availability && a.priceType == b.priceType && same(a.promotion, b.promotion)
}

func same[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// rank is a confidence in ten-thousandths; one that is absent is below all others.
func rank(confidence string) int {
	if confidence == "" {
		return -1
	}
	whole, fraction, _ := strings.Cut(confidence, ".")
	n, err := strconv.Atoi(whole + (fraction + "0000")[:4])
	if err != nil {
		return -1
	}
	return n
}

// byRule2 is the order that decides which observation of an offer is the newest.
func byRule2(a, b observation) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(rank(a.confidence), rank(b.confidence)), cmp.Compare(a.id, b.id))
}

// byHistory is the order of the rows of a history: by time, then offer key, then id.
func byHistory(a, b observation) int {
	return cmp.Or(a.at.Compare(b.at), slices.Compare(a.parts(), b.parts()), cmp.Compare(a.id, b.id))
}

// offer is the state of one key after all its observations.
type offer struct {
	current       observation
	previousPrice *money
	firstSeen     time.Time
	lastChanged   time.Time
}

// fold is rule 4: the newest observation is current, its run of equal terms began at lastChanged, and previousPrice is
// the price of the observation just before that run.
func fold(observations []observation) offer {
	sorted := slices.SortedFunc(slices.Values(observations), byRule2)
	last := len(sorted) - 1
	o := offer{current: sorted[last], firstSeen: sorted[0].at}
	start := last
	for start > 0 && sameTerms(sorted[start-1].terms, o.current.terms) {
		start--
	}
	o.lastChanged = sorted[start].at
	if start > 0 {
		o.previousPrice = sorted[start-1].price
	}
	return o
}

// landed is price and shipping together; unknown when either is. (Both have one currency, else the API refuses.)
func (o observation) landed() *money {
	if o.price == nil || o.shipping == nil {
		return nil
	}
	return &money{o.price.minor + o.shipping.minor, o.price.currency}
}

// byLanded is the order of offers: currency code, then landed amount, unknown last; ties by offer key.
func byLanded(a, b offer) int {
	x, y := a.current.landed(), b.current.landed()
	switch {
	case x == nil && y != nil:
		return 1
	case x != nil && y == nil:
		return -1
	case x != nil:
		if c := cmp.Or(cmp.Compare(x.currency, y.currency), cmp.Compare(x.minor, y.minor)); c != 0 {
			return c
		}
	}
	return slices.Compare(a.current.parts(), b.current.parts())
}

// row is the observation as the history shows it, receivedAt aside.
func (o observation) row() map[string]any {
	row := map[string]any{
		"competitorId": o.competitor, "sellerId": null(o.seller), "itemCondition": o.condition, "audience": o.audience, "region": null(o.region),
		"observedAt": stamp(o.at), "price": o.price.json(), "shipping": o.shipping.json(), "listPrice": o.listPrice.json(),
		"availability": o.availability, "priceType": o.priceType, "promotion": nil, "observationId": o.id,
		"source": map[string]any{"id": o.source, "confidence": null(o.confidence)},
	}
	if p := o.promotion; p != nil {
		quantity := any(nil)
		if p.minQuantity != "" {
			quantity = json.Number(p.minQuantity)
		}
		row["promotion"] = map[string]any{"label": null(p.label), "validThrough": null(p.validThrough), "minQuantity": quantity}
	}
	return row
}

// row is the offer as the list of offers shows it.
func (o offer) row(freshFor time.Duration, now time.Time) map[string]any {
	row := o.current.row()
	staleAt := o.current.at.Add(freshFor)
	row["landed"] = o.current.landed().json()
	row["previousPrice"] = o.previousPrice.json()
	row["firstSeenAt"] = stamp(o.firstSeen)
	row["lastSeenAt"] = stamp(o.current.at)
	row["lastChangedAt"] = stamp(o.lastChanged)
	row["staleAt"] = stamp(staleAt)
	row["stale"] = !now.Before(staleAt)
	row["url"] = null(o.current.url)
	return row
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// history is all observations of a product as files have them: by id, each with its different contents. More than one
// content is a conflict: which was stored first no file can tell.
type history map[string][]observation

// add keeps an observation unless it is a repetition.
func (h history) add(o observation) (repeated bool) {
	for _, known := range h[o.id] {
		if sameContent(known, o) {
			return true
		}
	}
	h[o.id] = append(h[o.id], o)
	return false
}

// offers folds the observations by offer key, in the order of the list of offers.
func offers(stored []observation) []offer {
	byKey := map[key][]observation{}
	for _, o := range stored {
		byKey[o.key] = append(byKey[o.key], o)
	}
	var list []offer
	for _, observations := range byKey {
		list = append(list, fold(observations))
	}
	slices.SortFunc(list, byLanded)
	return list
}
