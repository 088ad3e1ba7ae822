package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/tools/internal/history"
)

type item = map[string]types.AttributeValue

// allLate makes all segments late ones. If a writer comes first, they stay beside what that one flushes from the same tail, and must
// not be among those that never overlap: a look-up would take them for all there is, and miss what only the other segment has.
const allLate = price.Timestamp(math.MaxInt64)

// A segment that a flush makes has some 30 observations.
const observationsASegment = 60

// plan is what has to be done to a product, and why.
type plan struct {
	product     string
	old         []item // that stand in the table
	replacement store.Replacement
	shards      int   // 0: the board is not split
	version     int64 // of the new boards
	was         int64 // the greatest that stands anywhere

	both, tableOnly, copyOnly int      // observations
	added                     int      // that are to be written
	offers                    []string // what becomes other than it is on the table's boards
	unknown                   []string // segments of the table that their boards do not know of
	problems                  []string // what cannot be read, of either table
	lost                      []string // what only an unreadable board held
}

// needed reports whether there is anything to restore.
func (p *plan) needed() bool {
	return p.copyOnly > 0 || len(p.problems) > 0 || len(p.offers) > 0 || len(p.unknown) > 0
}

// newPlan compares what a table has of a product with what a copy has.
func newPlan(product string, table, from []item, clock price.Clock) *plan {
	p := &plan{product: product, old: table}
	mine := read(product, table)
	theirs := read(product, from)
	p.describeProblems("the table", mine)
	p.describeProblems("the copy", theirs)

	all := read(product, slices.Concat(table, from)) // decoded once more: merging takes its memory over
	merged := all.Merge()
	rows := rowsOf(&merged)
	for _, problem := range merged.Problems {
		p.problems = append(p.problems, problem.What+"; the one that was received first is kept")
	}
	p.count(rows, mine.identities(), theirs.identities())

	d := p.structure(mine, theirs)
	p.was = greatestVersion(table, from)
	p.version = p.was + 2
	p.unknown = unknown(mine)
	p.boards(rows, mine, theirs, d, clock)
	p.describeOffers(mine)
	p.findLost(table, rows)
	return p
}

// partition is what a table has of a product.
type partition struct {
	history.Partition
	segments []store.SegmentItem
	urls     map[board.URLName]string
}

func read(product string, items []item) *partition {
	p := &partition{Partition: history.Partition{Key: store.ProductPartition(product)}, urls: map[board.URLName]string{}}
	for _, it := range items {
		switch decoded := p.Add(it).(type) {
		case store.SegmentItem:
			p.segments = append(p.segments, decoded)
		case store.URLsItem:
			maps.Copy(p.urls, decoded.URLs)
		}
	}
	p.CheckWhole()
	return p
}

func (p *plan) describeProblems(where string, of *partition) {
	for _, problem := range of.Problems {
		p.problems = append(p.problems, where+": "+problem.String())
	}
}

func rowsOf(m *history.Merged) []board.Row {
	var rows []board.Row
	for o := range m.Offers() {
		for _, e := range o.Observations {
			rows = append(rows, board.Row{Key: o.Key, Observation: e})
		}
	}
	slices.SortFunc(rows, board.CompareRows)
	return rows
}

// identity tells the observations of a product apart.
type identity struct {
	key    price.OfferKey
	at     price.Timestamp
	source string
}

func identityOf(r board.Row) identity {
	return identity{r.Key, r.Observation.ObservedAt, r.Observation.Source.ID}
}

// inSegments are the observations that stand in segments, in all or in those that are wanted.
func (p *partition) inSegments(wanted func(store.SegmentItem) bool) map[identity]bool {
	known := map[identity]bool{}
	for _, s := range p.segments {
		if !wanted(s) {
			continue
		}
		for _, r := range board.Rows(nil, [][]board.SegmentOffer{s.Offers}, board.Always) {
			known[identityOf(r)] = true
		}
	}
	return known
}

// knows reports whether a segment of a board that was split since stands in what that board left behind of its flushes. That of a
// flush which was not finished does not. A writer that read this before a restoration, and a shard after it, would not find it.
func (p *partition) knows(s store.SegmentItem) bool {
	return !slices.ContainsFunc(p.Boards, func(b store.BoardItem) bool {
		return b.Shard == s.Shard && s.High > b.Directory.Flushed.Of(s.Late)
	})
}

