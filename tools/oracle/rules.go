package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"pricing/shared/testkit/oracle"
)

// This file has the rules of the documents: what a line of a file means, and how the API prints what package oracle
// computes.

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

// own is the competitor of our own prices, which have no seller and never go stale.
const own = "own"

// Why an observation of a file is left out: the API refuses it too.
var (
	errMalformed = errors.New("malformed")
	errTime      = errors.New("timestamp-invalid")
	errFuture    = errors.New("observed-in-future")
	errTooOld    = errors.New("observed-too-old")
	errPrecision = errors.New("amount-precision")
	errAmount    = errors.New("amount-range")
	errCurrency  = errors.New("currency-unknown")
	errText      = errors.New("invalid-field")
	errNoProduct = errors.New("no productId (what a gtin stands for cannot be known from a file)")
)

// observe makes the canonical form of a line, with the defaults filled in. Of the rules for values, only those are here that
// real files break. (Unicode's form NFC is not among them: the feeder's mappings see to it.) now is about when the file was sent.
func observe(text []byte, now time.Time, retention time.Duration) (oracle.Observation, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return oracle.Observation{}, errMalformed
	}
	if l.ProductID == "" {
		return oracle.Observation{}, errNoProduct
	}
	at, err := instant(l.ObservedAt)
	if err != nil {
		return oracle.Observation{}, err
	}
	if at.After(now.Add(5 * time.Minute)) {
		return oracle.Observation{}, errFuture
	}
	if at.Before(now.Add(-retention)) {
		return oracle.Observation{}, errTooOld
	}
	if l.CompetitorID == own && l.SellerID != "" {
		return oracle.Observation{}, errText
	}
	if !plain(l.SellerID, 128) || !plain(l.URL, 512) || l.URL != "" && !page.MatchString(l.URL) {
		return oracle.Observation{}, errText
	}
	o := oracle.Observation{
		Key: oracle.Key{Product: l.ProductID, Competitor: l.CompetitorID, Seller: l.SellerID, Condition: cmp.Or(l.ItemCondition, "New"),
			Region: l.Region, Audience: cmp.Or(l.Audience, "public")},
		At: at, Source: l.Source.ID, Kind: l.Source.Kind, Confidence: l.Source.Confidence, URL: l.URL,
		Terms: oracle.Terms{Availability: l.Availability, PriceType: cmp.Or(l.PriceType, "regular")},
	}
	var errs [3]error
	o.Price, errs[0] = amount(l.Price, at)
	o.Shipping, errs[1] = amount(given(l.Shipping), at)
	o.ListPrice, errs[2] = amount(given(l.ListPrice), at)
	if err := cmp.Or(errs[0], errs[1], errs[2]); err != nil {
		return oracle.Observation{}, err
	}
	if p := l.Promotion; p != nil && (p.Label != "" || p.ValidThrough != "" || p.MinQuantity != "") {
		if !plain(p.Label, 120) {
			return oracle.Observation{}, errText
		}
		o.Promotion = &oracle.Promotion{Label: p.Label, MinQuantity: p.MinQuantity.String()}
		if p.ValidThrough != "" {
			until, err := instant(p.ValidThrough)
			if err != nil {
				return oracle.Observation{}, err
			}
			o.Promotion.ValidThrough = oracle.Stamp(until)
		}
	}
	o.ID = oracle.Identity(o)
	return o, nil
}

// moment is a timestamp with an offset of less than a day.
var moment = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// instant reads a timestamp, cut to the millisecond.
func instant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if err != nil || !moment.MatchString(text) || strings.HasSuffix(text, "-00:00") {
		return time.Time{}, errTime
	}
	return time.UnixMilli(t.UnixMilli()).UTC(), nil
}

// page is the address of a page: of the web, with a host and without user info or white space.
var page = regexp.MustCompile(`^(?i:https?)://[^:/?#@\\<>"\s][^/?#@\\<>"\s]*([/?#]\S*)?$`)

// plain reports whether a text, which may be empty, has a length and the characters that the API takes.
func plain(s string, most int) bool {
	for _, r := range s {
		switch {
		case r == '\u200c', r == '\u200d': // the zero-width joiners
		case r == unicode.ReplacementChar,
			unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cn, unicode.Zl, unicode.Zp):
			return false
		}
	}
	return len(s) <= most && strings.TrimSpace(s) == s
}

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

// withdrawn are the currencies that ended in the last years, and the day from which they were none.
var withdrawn = map[string]string{"CUC": "2021-06-01", "HRK": "2023-01-01", "SLL": "2023-12-01", "ZWL": "2024-09-01", "ANG": "2025-03-01",
	"BGN": "2026-01-01"}

