package check

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/testkit/oracle"
	"pricing/shared/testkit/oracleof"
	"pricing/tools/chaos/history"
)

// Finding is something that must not be.
type Finding struct {
	Invariant string // "I1"
	Kind      string // what it counts as: see the Kinds
	About     string // the observationId or the key of an offer, "product <id>" or "competitor <id>": events to look at
	Text      string
}

// The kinds of findings, as a report counts them.
const (
	Lost    = "lost"    // acknowledged and not stored, or with another content
	Doubled = "doubled" // acknowledged as new twice, or stored twice with differences
	Wrong   = "wrong"   // an offer or product in a state that is not the fold of what is stored
	Phantom = "phantom" // stored and never sent, or known to be refused
	Answer  = "answer"  // an answer that is missing or untrue
	Replay  = "replay"  // a byte that a repetition changed
	Version = "version" // a version that did not grow, or an immutable item written twice
	Damaged = "damaged" // an item that cannot be read or does not fit the others
)

// String is the finding as a line.
func (f Finding) String() string { return f.Invariant + " " + f.Kind + ": " + f.Text }

// Tally counts what a run did.
type Tally struct {
	Sent     int // attempts, repetitions included
	Acked    int // observations, each once
	Answers  map[string]int
	Unknown  int // observations of which no attempt was answered for certain
	Copies   int // of observations that are stored twice, which readers merge
	Failed   int // answers that the store is damaged
	Conflict int
}

// known is what the history knows of one observation's id.
type known struct {
	contents map[string]*content
	fresh    int // how often it was acknowledged as new
}

// content is one of the contents that were sent under an id.
type content struct {
	observation              price.Observation
	sent                     []history.Event
	acked, unknown, conflict int
	urls                     map[string]bool // that were sent with it, and whether an answer with one was a success
}

// Run compares a table with a history.
func Run(events []history.Event, s Stored) ([]Finding, Tally) {
	c := checker{ids: map[string]*known{}, restored: map[string]bool{}, attempts: map[string]map[place]*span{}, stored: s,
		rows: map[string][]Row{}, tally: Tally{Answers: map[string]int{}}}
	for _, text := range s.Misfits {
		c.find("I2", Damaged, "", "%s", text)
	}
	c.read(events)
	c.presence()
	c.offers()
	c.catalogue(events)
	c.competitors(events)
	return c.findings, c.tally
}

type checker struct {
	ids      map[string]*known
	restored map[string]bool            // products, as far as the events were read
	attempts map[string]map[place]*span // those about a product
	stored   Stored
	rows     map[string][]Row // by id
	findings []Finding
	tally    Tally
}

func (c *checker) find(invariant, kind, about, format string, args ...any) {
	c.findings = append(c.findings, Finding{invariant, kind, about, fmt.Sprintf(format, args...)})
}

// outcomes are the words of an answer and the type of event that each is.
var outcomes = map[string]history.Type{
	"created": history.OK, "changed": history.OK, "unchanged": history.OK, "late": history.OK, "duplicate": history.OK, Unjudged: history.OK,
	"rejected": history.Fail, "conflict": history.Fail, "throttled": history.Info, "failed": history.Info,
}

// Unjudged is the word for what is stored by a design that cannot tell a duplicate from news.
const Unjudged = "stored"

// Type is the type of event that an outcome is. One that the API does not have says nothing.
func Type(outcome string) history.Type {
	if t, ok := outcomes[outcome]; ok {
		return t
	}
	return history.Info
}

// read takes in the events of observations, and checks that each invocation was answered once.
func (c *checker) read(events []history.Event) {
	open := map[place]history.Event{}
	for _, e := range events {
		if e.Sent.Observation == nil {
			if e.Sent.Restored != "" {
				c.restored[e.Sent.Restored] = true
			}
			continue
		}
		at := place{e.Worker, e.Request, e.Attempt, e.Item}
		k := c.ids[e.ID]
		if k == nil {
			k = &known{contents: map[string]*content{}}
			c.ids[e.ID] = k
		}
		of := k.contents[e.Content]
		if of == nil {
			of = &content{observation: *e.Sent.Observation, urls: map[string]bool{}}
			of.observation.URL = ""
			k.contents[e.Content] = of
		}
		if e.Type == history.Invoke {
			c.tally.Sent++
			c.begin(e)
			of.sent = append(of.sent, e)
			open[at] = e
			continue
		}
		if began, ok := open[at]; !ok || began.ID != e.ID {
			c.find("I5", Answer, e.ID, "an answer to what was not sent: %s", e)
		}
		delete(open, at)
		c.end(e)
		c.answer(k, of, e)
	}
	for _, e := range open {
		c.find("I5", Answer, e.ID, "no answer to %s", e)
	}
}