// identities are all that stand anywhere, those that are only an offer's current one too.
func (p *partition) identities() map[identity]bool {
	known := p.inSegments(func(store.SegmentItem) bool { return true })
	for _, b := range p.Boards {
		if b.Board == nil {
			continue
		}
		for _, o := range b.Board.Offers {
			for _, e := range slices.Concat(o.Tail, []board.Observation{o.Current}) {
				known[identityOf(board.Row{Key: o.Key, Observation: e})] = true
			}
		}
	}
	return known
}

func (p *plan) count(rows []board.Row, table, from map[identity]bool) {
	for _, r := range rows {
		switch id := identityOf(r); {
		case table[id] && from[id]:
			p.both++
		case table[id]:
			p.tableOnly++
		default:
			p.copyOnly++
		}
	}
}

// structure finds out into how many shards the product is split, and was before: as the table says, or what is left of it, or else
// the copy. A whole board does not say that it never was: where the product's items were lost, the next writer begins with one. It
// must not stand beside shards, nor hold the offers of a copy that had to be split. The catalogue's part that stands nowhere in the
// table is taken from the copy.
func (p *plan) structure(mine, theirs *partition) store.Directory {
	directory := func(of *partition) (d store.Directory, ok bool) {
		for _, b := range of.Boards {
			if b.Shard.N == 0 {
				return b.Directory, true
			}
		}
		return d, false
	}
	d, readable := directory(mine)
	copied, _ := directory(theirs)
	if !readable {
		if len(mine.Boards) > 0 {
			p.problems = append(p.problems, "the table: the item \"board\" is missing or cannot be read")
		}
		d = store.Directory{Flushed: store.Flushed{Newest: price.NoTime, Late: price.NoTime}}
	}
	if d.Shards == 0 {
		d.Shards = cmp.Or(mostShards(p.old), copied.Shards)
	}
	past := map[int]bool{}
	for _, n := range d.Past {
		past[n] = true
	}
	for _, s := range mine.segments {
		if s.Shard.N > 0 && s.Shard.N < d.Shards {
			past[s.Shard.N] = true
		}
		if s.Shard.N == 0 && d.Shards > 0 { // the whole board's, which a directory remembers
			d.Flushed.Newest = max(d.Flushed.Newest, s.High)
			if s.Late {
				d.Flushed.Late = max(d.Flushed.Late, s.High)
			}
		}
	}
	d.Past = nil
	for n := 2; n < d.Shards; n *= 2 {
		if past[n] {
			d.Past = append(d.Past, n)
		}
	}
	if !d.Catalogued && copied.Catalogued && !p.keepsCatalogue() {
		p.replacement.Catalogue = &copied
	}
	p.shards = d.Shards
	return d
}

// mostShards returns how many shards the items of a product tell of at most, whether they can be read or not.
func mostShards(items []item) int {
	n := 0
	for _, it := range items {
		if _, sk := history.KeyOf(it); strings.HasPrefix(sk, "board#") {
			shard, err := board.ParseShard(strings.TrimPrefix(sk, "board#"))
			if err == nil {
				n = max(n, shard.N)
			}
		}
	}
	return n
}

// keepsCatalogue reports whether an item "board" that cannot be read has a sound part of the catalogue beside it.
func (p *plan) keepsCatalogue() bool {
	for _, it := range p.old {
		if _, sk := history.KeyOf(it); sk == "board" {
			text, ok := it[store.AttrCatalogue].(*types.AttributeValueMemberS)
			_, versioned := it[store.AttrCatalogueVersion].(*types.AttributeValueMemberN)
			if ok && versioned {
				_, err := board.ParseCatalogue(text.Value)
				return err == nil
			}
		}
	}
	return false
}

// greatestVersion is the greatest that stands anywhere, in keys of segments too.
func greatestVersion(tables ...[]item) int64 {
	greatest := int64(0)
	for _, it := range slices.Concat(tables...) {
		_, sk := history.KeyOf(it)
		texts := []string{sk[strings.LastIndexByte(sk, '#')+1:]}
		if v, ok := it[store.AttrVersion].(*types.AttributeValueMemberN); ok && sk != "product" {
			texts = append(texts, v.Value)
		}
		for _, text := range texts {
			if v, err := strconv.ParseInt(text, 10, 64); err == nil {
				greatest = max(greatest, v)
			}
		}
	}
	return greatest
}

