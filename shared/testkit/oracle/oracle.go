// Package oracle has the API's rules of identity, order, runs, urls and retention a second time, as plainly as possible: slow, all in
// memory, one function for each rule.
//
// It was written from the API's description alone and imports nothing of the project. So a mistake would have to be made twice
// to go unseen. Tests and tools compare the service with it: fold a set of observations with Fold, or let a Market take
// requests one by one. Nothing here is deployed.
package oracle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Key says which offer an observation is of. Absent parts are empty, defaults filled in.
type Key struct {
	Product, Competitor, Seller, Condition, Region, Audience string
}

// String names the offer within its product.
func (k Key) String() string {
	return strings.Join([]string{k.Competitor, k.Seller, k.Condition, k.Region, k.Audience}, "|")
}

// Parts are the key's parts in the order in which offers are listed.
func (k Key) Parts() []string {
	return []string{k.Product, k.Competitor, k.Seller, k.Condition, k.Region, k.Audience}
}

// Money is an amount in minor units. nil stands for unknown.
type Money struct {
	Minor    int64
	Currency string
}

// Terms are what decides whether an observation changes its offer. They are comparable with SameTerms.
type Terms struct {
	Price, Shipping, ListPrice *Money
	Availability, PriceType    string
	Promotion                  *Promotion
}

// Promotion is a special offer; what is empty was not given.
type Promotion struct {
	Label, ValidThrough, MinQuantity string
}

// Observation is one accepted observation in canonical form.
type Observation struct {
	Key
	Terms
	ID         string
	At         time.Time // UTC, cut to the millisecond
	Source     string
	Kind       string
	Confidence string // as sent, "" when absent
	URL        string // none of the content: a repetition may carry another
}

// Stamp writes a timestamp as the API does: UTC with milliseconds.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Identity is the observationId: 26 characters of Crockford's base32 of the SHA-256 of what makes two observations the same.
func Identity(o Observation) string {
	sum := hash(o.Product, o.Competitor, o.Seller, o.Condition, o.Region, o.Audience, Stamp(o.At), o.Source)
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(sum[:])[:26]
}

func hash(parts ...string) [sha256.Size]byte {
	var b bytes.Buffer
	for _, part := range parts {
		fmt.Fprintf(&b, "%d:%s", len(part), part)
	}
	return sha256.Sum256(b.Bytes())
}

// SameContent says whether two observations of one identity are a repetition and not a conflict.
func SameContent(a, b Observation) bool {
	return SameTerms(a.Terms, b.Terms) && a.Kind == b.Kind && Rank(a.Confidence) == Rank(b.Confidence)
}

// SameTerms says whether two observations that follow each other belong to one run.
func SameTerms(a, b Terms) bool {
	return same(a.Price, b.Price) && same(a.Shipping, b.Shipping) && same(a.ListPrice, b.ListPrice) &&
		a.Availability == b.Availability && a.PriceType == b.PriceType && same(a.Promotion, b.Promotion)
}

func same[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// Rank is a confidence in ten-thousandths; one that is absent is below all others.
func Rank(confidence string) int {
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

// ByRecency is the order that decides which observation of an offer is the newest: by observedAt, confidence, id.
func ByRecency(a, b Observation) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(Rank(a.Confidence), Rank(b.Confidence)), cmp.Compare(a.ID, b.ID))
}

// ByHistory is the order of the rows of a history: by time, then offer key, then id.
func ByHistory(a, b Observation) int {
	return cmp.Or(a.At.Compare(b.At), slices.Compare(a.Parts(), b.Parts()), cmp.Compare(a.ID, b.ID))
}

// Offer is the state of one key after all its observations.
type Offer struct {
	Current       Observation
	PreviousPrice *Money
	FirstSeen     time.Time
	LastChanged   time.Time
	Previous      *Observation // the one just before the current run of equal terms, whose price is PreviousPrice
	URL           string       // see URL
}