// answer takes in what a client heard of an observation.
func (c *checker) answer(k *known, of *content, e history.Event) {
	c.tally.Answers[e.Verdict]++
	if _, ok := outcomes[e.Verdict]; !ok && e.Verdict != history.Killed && !strings.HasPrefix(e.Verdict, history.Error) {
		c.find("I5", Answer, e.ID, "no outcome of the API: %s", e)
	}
	mine := e.ID + " " + e.Content
	switch e.Type {
	case history.OK:
		of.acked++
		of.urls[e.URL] = true
		if e.Verdict != "duplicate" && e.Verdict != Unjudged {
			k.fresh++
		}
		if e.Answered != "" && e.Answered != mine && e.Answered != e.ID {
			c.find("I5", Answer, e.ID, "the answer is about %s: %s", e.Answered, e)
		}
	case history.Fail:
		if e.Verdict == "conflict" {
			of.conflict++
			if e.Answered == mine {
				c.find("I5", Answer, e.ID, "a conflict with itself: %s", e)
			}
		}
	case history.Info:
		of.unknown++
		if _, ok := of.urls[e.URL]; !ok { // a success stays one
			of.urls[e.URL] = false
		}
		if e.Verdict == "failed" {
			c.tally.Failed++
			if !c.restored[of.observation.Key.ProductID] {
				c.find("I5", Answer, e.ID, "the store says that it is damaged: %s", e)
			}
		}
	}
}

// presence compares what is stored with what was sent and acknowledged: I1, I4, and what was stored twice.
func (c *checker) presence() {
	for _, row := range c.stored.Rows {
		id := row.Observation.ID()
		row.content = history.Content(row.Observation)
		c.rows[id] = append(c.rows[id], row)
	}
	for id, rows := range c.rows {
		c.copies(id, rows)
		for _, row := range rows {
			c.sent(id, row)
		}
	}
	for id, k := range c.ids {
		acked, unknown := false, false
		for name, of := range k.contents {
			unknown = unknown || of.unknown > 0
			if of.acked > 0 {
				acked = true
				c.isStored(id, name, of)
			}
		}
		if acked {
			c.tally.Acked++
		} else {
			c.tally.Unknown++
		}
		if k.fresh == 0 && acked && !unknown && c.stored.Folded && !c.ofRestored(k) && !c.forgotten(k) {
			c.find("I5", Answer, id, "%s: a duplicate, though no attempt may have stored it first", id)
		}
		if k.fresh > 1 {
			c.find("I5", Doubled, id, "%s: acknowledged as new %d times", id, k.fresh)
		}
	}
}

// ofRestored reports whether an observation's product was restored. A restored board has no marks, so a writer whose answer was lost
// does not know its own write again and finds what it has stored.
func (c *checker) ofRestored(k *known) bool {
	for _, of := range k.contents {
		return c.restored[of.observation.Key.ProductID]
	}
	return false
}

// place is where an event stands among those of its worker.
type place struct{ worker, request, attempt, item int }

// span is the part of the history, by Seq, in which an attempt may have written. One whose outcome is unknown has no end, since what it
// wrote may land late.
type span struct {
	began, end int
	unknown    bool
}

// attempt is the place of an event's attempt, of all its items.
func attempt(e history.Event) place {
	return place{worker: e.Worker, request: e.Request, attempt: e.Attempt}
}

// begin takes in that an attempt about a product has begun.
func (c *checker) begin(e history.Event) {
	product := e.Sent.Observation.Key.ProductID
	if c.attempts[product] == nil {
		c.attempts[product] = map[place]*span{}
	}
	if at := attempt(e); c.attempts[product][at] == nil {
		c.attempts[product][at] = &span{began: e.Seq, end: math.MaxInt}
	}
}

// end takes in that an attempt has heard of one of its items.
func (c *checker) end(e history.Event) {
	s := c.attempts[e.Sent.Observation.Key.ProductID][attempt(e)]
	s.unknown = s.unknown || e.Type == history.Info
	s.end = e.Seq
	if s.unknown {
		s.end = math.MaxInt
	}
}

