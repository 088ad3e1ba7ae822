package boardtest

import (
	"fmt"
	"slices"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/testkit/oracle"
	"pricing/shared/testkit/oracleof"
)

// Ledger knows from the oracle what has to come of a case's requests, and notes what happened.
type Ledger struct {
	Events   map[Event]bool
	Accepted [][]price.Observation // by phase: what was stored and what repeated it, perhaps with another url

	market oracle.Market
	urls   map[oracle.Key][]string // those that each offer had, one after the other
	firsts map[string]Receipt      // of what is stored, by id
	now    price.Timestamp
}

// Receipt is when an observation was received, and from which client. What is stored keeps its first one.
type Receipt struct {
	At     price.Timestamp
	Client string
}

// ReceiptOf returns that of a stored observation.
func ReceiptOf(e board.Observation) Receipt { return Receipt{e.ReceivedAt, e.Client} }

// NewLedger returns a ledger for a case.
func NewLedger(c Case) *Ledger {
	return &Ledger{
		Events: map[Event]bool{}, market: oracle.Market{Retention: c.Retention},
		urls: map[oracle.Key][]string{}, firsts: map[string]Receipt{},
	}
}

// Begin starts a phase.
func (l *Ledger) Begin(p Phase) {
	l.now = p.Now
	l.Accepted = append(l.Accepted, nil)
}

// Expected is what has to come of one observation.
type Expected struct {
	Outcome string
	Stored  oracle.Observation
	Receipt Receipt // of what is stored
	Current bool    // it is the offer's newest after the whole request
}

// Record takes the next request of the phase and returns what has to come of each observation.
func (l *Ledger) Record(request Request) []Expected {
	sent := make([]oracle.Observation, len(request.Observations))
	for i, o := range request.Observations {
		sent[i] = oracleof.Observation(o)
	}
	gone := l.market.Gone(l.now.Time())
	results := l.market.Record(l.now.Time(), sent)
	expected := make([]Expected, len(results))
	wrote := false
	last := len(l.Accepted) - 1
	for i, r := range results {
		if r.Outcome != "conflict" {
			l.Accepted[last] = append(l.Accepted[last], request.Observations[i])
		}
		switch r.Outcome {
		case "conflict":
			l.Events[Conflict] = true
		case "duplicate":
			l.Events[Duplicate] = true
			l.Events[DuplicateOfAnother] = l.Events[DuplicateOfAnother] || l.firsts[r.Stored.ID].Client != request.Client
		default:
			wrote = true
			l.firsts[r.Stored.ID] = Receipt{l.now, request.Client}
			l.note(r, slices.Contains(gone, r.Stored.Key))
		}
		expected[i] = Expected{Outcome: r.Outcome, Stored: r.Stored, Receipt: l.firsts[r.Stored.ID]}
	}
	for i, r := range results {
		offer, _ := l.market.Offer(r.Stored.Key)
		expected[i].Current = offer.Current.ID == r.Stored.ID && r.Outcome != "conflict"
	}
	l.noteURLs(results)
	if wrote && len(gone) > 0 {
		l.Events[OfferGone] = true
	}
	return expected
}

// note notes which events a newly stored observation is.
func (l *Ledger) note(r oracle.Result, wasGone bool) {
	if r.Outcome == "created" && wasGone {
		l.Events[StartedAfresh] = true
	}
	if r.Before == nil {
		return
	}
	if before := r.Before; r.Outcome == "late" {
		first := before.LastChanged // of the current run
		switch previous := before.Previous; {
		case r.Stored.At.Equal(first) || previous != nil && r.Stored.At.Equal(previous.At):
			l.Events[LateInThatMillisecond] = true
		case r.Stored.At.After(first):
			l.Events[LateAfterRunStart] = true
		case previous == nil:
		case r.Stored.At.Before(previous.At):
			l.Events[LateBeforePrevious] = true
		default:
			l.Events[LateBetween] = true
		}
	}
}

// noteURLs notes what a request did to the urls of its offers.
func (l *Ledger) noteURLs(results []oracle.Result) {
	stored := map[oracle.Key]bool{} // whether anything new of the offer was
	for _, r := range results {
		stored[r.Stored.Key] = stored[r.Stored.Key] || r.Outcome != "duplicate" && r.Outcome != "conflict"
	}
	for k, anything := range stored {
		offer, _ := l.market.Offer(k)
		had := l.urls[k]
		if offer.URL == "" || len(had) > 0 && had[len(had)-1] == offer.URL {
			continue
		}
		l.urls[k] = append(had, offer.URL)
		l.Events[URLChanged] = l.Events[URLChanged] || len(had) > 0
		l.Events[URLBack] = l.Events[URLBack] || slices.Contains(had, offer.URL)
		l.Events[URLOfRepetition] = l.Events[URLOfRepetition] || !anything
	}
}