// unknown names the segments that their board does not know of, so that no reader finds them: an older board was put back over a
// newer one, or a restoration did not come to its end. A flush that did not makes such ones too, but its tail still has all of it.
func unknown(mine *partition) []string {
	var names []string
	for _, s := range mine.segments {
		for _, b := range mine.Boards {
			if b.Shard != s.Shard {
				continue
			}
			version := b.Directory.Version
			newest := b.Directory.Flushed.Of(s.Late)
			if (s.High > newest || s.Version > version) && (b.Board == nil || !s.InTail(*b.Board)) {
				names = append(names, fmt.Sprintf("a segment of shard %s up to %s, version %d; the board has version %d and was flushed up to %s",
					s.Shard, s.High, s.Version, version, newest))
			}
		}
	}
	return names
}

// boards makes the new boards. Their tails are empty: all that stands in no segment of the table goes into new ones.
func (p *plan) boards(rows []board.Row, mine, theirs *partition, d store.Directory, clock price.Clock) {
	n := max(p.shards, 1)
	inSegments := mine.inSegments(func(s store.SegmentItem) bool { return s.Shard.N == p.shards || mine.knows(s) })
	byShard := make([][]board.Row, n)
	missing := make([][]board.Row, n)
	for _, r := range rows {
		i := board.ShardOf(r.Key, p.shards).I
		byShard[i] = append(byShard[i], r)
		if !inSegments[identityOf(r)] {
			missing[i] = append(missing[i], r)
		}
	}
	known := knownOffers(mine, theirs)
	dropped := price.NoTime
	for _, b := range slices.Concat(mine.Boards, theirs.Boards) {
		if b.Board != nil {
			dropped = max(dropped, b.Board.Dropped)
		}
	}
	for i := range n {
		b := board.New(p.product)
		if p.shards > 0 {
			b.Shard = board.Shard{N: p.shards, I: i}
		}
		b.Version = p.version
		b.Dropped = dropped
		for _, s := range mine.segments {
			if s.Shard.N > b.Shard.N || b.Shard.Ancestor(s.Shard.N) != s.Shard {
				continue
			}
			b.Flushed = max(b.Flushed, s.High)
			if s.Late && s.Shard == b.Shard {
				b.Late = max(b.Late, s.High)
			}
		}
		for some := range chunks(missing[i]) {
			for _, s := range board.Segments(b.Shard, p.was+1, allLate, some) {
				p.replacement.Segments = append(p.replacement.Segments, s)
				p.added += s.N
				b.Flushed = max(b.Flushed, s.High)
				b.Late = max(b.Late, s.High)
			}
		}
		b.Offers = refolded(byShard[i], known, clock)
		b.Offers = board.Board{Offers: b.Offers}.Live(clock)
		for _, r := range byShard[i] {
			if _, stays := b.Find(r.Key); !stays {
				b.Dropped = max(b.Dropped, r.Observation.ObservedAt)
			}
		}
		p.replacement.Boards = append(p.replacement.Boards, b)
		p.replacement.URLs = append(p.replacement.URLs, missingURLs(b, mine, theirs))
	}
	p.replacement.Past = d.Past
	p.replacement.Flushed = d.Flushed
}