// forgotten reports whether an attempt with this id may have been overtaken by so many versions that the board had no place for its
// mark any more. A writer whose answer was lost does not know its own write again then, and finds what it has stored. Each other
// attempt makes one version of a board, and so does a split.
func (c *checker) forgotten(k *known) bool {
	for _, of := range k.contents {
		product := of.observation.Key.ProductID
		for _, e := range of.sent {
			mine := c.attempts[product][attempt(e)]
			versions := c.stored.Splits[product]
			for _, other := range c.attempts[product] {
				if other != mine && other.began < mine.end && other.end > mine.began {
					versions++
				}
			}
			if versions >= len(board.Marks{}) {
				return true
			}
		}
	}
	return false
}

// copies compares the rows of one observation with each other.
func (c *checker) copies(id string, rows []Row) {
	c.tally.Copies += len(rows) - 1
	for _, other := range rows[1:] {
		first := rows[0]
		first.Where = other.Where
		if first != other {
			c.find("I4", Doubled, id, "%s: stored twice with differences, in %s and %s", id, rows[0].Where, other.Where)
		}
	}
}

// sent checks that a stored observation was sent so, and not known to be refused.
func (c *checker) sent(id string, row Row) {
	of := c.content(id, row)
	switch {
	case of == nil:
		c.find("I4", Phantom, id, "%s: stored in %s with a content that nobody sent: %+v", id, row.Where, row.Observation)
	case of.conflict > 0:
		c.find("I5", Phantom, id, "%s: stored in %s with the content %s, which was refused as a conflict", id, row.Where, row.content)
	case of.acked+of.unknown == 0:
		c.find("I4", Phantom, id, "%s: stored in %s, but every attempt was refused", id, row.Where)
	case !slices.ContainsFunc(of.sent, func(e history.Event) bool {
		return (row.Client == "" || e.Client == row.Client) && (row.Received == 0 || e.Received == 0 || e.Received == row.Received)
	}):
		c.find("I4", Phantom, id, "%s: stored in %s as received at %s from %s, where nobody sent it", id, row.Where, row.Received, row.Client)
	}
}

func (c *checker) isStored(id, name string, of *content) {
	rows := c.rows[id]
	if len(rows) == 0 {
		c.find("I1", Lost, id, "%s of %s: acknowledged and not stored", id, OfferText(of.observation.Key))
	}
	for _, row := range rows {
		if row.Observation != of.observation {
			c.find("I1", Lost, id, "%s: acknowledged with the content %s, stored in %s with another", id, name, row.Where)
		}
	}
}

// offers compares each offer with the fold of what is stored of it.
func (c *checker) offers() {
	byKey := map[price.OfferKey]map[string]price.Observation{}
	for id, rows := range c.rows {
		for _, row := range rows {
			k := row.Observation.Key
			if byKey[k] == nil {
				byKey[k] = map[string]price.Observation{}
			}
			byKey[k][id] = row.Observation
		}
	}
	seen := map[price.OfferKey]bool{}
	for _, o := range c.stored.Offers {
		k := o.Current.Key
		if seen[k] {
			c.find("I2", Wrong, OfferText(k), "offer %s: stands twice, the second time in %s", OfferText(k), o.Where)
		}
		seen[k] = true
		c.offer(o, slices.Collect(maps.Values(byKey[k])))
	}
	for k := range byKey {
		if !seen[k] && c.stored.Folded {
			c.find("I2", Wrong, OfferText(k), "offer %s: has observations and stands on no board", OfferText(k))
		}
	}
	c.bounds()
	c.offerURLs()
}

// offerURLs compares each offer's url with those that were sent for what is stored of it: that of the acknowledged ones, or of one of
// which nothing is known and that comes after it.
func (c *checker) offerURLs() {
	acked := map[price.OfferKey][]oracle.Observation{}
	unknown := map[price.OfferKey][]oracle.Observation{}
	for id, rows := range c.rows {
		of := c.content(id, rows[0])
		if of == nil {
			continue // a phantom
		}
		for url, success := range of.urls {
			o := of.observation
			o.URL = url
			if success {
				acked[o.Key] = append(acked[o.Key], oracleof.Observation(o))
			} else {
				unknown[o.Key] = append(unknown[o.Key], oracleof.Observation(o))
			}
		}
	}
	for _, o := range c.stored.Offers {
		k := o.Current.Key
		least := oracle.URL(acked[k])
		may := []string{least}
		for _, u := range unknown[k] {
			may = append(may, oracle.URL(append(slices.Clone(acked[k]), u)))
		}
		if !slices.Contains(may, o.URL) && c.stored.Folded {
			c.find("I2", Wrong, OfferText(k), "offer %s: its url is %q, want %q", OfferText(k), o.URL, least)
		}
	}
}

