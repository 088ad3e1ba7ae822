package board_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

const product = "ZU-1042"

func usd(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }

func key(competitor string) price.OfferKey {
	return price.OfferKey{ProductID: product, CompetitorID: competitor}
}

func seen(competitor string, at price.Timestamp, minor int64) board.Incoming {
	return board.Incoming{Key: key(competitor), Observation: board.Observation{
		Terms:      price.Terms{Price: usd(minor)},
		Source:     price.Source{ID: "crawler-a", Confidence: price.NoConfidence},
		ObservedAt: at, ReceivedAt: at + 1500,
	}}
}

var (
	start = price.At(time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC))
	clock = price.Clock{Now: start.Add(90 * 24 * time.Hour), Retention: 400 * 24 * time.Hour}
)

func at(minutes int) price.Timestamp { return start.Add(time.Duration(minutes) * time.Minute) }

func outcomes(results []board.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.Outcome.String()
	}
	return out
}

func TestApply_Outcomes(t *testing.T) {
	tb := newTable()
	results := tb.put(t, []board.Incoming{
		seen("bigmart", at(2), 2000), // later in the batch's order of time, first in the request
		seen("bigmart", at(0), 1995),
		seen("bigmart", at(1), 1995),
		seen("shopx", at(0), 500),
		seen("bigmart", at(1), 1995),
		seen("bigmart", at(1), 1996),
	}, clock)
	assert.Equal(t, []string{"changed", "created", "unchanged", "created", "duplicate", "conflict"}, outcomes(results))
	assert.True(t, results[0].Current)
	assert.False(t, results[1].Current)
	assert.Equal(t, []string{"/price"}, results[5].Differs)

	offer, ok := tb.board(t).Find(key("bigmart"))
	require.True(t, ok)
	assert.Equal(t, at(2), offer.Current.ObservedAt)
	assert.Equal(t, at(2), offer.RunStart)
	assert.Equal(t, at(0), offer.FirstSeen)
	assert.Equal(t, usd(1995), offer.Previous.Price)

	t.Run("nothing new is not written", func(t *testing.T) {
		before := tb.board(t)
		assert.Equal(t, []string{"duplicate"}, outcomes(tb.put(t, []board.Incoming{seen("bigmart", at(0), 1995)}, clock)))
		assert.Equal(t, before, tb.board(t))
	})
}

// TestObservation_Differs: a conflict names each field of the content in which it differs, and nothing else is content.
func TestObservation_Differs(t *testing.T) {
	stored := seen("bigmart", at(0), 1995).Observation
	stored.Terms.Availability = price.AvailabilityLimitedAvailability
	for pointer, change := range map[string]func(*board.Observation){
		"/availability":      func(e *board.Observation) { e.Terms.Availability = price.AvailabilityInStock },
		"/price":             func(e *board.Observation) { e.Terms.Price = usd(1996) },
		"/shipping":          func(e *board.Observation) { e.Terms.Shipping = usd(0) },
		"/listPrice":         func(e *board.Observation) { e.Terms.ListPrice = usd(1995) },
		"/priceType":         func(e *board.Observation) { e.Terms.PriceType = price.PriceTypeClearance },
		"/promotion":         func(e *board.Observation) { e.Terms.Promotion.Present = true },
		"/source/kind":       func(e *board.Observation) { e.Source.Kind = price.SourceVendor },
		"/source/confidence": func(e *board.Observation) { e.Source.Confidence = 0 },
	} {
		other := stored
		change(&other)
		assert.Equal(t, []string{pointer}, stored.Differs(other))
		assert.Equal(t, []string{pointer}, other.Differs(stored))
	}
	other := stored
	other.ReceivedAt++
	other.Client = "another"
	other.State = 7
	assert.Empty(t, stored.Differs(other))
}

