package board

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"pricing/shared/price"
)

// Outcome is what became of one observation. The API has two more, rejected and throttled, which are not decided here.
type Outcome uint8

// The outcomes that a board decides.
const (
	Created Outcome = iota
	Changed
	Unchanged
	Late
	Duplicate
	Conflict
)

// String returns the word of the API.
func (o Outcome) String() string {
	return [...]string{"created", "changed", "unchanged", "late", "duplicate", "conflict"}[o]
}

// Incoming is an observation about to be stored. The order of a slice of them is the order of the request.
type Incoming struct {
	Key         price.OfferKey
	Observation Observation
}

// Result is what became of one Incoming.
type Result struct {
	Outcome Outcome
	Current bool        // it is the offer's current observation now
	Differs []string    // Conflict: pointers of the content fields that differ from the stored one
	Stored  Observation // the observation as stored; for Duplicate and Conflict the earlier one
	Offer   Offer       // the offer after the whole request, without its tail
}

// Change is the outcome of Apply.
type Change struct {
	Next     Board
	Write    bool      // Next holds something new and must be stored
	Segments []Segment // to be put before Next is written
	Results  []Result  // one for each Incoming, same order
}

// Apply folds observations of one product into its board.
//
// Until history holds all it has to know, it returns the months it needs and no change. Those are the months of late
// observations at or before b.Flushed, which may be duplicates of flushed ones, and the months in which the start of a broken
// run has to be found. The mark is written for the new version. b is not changed.
func Apply(b Board, in []Incoming, clock price.Clock, mark Mark, history *History) (Change, []Month) {
	f := fold{board: b, clock: clock, history: history, offers: make(map[string]*working, len(b.Offers)), need: map[Month]struct{}{}}
	f.open()
	results := make([]Result, len(in))
	for _, text := range f.group(in) {
		f.apply(text, in, results)
	}
	if len(f.need) > 0 {
		return Change{}, slices.Sorted(maps.Keys(f.need))
	}
	for i, r := range results {
		w := f.offers[KeyText(in[i].Key)]
		results[i].Offer = w.Offer
		results[i].Offer.Tail = nil
		results[i].Current = w.Current.identity() == r.Stored.identity() && r.Outcome != Conflict
	}
	c := Change{Results: results, Next: b}
	if f.added == 0 {
		return c, nil
	}
	c.Write = true
	flush := b.FlushDue()
	if flush {
		c.Segments = b.segments()
	}
	c.Next = f.close(flush, mark)
	return c, nil
}

// working is an offer to which observations are being applied.
type working struct {
	Offer
	fresh []Observation // accepted now
	items []int         // indexes of the request that concern it
}

type fold struct {
	board   Board
	clock   price.Clock
	history *History
	offers  map[string]*working // by key text
	need    map[Month]struct{}
	added   int
}

// open takes over the board's offers, without those that nobody has seen within the retention.
func (f *fold) open() {
	for _, o := range f.board.Live(f.clock) {
		f.offers[KeyText(o.Key)] = &working{Offer: o}
	}
}

// group notes for each offer which items concern it and returns the key texts in order.
func (f *fold) group(in []Incoming) []string {
	var texts []string
	for i := range in {
		text := KeyText(in[i].Key)
		w := f.offers[text]
		if w == nil {
			w = &working{Offer: Offer{Key: in[i].Key, Previous: none, Current: Observation{ObservedAt: price.NoTime}}}
			f.offers[text] = w
		}
		if len(w.items) == 0 {
			texts = append(texts, text)
		}
		w.items = append(w.items, i)
	}
	return texts
}

// apply decides the items of one offer, least first, so that each is judged against everything before it. Of several items
// with one identity the first in the request is decided; the others are then compared with what is stored.
func (f *fold) apply(text string, in []Incoming, results []Result) {
	w := f.offers[text]
	first := make(map[identity]int, len(w.items))
	var order, repeats []int
	for _, i := range w.items {
		id := in[i].Observation.identity()
		if _, ok := first[id]; ok {
			repeats = append(repeats, i)
			continue
		}
		first[id] = i
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int { return Compare(w.Key, in[a].Observation, in[b].Observation) })
	for _, i := range order {
		results[i] = f.one(w, in[i].Observation)
	}
	for _, i := range repeats {
		results[i] = repeated(results[first[in[i].Observation.identity()]].Stored, in[i].Observation)
	}
}