// chunks divides rows, oldest first, never within a millisecond.
func chunks(rows []board.Row) func(yield func([]board.Row) bool) {
	return func(yield func([]board.Row) bool) {
		for len(rows) > 0 {
			n := min(observationsASegment, len(rows))
			for n < len(rows) && rows[n].Observation.ObservedAt == rows[n-1].Observation.ObservedAt {
				n++
			}
			if !yield(rows[:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// knownOffers are the offers of all boards that can be read, those of the table first.
func knownOffers(mine, theirs *partition) map[price.OfferKey][]board.Offer {
	known := map[price.OfferKey][]board.Offer{}
	for _, b := range slices.Concat(mine.Boards, theirs.Boards) {
		if b.Board == nil {
			continue
		}
		for _, o := range b.Board.Offers {
			known[o.Key] = append(known[o.Key], o)
		}
	}
	return known
}

// refolded makes offers of all their observations within the retention. What came before them is known by boards alone.
func refolded(rows []board.Row, known map[price.OfferKey][]board.Offer, clock price.Clock) []board.Offer {
	within := slices.DeleteFunc(slices.Clone(rows), func(r board.Row) bool {
		return r.Observation.ObservedAt < clock.Now.Add(-clock.Retention) && r.Key.CompetitorID != price.Own
	})
	offers := board.Refold(within)
	for i := range offers {
		o := &offers[i]
		firstRun := o.Previous.At == price.NoTime // as far as the observations tell
		for _, k := range known[o.Key] {
			o.FirstSeen = min(o.FirstSeen, k.FirstSeen)
			if firstRun && k.Current.Terms == o.Current.Terms && k.RunStart < o.RunStart {
				o.RunStart = k.RunStart
				o.Previous = k.Previous
			}
			o.URL = o.URL.Carry(o.Key, k.URL.Of, k.URL.Name)
		}
	}
	return offers
}

// missingURLs are the urls of a board's offers that the table does not have and the copy does.
func missingURLs(b board.Board, mine, theirs *partition) []board.URLChange {
	var changes []board.URLChange
	for _, o := range b.Offers {
		if _, stands := mine.urls[o.URL.Name]; stands {
			continue
		}
		if url, ok := theirs.urls[o.URL.Name]; ok {
			changes = append(changes, board.URLChange{Add: o.URL.Name, URL: url})
		}
	}
	return changes
}

// describeOffers says in what the new offers differ from those of the table's boards.
func (p *plan) describeOffers(mine *partition) {
	before := knownOffers(mine, &partition{})
	for _, b := range p.replacement.Boards {
		for _, o := range b.Offers {
			name := board.KeyText(o.Key)
			old := before[o.Key]
			if len(old) == 0 {
				p.offers = append(p.offers, fmt.Sprintf("%s: stands on no board of the table; %s", name, describe(o)))
				continue
			}
			if was := describe(old[0]); was != describe(o) {
				p.offers = append(p.offers, fmt.Sprintf("%s: %s; it was %s", name, describe(o), was))
			}
		}
	}
}

func describe(o board.Offer) string {
	previous := "none"
	if o.Previous.At != price.NoTime {
		previous = o.Previous.Price.String() + " at " + o.Previous.At.String()
	}
	return fmt.Sprintf("%s %s at %s by %s, first seen %s, unchanged since %s, before that %s", o.Current.Terms.Price,
		o.Current.Terms.Availability, o.Current.ObservedAt, o.Current.Source.ID, o.FirstSeen, o.RunStart, previous)
}

// findLost lists offers that stand readable on a board which cannot be decoded as a whole, and nowhere else as they stand there.
// What its tail held besides cannot be told.
func (p *plan) findLost(table []item, rows []board.Row) {
	texts := map[string]bool{}
	for _, r := range rows {
		packed := board.Board{Offers: []board.Offer{{Key: r.Key, Current: r.Observation, RunStart: r.Observation.ObservedAt,
			FirstSeen: r.Observation.ObservedAt, Previous: board.Previous{At: price.NoTime}}}}.Pack()
		for name, text := range packed.O {
			texts[name+" "+text] = true
		}
	}
	for _, it := range table {
		_, sk := history.KeyOf(it)
		offers, ok := it[store.AttrOffers].(*types.AttributeValueMemberM)
		if _, err := store.Decode(it); err == nil || !ok || !strings.HasPrefix(sk, "board") {
			continue
		}
		for name, value := range offers.Value {
			if text, ok := value.(*types.AttributeValueMemberS); ok && !texts[name+" "+text.Value] {
				p.lost = append(p.lost, fmt.Sprintf("%s: %s = %s", sk, name, text.Value))
			}
		}
	}
	slices.Sort(p.lost)
}

// print writes the plan for a person.
func (p *plan) print(out io.Writer) error {
	lines := []string{
		fmt.Sprintf("product %s: %d observations stand in both tables, %d only in the table, %d only in the copy",
			p.product, p.both, p.tableOnly, p.copyOnly),
	}
	for _, part := range []struct {
		title string
		of    []string
	}{
		{"cannot be read, or is not as it should be", p.problems},
		{"segments that their board does not know of (was an older board put back?)", p.unknown},
		{"stood on a board that cannot be read, and nowhere else: it is lost", p.lost}, {"offers that become other than they are", p.offers},
	} {
		if len(part.of) > 0 {
			lines = append(lines, part.title+":")
		}
		for _, line := range part.of {
			lines = append(lines, "  "+line)
		}
	}
	if p.needed() {
		lines = append(lines, fmt.Sprintf("to write: %d observations into %d new segments of version %d, then %d board(s) of version %d",
			p.added, len(p.replacement.Segments), p.was+1, len(p.replacement.Boards), p.version),
			fmt.Sprintf("the greatest version that stands anywhere is %d", p.was))
	} else {
		lines = append(lines, "nothing is to be restored")
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n")+"\n")
	if err != nil {
		return fmt.Errorf("print the plan: %w", err)
	}
	return nil
}

var errRaced = errors.New("writers came first each time; try again")