func TestApply_LateObservationsRepairTheRun(t *testing.T) {
	base := []board.Incoming{seen("bigmart", at(10), 100), seen("bigmart", at(20), 200), seen("bigmart", at(30), 200)}
	tests := map[string]struct {
		late         board.Incoming
		wantRun      price.Timestamp
		wantPrevious price.Money
		wantFirst    price.Timestamp
	}{
		"before everything":                     {seen("bigmart", at(5), 50), at(20), usd(100), at(5)},
		"between, with the run's terms":         {seen("bigmart", at(15), 200), at(15), usd(100), at(10)},
		"between, with other terms":             {seen("bigmart", at(15), 150), at(20), usd(150), at(10)},
		"inside the run, same terms":            {seen("bigmart", at(25), 200), at(20), usd(100), at(10)},
		"inside the run, other terms splits it": {seen("bigmart", at(25), 250), at(30), usd(250), at(10)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tb := newTable()
			tb.put(t, base, clock)
			assert.Equal(t, []string{"late"}, outcomes(tb.put(t, []board.Incoming{tt.late}, clock)))
			o, _ := tb.board(t).Find(key("bigmart"))
			assert.Equal(t, tt.wantRun, o.RunStart)
			assert.Equal(t, tt.wantPrevious, o.Previous.Price)
			assert.Equal(t, tt.wantFirst, o.FirstSeen)
		})
	}
}

func TestWroteBy(t *testing.T) {
	b := board.New(product)
	for v := range 12 {
		r := board.Request{Clock: clock, Mark: board.Mark{byte(v + 1)}, Room: board.MaxOffers}
		change, need := board.Apply(b, []board.Incoming{seen("bigmart", at(v), int64(v))}, r, nil)
		require.Empty(t, need)
		b = change.Next
	}
	assert.Equal(t, int64(12), b.Version)
	assert.True(t, b.WroteBy(12, board.Mark{12}))
	assert.True(t, b.WroteBy(5, board.Mark{5}))
	assert.False(t, b.WroteBy(5, board.Mark{6}))
	assert.False(t, b.WroteBy(4, board.Mark{12}), "only the last eight versions are known")
	assert.False(t, board.New(product).WroteBy(0, board.Mark{}), "never written")
	assert.False(t, b.WroteBy(13, board.Mark{13}), "not written yet")
}

// A write bills every started kilobyte: so the tail fills the first one, but for what the catalogue's part may need, and is
// flushed before the next write would start another.
func TestFlush_BoardStaysWithinAKilobyte(t *testing.T) {
	tb := newTable()
	const own = 40
	for i := range 500 {
		before := tb.board(t)
		segments := len(tb.segments)
		in := seen([]string{"bigmart", "shopx", "kyoto", "dealz"}[i%4], at(i*17), 1995)
		tb.put(t, []board.Incoming{in}, clock)
		require.LessOrEqual(t, tb.board(t).Size(), 1024)
		full := before.Size()+own+before.Grown > 1024
		require.Equal(t, full, len(tb.segments) > segments, "%d bytes, %d by the last write", before.Size(), before.Grown)
	}
	assert.GreaterOrEqual(t, len(tb.segments), 2)
	assert.Len(t, tb.rows(t), 500)
}

// TestSplitDue: a board is split when its offers, tail aside, take more than 2 KB, into as many parts as leave at most 3/4 KB
// to each; a shard into two, and never beyond 64.
func TestSplitDue(t *testing.T) {
	sizes := 0
	for offers := 1; offers < 1200; offers += 1 + offers/20 {
		b := board.New(product)
		b.Version = 1
		for i := range offers {
			k := key("marketplace")
			k.SellerID = fmt.Sprintf("%060d", i)
			e := seen("", at(i), 1995).Observation
			b.Offers = append(b.Offers, board.Offer{
				Key: k, Current: e, FirstSeen: at(i), RunStart: at(i), Previous: board.Previous{At: price.NoTime},
			})
		}
		bytes := b.Size() - offers // of each offer a byte says that it has no tail
		b.Offers[0].Tail = []board.Observation{b.Offers[0].Current, seen("", at(-1), 1).Observation}
		want := 0
		if bytes > 2048 {
			want = 2
			for want < 64 && bytes/want > 768 {
				want *= 2
			}
		}
		assert.Equal(t, want, b.SplitDue(), "%d bytes", bytes)
		if want > 0 {
			sizes++
		}
		for _, n := range []int{2, 32, 64} {
			b.Shard = board.Shard{N: n}
			due := 0
			if bytes+len("#")+len(b.Shard.String()) > 2048 && n < 64 {
				due = 2 * n
			}
			assert.Equal(t, due, b.SplitDue(), "%d bytes in a shard of %d", bytes, n)
		}
	}
	assert.Greater(t, sizes, 20)
}