// repeated is the result of an observation whose identity is stored already.
func repeated(stored, e Observation) Result {
	if differs := stored.Differs(e); len(differs) > 0 {
		return Result{Outcome: Conflict, Stored: stored, Differs: differs}
	}
	return Result{Outcome: Duplicate, Stored: stored}
}

// one applies a single observation to its offer.
func (f *fold) one(w *working, e Observation) Result {
	if stored, ok := w.find(e.identity()); ok {
		return repeated(stored, e)
	}
	if e.ObservedAt <= w.Current.ObservedAt && e.ObservedAt <= f.board.Flushed {
		observations, loaded := f.look(MonthOf(e.ObservedAt), w.Key)
		if !loaded {
			return Result{}
		}
		for _, stored := range observations {
			if stored.identity() == e.identity() {
				return repeated(stored, e)
			}
		}
	}
	outcome := f.accept(w, e)
	w.fresh = append(w.fresh, e)
	f.added++
	return Result{Outcome: outcome, Stored: e}
}

// find looks for an observation on the board and among those accepted now.
func (w *working) find(id identity) (Observation, bool) {
	if w.Current.identity() == id {
		return w.Current, true
	}
	for _, observations := range [2][]Observation{w.fresh, w.Tail} {
		for _, e := range observations {
			if e.identity() == id {
				return e, true
			}
		}
	}
	return Observation{}, false
}

// look returns the flushed observations of an offer in a month. When the history does not hold the month yet, loaded is false
// and the month is asked for.
func (f *fold) look(m Month, key price.OfferKey) (observations []Observation, loaded bool) {
	observations, loaded = f.history.find(m, key)
	if !loaded {
		f.need[m] = struct{}{}
	}
	return observations, loaded
}

// accept repairs the offer's derived fields for an observation that is new to it.
func (f *fold) accept(w *working, e Observation) Outcome {
	switch {
	case w.Current.ObservedAt == price.NoTime:
		w.Current = e
		w.FirstSeen = e.ObservedAt
		w.RunStart = e.ObservedAt
		return Created
	case Compare(w.Key, e, w.Current) > 0:
		outcome := Unchanged
		if e.Terms != w.Current.Terms {
			outcome = Changed
			w.Previous = Previous{At: w.Current.ObservedAt, Price: w.Current.Terms.Price}
			w.RunStart = e.ObservedAt
		}
		w.Current = e
		return outcome
	}
	f.late(w, e)
	return Late
}

// late repairs first seen, run start and previous price for an observation below the current one.
func (f *fold) late(w *working, e Observation) {
	w.FirstSeen = min(w.FirstSeen, e.ObservedAt)
	same := e.Terms == w.Current.Terms
	switch beforeRun, afterStart := f.place(w, e); {
	case beforeRun: // another observation stands between it and the run: nothing of the run changes
	case afterStart && same: // inside the run
	case afterStart: // it breaks the run, which now begins with the observation after it
		next, ok := f.after(w, e)
		if !ok {
			return
		}
		w.Previous = Previous{At: e.ObservedAt, Price: e.Terms.Price}
		w.RunStart = next
	case same: // directly before the run: the run begins earlier
		w.RunStart = e.ObservedAt
	default: // directly before the run, with other terms
		w.Previous = Previous{At: e.ObservedAt, Price: e.Terms.Price}
	}
}

