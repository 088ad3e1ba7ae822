package board

import (
	"cmp"
	"slices"
	"time"

	"pricing/shared/price"
)

// Span is a part of time, both ends included.
type Span struct{ From, To price.Timestamp }

// Always is all time that a stored form may hold.
var Always = Span{minTime, maxTime}

func (s Span) contains(other Span) bool { return s.From <= other.From && other.To <= s.To }

// union puts spans into order and joins those that are less than a gap apart.
func union(spans []Span, gap time.Duration) []Span {
	var apart []Span
	for _, s := range slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return cmp.Compare(a.From, b.From) }) {
		if last := len(apart) - 1; last >= 0 && s.From <= apart[last].To.Add(gap) {
			apart[last].To = max(apart[last].To, s.To)
		} else {
			apart = append(apart, s)
		}
	}
	return apart
}

// A span costs a call or two, so those that are asked for together and lie within a day of each other are read as one.
const oneRead = 24 * time.Hour

func joined(spans []Span) []Span { return union(spans, oneRead) }

// History holds flushed observations. The zero value is empty. A span counts as known once it was added, even with no segments.
type History struct {
	known  []Span
	offers map[string][]Observation // by key text
}

// Add makes a span known and adds the observations of all segments that reach into it. Several segments may hold the same
// observation; it counts once.
func (h *History) Add(s Span, segments ...[]SegmentOffer) {
	h.known = union(append(h.known, s), time.Millisecond)
	if h.offers == nil {
		h.offers = map[string][]Observation{}
	}
	for _, offers := range segments {
		for _, o := range offers {
			text := KeyText(o.Key)
			h.offers[text] = append(h.offers[text], o.Observations...)
		}
	}
}

// find returns all that is known of an offer; known says whether that is all there is in the span.
func (h *History) find(s Span, key price.OfferKey) (observations []Observation, known bool) {
	if h == nil || !slices.ContainsFunc(h.known, func(k Span) bool { return k.contains(s) }) {
		return nil, false
	}
	return h.offers[KeyText(key)], true
}

// Refold computes the offers of a product, or of a part of it, from all their observations in any order, each once or several
// times. Of two that differ in their content, as damage may leave them, the first counts. Tails and urls are left empty. It is how
// a board comes about without one: to compare with, or to restore it.
func Refold(rows []Row) []Offer {
	sorted := slices.SortedStableFunc(slices.Values(rows), func(a, b Row) int {
		return cmp.Or(a.Key.Compare(b.Key), Compare(a.Key, a.Observation, b.Observation))
	})
	var offers []Offer
	for _, r := range sorted {
		if n := len(offers); n == 0 || offers[n-1].Key != r.Key {
			offers = append(offers, newOffer(r.Key))
		}
		if o := &offers[len(offers)-1]; o.Current.identity() != r.Observation.identity() {
			o.newer(r.Observation)
		}
	}
	slices.SortFunc(offers, func(a, b Offer) int { return cmp.Compare(KeyText(a.Key), KeyText(b.Key)) })
	return offers
}