// Fold computes an offer: the newest observation is current, its run of equal terms began at LastChanged, and PreviousPrice is
// the price of the observation just before that run. There must be an observation. Repetitions may be among them, and count
// for the url alone.
func Fold(observations []Observation) Offer {
	sorted := slices.SortedFunc(slices.Values(observations), ByRecency)
	last := len(sorted) - 1
	o := Offer{Current: sorted[last], FirstSeen: sorted[0].At, URL: URL(observations)}
	start := last
	for start > 0 && SameTerms(sorted[start-1].Terms, o.Current.Terms) {
		start--
	}
	o.LastChanged = sorted[start].At
	if start > 0 {
		o.Previous = &sorted[start-1]
		o.PreviousPrice = o.Previous.Price
	}
	return o
}

// URL is an offer's url: that of the newest observation that was sent with one. Of several that were sent for one observation it
// is the one with the greatest SHA-256, which is over the offer's key and the url. "" when none was sent.
func URL(observations []Observation) string {
	newer := func(a, b Observation) bool {
		if c := ByRecency(a, b); c != 0 {
			return c > 0
		}
		x, y := hashURL(a), hashURL(b)
		return bytes.Compare(x[:], y[:]) > 0
	}
	var newest Observation
	for _, o := range observations {
		if o.URL != "" && (newest.URL == "" || newer(o, newest)) {
			newest = o
		}
	}
	return newest.URL
}

func hashURL(o Observation) [sha256.Size]byte {
	return hash(o.Product, o.Competitor, o.Seller, o.Condition, o.Region, o.Audience, o.URL)
}

// Market is everything that was accepted, kept as it came. Give it its Retention; the rest starts empty.
type Market struct {
	Retention time.Duration
	stored    []Observation
	byID      map[string]Observation
	lives     map[Key][]Observation // of each offer since it last started afresh, with repetitions
}

// Result is what became of one observation.
type Result struct {
	Outcome string      // the API's word
	Stored  Observation // the one with its id that is stored; for a conflict another than was sent
	Before  *Offer      // its offer just before; nil when there was none, or it was gone
}

// Record takes one request received at now. What has left the retention is "rejected". The observations of an offer are taken
// by ByRecency, whatever their order in the request; of two with one id the first in the request is taken first.
func (m *Market) Record(now time.Time, request []Observation) []Result {
	if m.byID == nil {
		m.byID = map[string]Observation{}
		m.lives = map[Key][]Observation{}
	}
	oldest := now.Add(-m.Retention)
	results := make([]Result, len(request))
	var firsts, repeats []int
	seen := map[string]bool{}
	for i, o := range request {
		if seen[o.ID] {
			repeats = append(repeats, i)
			continue
		}
		seen[o.ID] = true
		firsts = append(firsts, i)
	}
	slices.SortFunc(firsts, func(a, b int) int { return ByRecency(request[a], request[b]) })
	for _, i := range append(firsts, repeats...) {
		if o := request[i]; o.At.Before(oldest) {
			results[i].Outcome = "rejected"
		} else {
			results[i] = m.one(oldest, o)
		}
	}
	return results
}

func (m *Market) one(oldest time.Time, o Observation) Result {
	if known, ok := m.byID[o.ID]; ok {
		if SameContent(known, o) {
			m.lives[o.Key] = append(m.lives[o.Key], o)
			return Result{Outcome: "duplicate", Stored: known}
		}
		return Result{Outcome: "conflict", Stored: known}
	}
	before, alive := m.Offer(o.Key)
	if alive && isGone(before, oldest) { // it starts afresh
		m.lives[o.Key] = nil
		alive = false
	}
	m.byID[o.ID] = o
	m.stored = append(m.stored, o)
	m.lives[o.Key] = append(m.lives[o.Key], o)
	switch {
	case !alive:
		return Result{Outcome: "created", Stored: o}
	case ByRecency(o, before.Current) < 0:
		return Result{"late", o, &before}
	case SameTerms(o.Terms, before.Current.Terms):
		return Result{"unchanged", o, &before}
	}
	return Result{"changed", o, &before}
}

