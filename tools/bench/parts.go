package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
)

// The cost of the two-item design depends on nothing that builds up, so a few scans give its figures.
const (
	peerWarm     = 1
	peerMeasured = 3
)

// say prints a line. The first failure is kept, for run to return.
func (b *bench) say(w io.Writer, format string, args ...any) {
	if _, err := fmt.Fprintf(w, format+"\n", args...); err != nil && b.unprinted == nil {
		b.unprinted = fmt.Errorf("print: %w", err)
	}
}

func (b *bench) printer() *tabwriter.Writer {
	return tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// scans measures every shape and mode.
func (b *bench) scans(ctx context.Context) error {
	b.say(b.out, "Scans, for each observation: write units (w), read units (r) and calls of the boards; the same of two items an observation")
	b.say(b.out, "(urls on half of the offers, the same at every scan or always new ones; bytes it adds to the table, without")
	b.say(b.out, "DynamoDB's 100 an item; without competitors' health: a unit a minute, process and competitor, however many")
	b.say(b.out, "observations that covers)")
	table := b.printer()
	b.say(table, "offers\tids\turls\trequests\tw\tr\tcalls\tbytes\t|\tw\tr\tcalls\tbytes\tw ratio\t")
	for _, offers := range []int{4, 8, 12, 20, 40, 400} {
		for _, idLength := range []int{10, 40} {
			for _, of := range []urls{knownURLs, newURLs} {
				for _, how := range []mode{single, catalog, centred} {
					s := shape{products: max(1, 80/offers), offers: offers, idLength: idLength, urls: of}
					ours, theirs, err := b.compare(ctx, s, how)
					if err != nil {
						return err
					}
					b.say(table, "%d\t%d\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.0f\t|\t%.2f\t%.2f\t%.2f\t%.0f\t%.2f\t", offers, idLength, of, how,
						ours.writes, ours.reads, ours.calls, ours.bytes, theirs.writes, theirs.reads, theirs.calls, theirs.bytes, ours.writes/theirs.writes)
				}
			}
		}
		if err := table.Flush(); err != nil { // rows as they come: the whole takes minutes
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// figures are a cost and how many bytes an observation adds to the table.
type figures struct {
	cost
	bytes float64
}

// compare runs the same market through both designs.
func (b *bench) compare(ctx context.Context, s shape, how mode) (ours, theirs figures, err error) {
	m := newMarket(s, b.random(1))
	mine, err := b.newBoards(ctx, m)
	if err != nil {
		return figures{}, figures{}, err
	}
	if ours, err = b.figures(ctx, m, mine, mine.table, how, b.warm, b.measured); err != nil {
		return figures{}, figures{}, fmt.Errorf("%d offers, %s: %w", s.offers, how, err)
	}
	if b.alone {
		return ours, figures{}, nil
	}
	usual, err := b.newTwoItems(ctx)
	if err != nil {
		return figures{}, figures{}, err
	}
	if theirs, err = b.figures(ctx, newMarket(s, b.random(1)), usual, usual.table, how, peerWarm, peerMeasured); err != nil {
		return figures{}, figures{}, fmt.Errorf("%d offers, %s, two items: %w", s.offers, how, err)
	}
	return ours, theirs, nil
}

// figures sends the scans to warm up, then those that are measured.
func (b *bench) figures(ctx context.Context, m *market, s sink, table string, how mode, warm, measured int) (figures, error) {
	m.sparse = m.offers >= aHundred && how != centred
	if _, _, err := m.run(ctx, s, how, warm); err != nil {
		return figures{}, err
	}
	before, err := b.stored(ctx, table)
	if err != nil {
		return figures{}, err
	}
	c, n, err := m.run(ctx, s, how, measured)
	if err != nil {
		return figures{}, err
	}
	after, err := b.stored(ctx, table)
	return figures{c, float64(after-before) / float64(n)}, err
}

// repeats measures observations that arrive again, and observations that arrive in any order.
func (b *bench) repeats(ctx context.Context) error {
	b.say(b.out, "The last five scans again, product by product; and 20 scans in random order, 500 observations a request")
	table := b.printer()
	b.say(table, "offers\twhat\tw\tr\tcalls\t|\tw\tr\tcalls\tw ratio\t")
	for _, offers := range []int{8, 20, 400} {
		s := shape{products: max(1, 200/offers), offers: offers, idLength: 10}
		var again, shuffled [2]cost
		for i := range 2 {
			m := newMarket(s, b.random(2))
			target, err := b.sink(ctx, i, m)
			if err != nil {
				return err
			}
			if again[i], err = b.again(ctx, m, target); err != nil {
				return err
			}
			m = newMarket(s, b.random(3))
			if target, err = b.sink(ctx, i, m); err != nil {
				return err
			}
			if shuffled[i], err = b.shuffled(ctx, m, target); err != nil {
				return err
			}
		}
		for i, c := range [][2]cost{again, shuffled} {
			b.say(table, "%d\t%s\t%.2f\t%.2f\t%.2f\t|\t%.2f\t%.2f\t%.2f\t%.2f\t", offers, []string{"again", "shuffled"}[i],
				c[0].writes, c[0].reads, c[0].calls, c[1].writes, c[1].reads, c[1].calls, c[0].writes/c[1].writes)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// sink makes the board store (0) or the two-item store (1).
func (b *bench) sink(ctx context.Context, which int, m *market) (sink, error) {
	if which == 0 {
		return b.newBoards(ctx, m)
	}
	return b.newTwoItems(ctx)
}

func (b *bench) again(ctx context.Context, m *market, s sink) (cost, error) {
	const last = 5
	var requests [][]price.Observation
	var received price.Timestamp
	for range b.warm {
		scan, now := m.scan()
		received = now
		requests = append(requests, centred.requests(scan)...)
	}
	if _, err := send(ctx, s, requests, received); err != nil {
		return cost{}, err
	}
	requests = requests[len(requests)-last*len(requests)/b.warm:]
	counts, err := send(ctx, s, requests, received)
	return perObservation(counts, last*m.products*m.offers), err
}

func (b *bench) shuffled(ctx context.Context, m *market, s sink) (cost, error) {
	var all []price.Observation
	var received price.Timestamp
	for range b.warm {
		scan, now := m.scan()
		received = now
		for _, of := range scan {
			all = append(all, of...)
		}
	}
	m.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var requests [][]price.Observation
	for rest := all; len(rest) > 0; {
		n := min(mostItems, len(rest))
		requests = append(requests, rest[:n])
		rest = rest[n:]
	}
	counts, err := send(ctx, s, requests, received)
	return perObservation(counts, len(all)), err
}

// goal is a figure that the store is to keep.
type goal struct {
	what       string
	limit      float64
	unit       string
	got, peers float64
}

func (g goal) met() bool { return g.got <= g.limit }

func (g goal) verdict() string {
	if g.met() {
		return "met"
	}
	return fmt.Sprintf("MISSED by %.0f %%", 100*(g.got/g.limit-1))
}

// goals measures the figures the store was designed for.
func (b *bench) goals(ctx context.Context) error {
	all, err := b.measureGoals(ctx)
	if err != nil {
		return err
	}
	table := b.printer()
	b.say(b.out, "Goals, health included")
	b.say(table, "goal\tlimit\tmeasured\ttwo items\tunit\tverdict\t")
	for _, g := range all {
		b.say(table, "%s\t%.2f\t%.2f\t%.2f\t%s\t%s\t", g.what, g.limit, g.got, g.peers, g.unit, g.verdict())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func (b *bench) measureGoals(ctx context.Context) ([]goal, error) {
	const unit = "write units/observation"
	goals := []goal{
		{what: "catalogue scan, 8 offers", limit: 1.1, unit: unit},
		{what: "25 products x 20 offers a request, 16-byte ids", limit: 0.16, unit: unit},
		{what: "product of 400 offers, one observation a request", limit: 4, unit: unit},
	}
	for i, of := range []struct {
		shape
		mode
	}{
		{shape{products: 50, offers: 8, idLength: 10}, catalog},
		{shape{products: 75, offers: 20, idLength: 16}, centred},
		{shape{products: 1, offers: 400, idLength: 10}, single},
	} {
		ours, theirs, err := b.compare(ctx, of.shape, of.mode)
		if err != nil {
			return nil, err
		}
		goals[i].got = ours.writes + ours.health
		goals[i].peers = theirs.writes
	}
	read, err := b.bulkRead(ctx)
	return append(goals, read...), err
}

// bulkRead reads the offers of 500 products.
func (b *bench) bulkRead(ctx context.Context) ([]goal, error) {
	m := newMarket(shape{products: mostItems, offers: 8, idLength: 10}, b.random(4))
	mine, err := b.newBoards(ctx, m)
	if err != nil {
		return nil, err
	}
	designs := []sink{mine}
	var usual *twoItems
	if !b.alone {
		if usual, err = b.newTwoItems(ctx); err != nil {
			return nil, err
		}
		designs = append(designs, usual)
	}
	for range 2 {
		scan, received := m.scan()
		for _, s := range designs {
			if _, err := send(ctx, s, centred.requests(scan), received); err != nil {
				return nil, err
			}
		}
	}
	ids := make([]string, m.products)
	for p := range ids {
		ids[p] = m.productID(p)
	}
	oursCtx, ours := meter.With(ctx)
	read := 0
	var unread error
	err = mine.Products(oursCtx, ids, false, func(_ string, _ store.Product, err error) {
		unread = cmp.Or(unread, err)
		read++
	})
	if err = cmp.Or(err, unread); err != nil {
		return nil, err
	}
	if read != len(ids) {
		return nil, fmt.Errorf("read %d products, not %d", read, len(ids))
	}
	theirsCtx, theirs := meter.With(ctx)
	for _, id := range ids {
		if b.alone {
			break
		}
		latest, err := usual.Latest(theirsCtx, id)
		if err != nil {
			return nil, err
		}
		if len(latest) != m.offers {
			return nil, fmt.Errorf("two items: read %d offers of product %s, not %d", len(latest), id, m.offers)
		}
	}
	return []goal{
		{"offers of 500 products", 5, "calls", float64(ours.Counts().Calls), float64(theirs.Counts().Calls)},
		{"offers of 500 products", 260, "read units", ours.Counts().ReadUnits, theirs.Counts().ReadUnits},
	}, nil
}