// content is what the history knows of a stored row; nil: nothing.
func (c *checker) content(id string, row Row) *content {
	if k := c.ids[id]; k != nil {
		return k.contents[row.content]
	}
	return nil
}

// offer compares an offer with its observations.
func (c *checker) offer(o Offer, observations []price.Observation) {
	name := OfferText(o.Current.Key)
	if len(observations) == 0 {
		c.find("I2", Wrong, name, "offer %s: in %s, without an observation", name, o.Where)
		return
	}
	if !c.stored.Folded {
		return
	}
	plain := make([]oracle.Observation, len(observations))
	byID := map[string]price.Observation{}
	for i, e := range observations {
		plain[i] = oracleof.Observation(e)
		byID[plain[i].ID] = e
	}
	want := oracle.Fold(plain)
	if current := byID[want.Current.ID]; current != o.Current {
		c.find("I2", Wrong, name, "offer %s: current is %s of %s, want %s of %s", name, o.Current.ID(), o.Current.ObservedAt,
			want.Current.ID, current.ObservedAt)
	}
	derived := Derived{FirstSeen: price.At(want.FirstSeen), LastChanged: price.At(want.LastChanged), PreviousAt: price.NoTime}
	if want.Previous != nil {
		derived.PreviousAt = price.At(want.Previous.At)
		derived.PreviousPrice = byID[want.Previous.ID].Terms.Price
	}
	if derived != o.Derived {
		c.find("I2", Wrong, name, "offer %s: firstSeen, lastChanged, previous are %+v, want %+v", name, o.Derived, derived)
	}
}

// bounds compares each offer with the history alone: at least the greatest observation that was acknowledged, at most the greatest
// that was sent.
func (c *checker) bounds() {
	type span struct{ least, most *price.Observation }
	spans := map[price.OfferKey]*span{}
	for _, k := range c.ids {
		for _, of := range k.contents {
			s := spans[of.observation.Key]
			if s == nil {
				s = &span{}
				spans[of.observation.Key] = s
			}
			if of.acked > 0 && (s.least == nil || Compare(of.observation, *s.least) > 0) {
				s.least = &of.observation
			}
			if of.acked+of.unknown > 0 && (s.most == nil || Compare(of.observation, *s.most) > 0) {
				s.most = &of.observation
			}
		}
	}
	for _, o := range c.stored.Offers {
		name := OfferText(o.Current.Key)
		s := spans[o.Current.Key]
		switch {
		case s == nil || s.most == nil:
			c.find("I4", Phantom, name, "offer %s: nobody sent it", name)
		case s.least != nil && Compare(o.Current, *s.least) < 0:
			c.find("I2", Wrong, name, "offer %s: current is %s of %s, though %s of %s was acknowledged", name, o.Current.ID(),
				o.Current.ObservedAt, s.least.ID(), s.least.ObservedAt)
		case Compare(o.Current, *s.most) > 0:
			c.find("I2", Wrong, name, "offer %s: current is %s, greater than all that was sent", name, o.Current.ID())
		}
		delete(spans, o.Current.Key)
	}
	for k, s := range spans {
		if s.least != nil {
			c.find("I2", Wrong, OfferText(k), "offer %s: acknowledged and not stored", OfferText(k))
		}
	}
}

// Compare orders observations of one offer as the oracle does.
func Compare(a, b price.Observation) int {
	return oracle.ByRecency(oracleof.Observation(a), oracleof.Observation(b))
}

// OfferText names an offer for people and histories.
func OfferText(k price.OfferKey) string { return k.ProductID + "|" + oracleof.Key(k).String() }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Same compares the tables before and after a replay, byte by byte: I3.
func Same(before, after Stored) []Finding {
	var findings []Finding
	for _, key := range slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, items := range []map[string]string{before.Items, after.Items} {
			for key := range items {
				if !yield(key) {
					return
				}
			}
		}
	})) {
		if a, b := before.Items[key], after.Items[key]; a != b {
			findings = append(findings, Finding{"I3", Replay, "", fmt.Sprintf("%s: the replay made %s of %s", key, cmp.Or(b, "nothing"),
				cmp.Or(a, "nothing"))})
		}
	}
	return findings
}