// Flushed notes how often a board was flushed, and whether any of it went into late segments.
func (l *Ledger) Flushed(flushes int, late bool) {
	l.Events[TwoFlushes] = l.Events[TwoFlushes] || flushes > 1
	l.Events[LateSegment] = l.Events[LateSegment] || late
}

// Splits notes how often the product was split.
func (l *Ledger) Splits(times int) {
	l.Events[Split] = l.Events[Split] || times > 0
	l.Events[Doubling] = l.Events[Doubling] || times > 1
}

// Differences compares offers that are not gone and the rows of the whole retention with what they have to be.
func (l *Ledger) Differences(offers []board.Offer, rows []board.Row) []string {
	var wrong []string
	differs := func(what string, want, got any) {
		wrong = append(wrong, fmt.Sprintf("%s: want %v, got %v", what, want, got))
	}
	want := l.market.Offers(l.now.Time())
	if len(want) != len(offers) {
		differs("offers", len(want), len(offers))
	}
	byKey := map[oracle.Key]board.Offer{}
	for _, o := range offers {
		byKey[oracleof.Key(o.Key)] = o
	}
	ties := map[string]bool{}
	for _, w := range want {
		o, ok := byKey[w.Current.Key]
		if !ok {
			differs("offer "+w.Current.String(), "one", "none")
			continue
		}
		wrong = append(wrong, offerDifferences(w, o)...)
	}
	history := l.market.History(l.now.Time())
	if len(history) != len(rows) {
		differs("rows", len(history), len(rows))
		return wrong
	}
	for i, w := range history {
		got := plain(rows[i].Key, rows[i].Observation)
		got.ID = rows[i].Observation.ID(rows[i].Key)
		if !same(w, got) {
			differs(fmt.Sprintf("row %d", i), w, got)
		}
		tie := w.String() + oracle.Stamp(w.At)
		l.Events[Tie] = l.Events[Tie] || ties[tie]
		ties[tie] = true
	}
	return wrong
}

// Receipts compares rows with when, and from which client, each was first received.
func (l *Ledger) Receipts(rows []board.Row) []string {
	var wrong []string
	for _, row := range rows {
		id := row.Observation.ID(row.Key)
		if want, got := l.firsts[id], ReceiptOf(row.Observation); want != got {
			wrong = append(wrong, fmt.Sprintf("receipt of %s: want %v, got %v", id, want, got))
		}
	}
	return wrong
}

// Offer compares an offer, gone or not, with what it has to be.
func (l *Ledger) Offer(o board.Offer) []string {
	want, ok := l.market.Offer(oracleof.Key(o.Key))
	if !ok {
		return []string{fmt.Sprintf("offer %v: want none", o.Key)}
	}
	return offerDifferences(want, o)
}

func offerDifferences(want oracle.Offer, o board.Offer) []string {
	var wrong []string
	differs := func(what string, want, got any) {
		wrong = append(wrong, fmt.Sprintf("%s of %v: want %v, got %v", what, o.Key, want, got))
	}
	if got := plain(o.Key, o.Current); !same(want.Current, got) {
		differs("current", want.Current, got)
	}
	previous := price.NoTime
	if want.Previous != nil {
		previous = price.At(want.Previous.At)
	}
	if got := oracleof.Money(o.Previous.Price); (got == nil) != (want.PreviousPrice == nil) || got != nil && *got != *want.PreviousPrice {
		differs("previous price", want.PreviousPrice, got)
	}
	derived := []any{price.At(want.FirstSeen), price.At(want.LastChanged), previous}
	if got := []any{o.FirstSeen, o.RunStart, o.Previous.At}; !slices.Equal(derived, got) {
		differs("first seen, run's start and previous", derived, got)
	}
	if got := board.NameURL(o.Key, want.URL); got != o.URL.Name {
		differs("url", fmt.Sprintf("%q, which is %x", want.URL, got), fmt.Sprintf("%x", o.URL.Name))
	}
	return wrong
}

func same(a, b oracle.Observation) bool {
	return a.ID == b.ID && a.Key == b.Key && a.At.Equal(b.At) && a.Source == b.Source && oracle.SameContent(a, b)
}

// Same reports whether an observation is the stored observation it has to be.
func (*Ledger) Same(want oracle.Observation, key price.OfferKey, e board.Observation) bool {
	return same(want, plain(key, e))
}

// plain returns a stored observation as the oracle has it.
func plain(k price.OfferKey, e board.Observation) oracle.Observation {
	return oracleof.Row(board.Row{Key: k, Observation: e})
}

// Oldest returns the oldest moment that has not left the retention.
func (l *Ledger) Oldest() price.Timestamp { return l.now.Add(-l.market.Retention) }