// given is an optional amount, nil if it is empty.
func given(m *lineMoney) *lineMoney {
	if m == nil || *m == (lineMoney{}) {
		return nil
	}
	return m
}

func amount(m *lineMoney, at time.Time) (*oracle.Money, error) {
	if m == nil {
		return nil, nil
	}
	if day, ended := withdrawn[m.Currency]; ended && oracle.Stamp(at) >= day {
		return nil, errCurrency
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
	return &oracle.Money{Minor: minor, Currency: m.Currency}, nil
}

// moneyJSON is the money as the API prints it: with all its decimals.
func moneyJSON(m *oracle.Money) any {
	if m == nil {
		return nil
	}
	digits := minorDigits(m.Currency)
	text := fmt.Sprintf("%0*d", digits+1, m.Minor)
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return map[string]any{"amount": text, "currency": m.Currency}
}

// landed is price and shipping together; unknown when either is. (Both have one currency, else the API refuses.)
func landed(o oracle.Observation) *oracle.Money {
	if o.Price == nil || o.Shipping == nil {
		return nil
	}
	return &oracle.Money{Minor: o.Price.Minor + o.Shipping.Minor, Currency: o.Price.Currency}
}

// byLanded is the order of offers: currency code, then landed amount, unknown last; ties by offer key.
func byLanded(a, b oracle.Offer) int {
	x, y := landed(a.Current), landed(b.Current)
	switch {
	case x == nil && y != nil:
		return 1
	case x != nil && y == nil:
		return -1
	case x != nil:
		if c := cmp.Or(cmp.Compare(x.Currency, y.Currency), cmp.Compare(x.Minor, y.Minor)); c != 0 {
			return c
		}
	}
	return slices.Compare(a.Current.Parts(), b.Current.Parts())
}

// historyRow is the observation as the history shows it, receivedAt and client aside.
func historyRow(o oracle.Observation) map[string]any {
	row := map[string]any{
		"competitorId": o.Competitor, "sellerId": null(o.Seller), "itemCondition": o.Condition, "audience": o.Audience, "region": null(o.Region),
		"observedAt": oracle.Stamp(o.At), "price": moneyJSON(o.Price), "shipping": moneyJSON(o.Shipping), "listPrice": moneyJSON(o.ListPrice),
		"availability": o.Availability, "priceType": o.PriceType, "promotion": nil, "observationId": o.ID,
		"source": map[string]any{"id": o.Source, "confidence": null(o.Confidence)},
	}
	if p := o.Promotion; p != nil {
		quantity := any(nil)
		if p.MinQuantity != "" {
			quantity = json.Number(p.MinQuantity)
		}
		row["promotion"] = map[string]any{"label": null(p.Label), "validThrough": null(p.ValidThrough), "minQuantity": quantity}
	}
	return row
}

// offerRow is the offer as the list of offers shows it.
func offerRow(o oracle.Offer, freshFor time.Duration, now time.Time) map[string]any {
	row := historyRow(o.Current)
	staleAt := o.Current.At.Add(freshFor)
	row["landed"] = moneyJSON(landed(o.Current))
	row["previousPrice"] = moneyJSON(o.PreviousPrice)
	row["firstSeenAt"] = oracle.Stamp(o.FirstSeen)
	row["lastSeenAt"] = oracle.Stamp(o.Current.At)
	row["lastChangedAt"] = oracle.Stamp(o.LastChanged)
	row["staleAt"] = oracle.Stamp(staleAt)
	row["stale"] = !now.Before(staleAt)
	if o.Current.Competitor == own {
		row["staleAt"] = nil
		row["stale"] = false
	}
	row["url"] = null(o.URL)
	return row
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// history is all observations of a product as files have them: by id, each with its different contents. More than one content
// is a conflict, and no file says which was stored first.
type history map[string][]content

// content is an observation as often as it was sent. One like another but for the url.
type content []oracle.Observation

// add keeps an observation and reports whether it repeats another.
func (h history) add(o oracle.Observation) (repeated bool) {
	for i, known := range h[o.ID] {
		if oracle.SameContent(known[0], o) {
			h[o.ID][i] = append(known, o)
			return true
		}
	}
	h[o.ID] = append(h[o.ID], content{o})
	return false
}

// offers folds the observations by offer key, in the order of the list of offers.
func offers(stored []content) []oracle.Offer {
	byKey := map[oracle.Key][]oracle.Observation{}
	for _, sent := range stored {
		byKey[sent[0].Key] = append(byKey[sent[0].Key], sent...)
	}
	var list []oracle.Offer
	for _, observations := range byKey {
		list = append(list, oracle.Fold(observations))
	}
	slices.SortFunc(list, byLanded)
	return list
}