// place says where e stands: before the observation just before the run (beforeRun), after the run's first observation or in
// its millisecond (afterStart), or between the two (neither).
//
// The board knows those two by their millisecond only. When e has the very millisecond of the one before the run, the stored
// observations decide: e stands before the run's predecessor if one above e is not of the run, since all above the predecessor
// are. None of those accepted now is above e, since items are applied least first. The flushed ones are known, since the
// month of a late observation was loaded to look for a duplicate. In the millisecond of the run's first observation it makes
// no difference whether e stands before or after it.
func (f *fold) place(w *working, e Observation) (beforeRun, afterStart bool) {
	p, r := w.Previous.At, w.RunStart
	afterStart = e.ObservedAt >= r
	if p == price.NoTime || e.ObservedAt != p {
		return e.ObservedAt < p, afterStart
	}
	above := func(o Observation) bool {
		return o.Terms != w.Current.Terms && Compare(w.Key, o, e) > 0
	}
	if slices.ContainsFunc(w.Tail, above) {
		return true, afterStart
	}
	if p > f.board.Flushed {
		return false, afterStart
	}
	flushed, _ := f.look(MonthOf(p), w.Key)
	return slices.ContainsFunc(flushed, above), afterStart
}

// after returns the time of the first stored observation of the offer above e. On the board that is the least of those above;
// none accepted now is, since items are applied least first. A flushed one may come before it, so months are read from e's
// own on until one has such an observation.
func (f *fold) after(w *working, e Observation) (t price.Timestamp, ok bool) {
	next := w.Current
	consider := func(observations []Observation) (found bool) {
		for _, o := range observations {
			if Compare(w.Key, o, e) > 0 {
				found = true
				if Compare(w.Key, o, next) < 0 {
					next = o
				}
			}
		}
		return found
	}
	consider(w.Tail)
	if e.ObservedAt > f.board.Flushed {
		return next.ObservedAt, true
	}
	last := MonthOf(min(f.board.Flushed, next.ObservedAt))
	for m := MonthOf(e.ObservedAt); m <= last; m = m.next() {
		observations, loaded := f.look(m, w.Key)
		if !loaded {
			return 0, false
		}
		if consider(observations) {
			break
		}
	}
	return next.ObservedAt, true
}

// close builds the next board.
func (f *fold) close(flush bool, mark Mark) Board {
	next := f.board
	next.Version++
	next.Marks[next.Version%int64(len(next.Marks))] = mark
	next.Offers = make([]Offer, 0, len(f.offers))
	if flush {
		for _, o := range f.board.Offers {
			if len(o.Tail) > 0 {
				next.Flushed = max(next.Flushed, o.Tail[0].ObservedAt)
			}
		}
	}
	for _, w := range f.offers {
		o := w.Offer
		if flush {
			o.Tail = nil
		}
		o.Tail = append(slices.Clone(o.Tail), w.fresh...)
		slices.SortFunc(o.Tail, func(a, b Observation) int { return -Compare(o.Key, a, b) })
		next.Offers = append(next.Offers, o)
	}
	slices.SortFunc(next.Offers, func(a, b Offer) int { return strings.Compare(KeyText(a.Key), KeyText(b.Key)) })
	next.Grown = next.grown(f.added)
	return next
}

// History holds flushed observations by month. The zero value is empty; a month counts as known once added, even
// with no segments.
type History struct {
	months map[Month]map[string][]Observation
}

// Add makes a month known and adds the observations of its segments. Several segments may hold the same observation; it counts
// once.
func (h *History) Add(m Month, segments ...[]SegmentOffer) {
	if h.months == nil {
		h.months = map[Month]map[string][]Observation{}
	}
	if h.months[m] == nil {
		h.months[m] = map[string][]Observation{}
	}
	for _, offers := range segments {
		for _, o := range offers {
			text := KeyText(o.Key)
			h.months[m][text] = append(h.months[m][text], o.Observations...)
		}
	}
}

func (h *History) find(m Month, key price.OfferKey) (observations []Observation, loaded bool) {
	if h == nil {
		return nil, false
	}
	offers, loaded := h.months[m]
	return offers[KeyText(key)], loaded
}

// Row is one observation of a product's history.
type Row struct {
	Key         price.OfferKey
	Observation Observation
}

// CompareRows orders history: by observedAt, then offer key, then observationId.
func CompareRows(a, b Row) int {
	if c := cmp.Compare(a.Observation.ObservedAt, b.Observation.ObservedAt); c != 0 {
		return c
	}
	if c := a.Key.Compare(b.Key); c != 0 {
		return c
	}
	if a.Observation.Source.ID == b.Observation.Source.ID {
		return 0
	}
	return strings.Compare(a.Observation.ID(a.Key), b.Observation.ID(b.Key))
}
