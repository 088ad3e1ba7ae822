package history_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/boardtest"
	"pricing/shared/testkit/storetest"
	"pricing/tools/internal/history"
)

// TestProperty_read: whatever was sent, in whatever order, what is read of a product is what the oracle says is stored, each once and
// as it was first received.
func TestProperty_read(tb *testing.T) {
	client, table := storetest.Table(tb)
	s := store.New(client, store.Options{Table: table, Retention: boardtest.Retention, Width: 4})
	for _, id := range boardtest.Competitors {
		_, err := s.PutCompetitor(tb.Context(), price.Competitor{ID: id, FreshFor: price.DefaultFreshFor, Active: true})
		require.NoError(tb, err)
	}
	boardtest.Checks(tb, 60)
	products := 0
	rapid.Check(tb, func(t *rapid.T) {
		products++
		productID := "P-" + strconv.Itoa(products)
		c := boardtest.Draw(t).Of(productID)
		ledger := boardtest.NewLedger(c)
		now := c.Phases[len(c.Phases)-1].Now
		known := false // the product
		for _, phase := range c.Phases {
			ledger.Begin(phase)
			for _, request := range phase.Requests {
				in := make([]price.Submission, len(request.Observations))
				for i, o := range request.Observations {
					in[i] = price.Submission{Observation: o, Writer: price.Writer{Client: request.Client}}
				}
				verdicts, err := s.Record(tb.Context(), in, phase.Now, false)
				require.NoError(t, err)
				for _, v := range verdicts {
					require.NoError(t, v.Err)
					known = known || v.Stored()
				}
				ledger.Record(request)
			}
		}
		if !known {
			return
		}
		p, err := history.Read(tb.Context(), s, store.ProductPartition(productID))
		require.NoError(t, err)
		require.Empty(t, p.Problems)
		all := p.Merge()
		require.Empty(t, all.Problems)
		var rows []board.Row
		for offer := range all.Offers() {
			for _, e := range offer.Observations {
				if e.ObservedAt >= ledger.Oldest() {
					rows = append(rows, board.Row{Key: offer.Key, Observation: e})
				}
			}
		}
		slices.SortFunc(rows, board.CompareRows)
		product, err := s.Product(tb.Context(), productID, false)
		require.NoError(t, err)
		require.Empty(t, ledger.Differences(product.Live(price.Clock{Now: now, Retention: boardtest.Retention}), rows))
		require.Empty(t, ledger.Receipts(rows))
	})
}
