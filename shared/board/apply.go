package board

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"pricing/shared/price"
)

// Outcome is what became of one observation. The API has three more (rejected, throttled, failed), which are not decided here.
type Outcome uint8

// The outcomes that a board decides.
const (
	Created Outcome = iota
	Changed
	Unchanged
	Late
	Duplicate
	Conflict
	NoRoom // the offer would be one too many; the API calls it rejected
)

// String returns the word of the API.
func (o Outcome) String() string {
	return [...]string{"created", "changed", "unchanged", "late", "duplicate", "conflict", "rejected"}[o]
}

// How many offers there may be at most. The offers of a product that is not split yet are bounded by the items of a request,
// since the next writer splits it.
const (
	MaxOffers      = 5000 // of a product
	MaxShardOffers = 200  // of a shard: a safe distance from an item's 400 KB, whatever the offers hold
)

// Incoming is an observation about to be stored. The order of a slice of them is the order of the request.
type Incoming struct {
	Key         price.OfferKey
	Observation Observation
	URL         string // empty: none was sent
}

// Request is what all observations of a request have in common.
type Request struct {
	Clock price.Clock
	Mark  Mark // written for the new version
	Room  int  // how many offers the product may get at most
}

// Result is what became of one Incoming.
type Result struct {
	Outcome Outcome
	Current bool        // it is the offer's current observation now
	Differs []string    // Conflict: pointers of the content fields that differ from the stored one
	Stored  Observation // the observation as stored; for Duplicate and Conflict the earlier one
	Offer   Offer       // the offer after the whole request, without its tail; its times are NoTime when the board has none
}

// Change is the outcome of Apply.
type Change struct {
	Results  []Result    // one for each Incoming, same order
	Created  int         // offers that are new
	Write    bool        // there is something new, and all that follows must be stored
	URLs     []URLChange // to be made before Next is written
	Segments []Segment   // to be put before Next is written
	Next     Board
	Packed   Packed // Next
}

// Apply folds observations of one product into its board.
//
// Until history holds all it has to know, it returns the spans of time it needs and no change. Those are the moments of late
// observations at or before b.Flushed, which may be duplicates of flushed ones, and the time in which the start of a broken
// run has to be found. b is not changed.
func Apply(b Board, in []Incoming, r Request, history *History) (Change, []Span) {
	f := fold{board: b, request: r, history: history, offers: make(map[string]*working, len(b.Offers)), dropped: b.Dropped,
		sent: map[URLName]string{}}
	f.open()
	results := make([]Result, len(in))
	for _, text := range f.group(in) {
		f.apply(text, in, results)
	}
	if len(f.need) > 0 {
		return Change{}, joined(f.need)
	}
	c := Change{Results: results, Created: f.created, Next: b}
	urls := f.urls()
	for i := range results {
		w := f.offers[KeyText(in[i].Key)]
		results[i].Offer = w.Offer
		results[i].Offer.Tail = nil
		results[i].Current = w.Current.identity() == results[i].Stored.identity() && results[i].Outcome < Conflict
	}
	if f.added == 0 && !f.carried {
		return c, nil
	}
	c.Write = true
	c.URLs = urls
	if due := b.FlushDue(); due || f.tailGoes {
		c.Segments = b.segments(due)
	}
	c.Next, c.Packed = f.close(c.Segments)
	return c, nil
}

// working is an offer to which observations are being applied.
type working struct {
	Offer
	stored URL           // as the board has it
	fresh  []Observation // accepted now
	items  []int         // indexes of the request that concern it
}

// newOffer is an offer without an observation.
func newOffer(key price.OfferKey) Offer {
	return Offer{Key: key, Current: Observation{ObservedAt: price.NoTime}, FirstSeen: price.NoTime, RunStart: price.NoTime, Previous: none}
}

// exists reports whether the board has the offer, or gets it now.
func (w *working) exists() bool { return w.Current.ObservedAt != price.NoTime }

type fold struct {
	board   Board
	request Request
	history *History
	offers  map[string]*working // by key text
	sent    map[URLName]string  // urls of the request that were looked at
	need    []Span
	added   int
	created int
	carried bool // an offer's url, or whose it is, has changed

	live     int             // offers that the board keeps
	dropped  price.Timestamp // newest observedAt of any offer that was ever dropped
	tailGoes bool            // an offer that is dropped now has observations that stand nowhere else
}

// open takes over the board's offers, without those that nobody has seen within the retention.
func (f *fold) open() {
	live := f.board.Live(f.request.Clock)
	f.live = len(live)
	for _, o := range live {
		f.offers[KeyText(o.Key)] = &working{Offer: o, stored: o.URL}
	}
	if len(live) == len(f.board.Offers) {
		return
	}
	for _, o := range f.board.Offers {
		if f.offers[KeyText(o.Key)] == nil {
			f.dropped = max(f.dropped, o.Current.ObservedAt)
			f.tailGoes = f.tailGoes || len(o.Tail) > 0
		}
	}
}