// Stored returns the accepted observations in the order in which they were.
func (m *Market) Stored() []Observation { return m.stored }

// Offer returns the state of a key, gone or not; ok is false when it was never observed.
func (m *Market) Offer(k Key) (o Offer, ok bool) {
	if len(m.lives[k]) == 0 {
		return Offer{}, false
	}
	return Fold(m.lives[k]), true
}

// isGone says whether an offer leaves its product: nobody has seen it since oldest. Our own prices stay.
func isGone(o Offer, oldest time.Time) bool {
	return o.Current.At.Before(oldest) && o.Current.Competitor != "own"
}

// Gone returns the offers that are gone at now.
func (m *Market) Gone(now time.Time) (gone []Key) {
	for k := range m.lives {
		if isGone(Fold(m.lives[k]), now.Add(-m.Retention)) {
			gone = append(gone, k)
		}
	}
	return gone
}

// Offers returns the offers that are not gone at now, by key.
func (m *Market) Offers(now time.Time) []Offer {
	var list []Offer
	for _, k := range slices.SortedFunc(maps.Keys(m.lives), func(a, b Key) int { return slices.Compare(a.Parts(), b.Parts()) }) {
		if o := Fold(m.lives[k]); !isGone(o, now.Add(-m.Retention)) {
			list = append(list, o)
		}
	}
	return list
}

// History returns what was observed and has not left the retention at now, in the order of the history's rows.
func (m *Market) History(now time.Time) []Observation {
	var rows []Observation
	for _, o := range m.stored {
		if !o.At.Before(now.Add(-m.Retention)) {
			rows = append(rows, o)
		}
	}
	slices.SortFunc(rows, ByHistory)
	return rows
}

// Day is what of an offer was observed on one day of UTC, and of its prices in one currency.
type Day struct {
	Key
	Date                   string // 2026-07-06
	Currency               string // "" when no price was seen that day
	Open, Low, High, Close int64  // minor units
	N, InStock             int    // observations of the offer on that day, whatever their currency, and those in stock
}

// Days folds observations, each of them once, to days in order of date, offer key and currency.
func Days(observations []Observation) []Day {
	type place struct {
		date string
		key  Key
	}
	places := map[place][]Observation{}
	for _, o := range observations {
		p := place{Stamp(o.At)[:len("2026-07-06")], o.Key}
		places[p] = append(places[p], o)
	}
	var days []Day
	for p, seen := range places {
		slices.SortFunc(seen, ByRecency)
		inStock := 0
		prices := map[string][]int64{}
		for _, o := range seen {
			switch o.Availability {
			case "InStock", "LimitedAvailability", "OnlineOnly", "InStoreOnly":
				inStock++
			}
			if o.Price != nil {
				prices[o.Price.Currency] = append(prices[o.Price.Currency], o.Price.Minor)
			}
		}
		if len(prices) == 0 {
			days = append(days, Day{Key: p.key, Date: p.date, N: len(seen), InStock: inStock})
		}
		for currency, all := range prices {
			days = append(days, Day{Key: p.key, Date: p.date, Currency: currency, Open: all[0], Low: slices.Min(all), High: slices.Max(all),
				Close: all[len(all)-1], N: len(seen), InStock: inStock})
		}
	}
	slices.SortFunc(days, func(a, b Day) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), slices.Compare(a.Parts(), b.Parts()), cmp.Compare(a.Currency, b.Currency))
	})
	return days
}

// Fraction is a part of n with four decimals: the one that is nearest, and of two that are as near the even one.
func Fraction(part, n int) string {
	off := func(tenThousandths int) int { return max(tenThousandths*n-10000*part, 10000*part-tenThousandths*n) }
	nearest := 0
	for q := range 10001 {
		if off(q) < off(nearest) || off(q) == off(nearest) && q%2 == 0 {
			nearest = q
		}
	}
	return fmt.Sprintf("%d.%04d", nearest/10000, nearest%10000)
}