// group notes for each offer which items concern it and returns the key texts in order.
func (f *fold) group(in []Incoming) []string {
	var texts []string
	for i := range in {
		text := KeyText(in[i].Key)
		w := f.offers[text]
		if w == nil {
			w = &working{Offer: newOffer(in[i].Key)}
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
		if r := results[first[in[i].Observation.identity()]]; r.Outcome == NoRoom {
			results[i] = r
		} else {
			results[i] = repeated(r.Stored, in[i].Observation)
		}
	}
	for _, i := range w.items {
		of := in[i].Observation.Order()
		if w.exists() && results[i].Outcome < Conflict && of.Compare(w.Key, w.Current.Order()) <= 0 { // else of a dropped offer
			name := NameURL(w.Key, in[i].URL)
			f.sent[name] = in[i].URL
			w.URL = w.URL.Carry(w.Key, of, name)
		}
	}
}

// urls notes whether an offer's url, or whose it is, has changed, and lists what that changes beside the board.
func (f *fold) urls() []URLChange {
	var changes []URLChange
	for _, text := range slices.Sorted(maps.Keys(f.offers)) {
		w := f.offers[text]
		f.carried = f.carried || w.URL != w.stored
		if w.URL.Name != w.stored.Name {
			var c URLChange
			w.URL, c = w.URL.change(w.stored, f.sent[w.URL.Name])
			changes = append(changes, c)
		}
	}
	return changes
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
	if e.ObservedAt <= min(f.board.Flushed, max(w.Current.ObservedAt, f.dropped)) {
		observations, loaded := f.look(Span{e.ObservedAt, e.ObservedAt}, w.Key)
		if !loaded {
			return Result{}
		}
		for _, stored := range observations {
			if stored.identity() == e.identity() {
				return repeated(stored, e)
			}
		}
	}
	if !w.exists() {
		if f.created >= f.request.Room || f.board.Shard.N > 0 && f.live+f.created >= MaxShardOffers {
			return Result{Outcome: NoRoom}
		}
		f.created++
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

// look returns the flushed observations of an offer in a span, and perhaps others. When the history does not hold the span yet,
// loaded is false and the span is asked for.
func (f *fold) look(s Span, key price.OfferKey) (observations []Observation, loaded bool) {
	observations, loaded = f.history.find(s, key)
	if !loaded {
		f.need = append(f.need, s)
	}
	return observations, loaded
}

// accept repairs the offer's derived fields for an observation that is new to it.
func (f *fold) accept(w *working, e Observation) Outcome {
	if !w.exists() || Compare(w.Key, e, w.Current) > 0 {
		return w.newer(e)
	}
	f.late(w, e)
	return Late
}

// newer takes in an observation that comes after all others of the offer, or is its first.
func (o *Offer) newer(e Observation) Outcome {
	outcome := Unchanged
	switch {
	case o.Current.ObservedAt == price.NoTime:
		o.FirstSeen = e.ObservedAt
		o.RunStart = e.ObservedAt
		outcome = Created
	case e.Terms != o.Current.Terms:
		o.Previous = Previous{At: o.Current.ObservedAt, Price: o.Current.Terms.Price}
		o.RunStart = e.ObservedAt
		outcome = Changed
	}
	o.Current = e
	return outcome
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
// are. None of those accepted now is above e, since items are applied least first. The flushed ones are known, since that
// millisecond was loaded to look for a duplicate. In the millisecond of the run's first observation it makes no difference
// whether e stands before or after it.
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
	flushed, _ := f.look(Span{p, p}, w.Key)
	return slices.ContainsFunc(flushed, above), afterStart
}

// searched is how far the search for the start of a broken run goes at first. It goes four times as far each time.
const searched = 24 * time.Hour

// after returns the time of the first stored observation of the offer above e. On the board that is the least of those above;
// none accepted now is, since items are applied least first. A flushed one may come before it, so time is searched from e's
// own on until one is found.
func (f *fold) after(w *working, e Observation) (t price.Timestamp, ok bool) {
	next := w.Current
	consider := func(observations []Observation, to price.Timestamp) (found bool) {
		for _, o := range observations {
			if o.ObservedAt <= to && Compare(w.Key, o, e) > 0 {
				found = true
				if Compare(w.Key, o, next) < 0 {
					next = o
				}
			}
		}
		return found
	}
	consider(w.Tail, next.ObservedAt)
	from := e.ObservedAt
	last := min(f.board.Flushed, next.ObservedAt)
	for width := searched; from <= last; width *= 4 {
		to := min(from.Add(width), last)
		observations, loaded := f.look(Span{from, to}, w.Key)
		if !loaded {
			return 0, false
		}
		if consider(observations, to) {
			break
		}
		from = to + 1
	}
	return next.ObservedAt, true
}

// close builds the next board, whose old tail is in the segments if there are any, and packs it.
func (f *fold) close(segments []Segment) (Board, Packed) {
	next := f.board
	next.Version++
	next.Marks[next.Version%int64(len(next.Marks))] = f.request.Mark
	next.Dropped = f.dropped
	next.Offers = make([]Offer, 0, len(f.offers))
	for _, s := range segments {
		next.Flushed = max(next.Flushed, s.High)
		if s.Late {
			next.Late = max(next.Late, s.High)
		}
	}
	for _, w := range f.offers {
		if !w.exists() {
			continue // it was only looked for
		}
		o := w.Offer
		if len(segments) > 0 {
			o.Tail = nil
		}
		o.Tail = append(slices.Clone(o.Tail), w.fresh...)
		slices.SortFunc(o.Tail, func(a, b Observation) int { return -Compare(o.Key, a, b) })
		next.Offers = append(next.Offers, o)
	}
	slices.SortFunc(next.Offers, func(a, b Offer) int { return strings.Compare(KeyText(a.Key), KeyText(b.Key)) })
	return next.pack(f.added)
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
