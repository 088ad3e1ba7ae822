package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/testkit/storetest"
)

// sellers returns one observation of each of n sellers whose long names fill a board soon.
func sellers(n, minute int) []price.Submission {
	in := make([]price.Submission, n)
	for i := range in {
		in[i] = seen("P2", "bigmart", at(minute), int64(1000*minute+i))
		in[i].Observation.Key.SellerID = fmt.Sprintf("%0100d", i)
		in[i].Observation.URL = ""
	}
	return in
}

// A product's shards all ask for what was flushed before it was split.
func TestStore_Record_LateDataOfASplitProductReadsThePastOnce(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	register(t, s, "bigmart")
	for minute := range 40 {
		record(t, s, at(100), sellers(10, 10+minute)...)
	}
	require.NotEmpty(t, items(t, client, table, "p#P2", "seg#1#202607"), "the whole board was flushed")
	record(t, s, at(100), sellers(40, 60)...)
	record(t, s, at(100), sellers(40, 61)...)
	shards := len(items(t, client, table, "p#P2", "board#"))
	require.GreaterOrEqual(t, shards, 4)

	ctx, m := meter.With(t.Context())
	verdicts, err := s.Record(ctx, sellers(40, 1), at(100), false)
	require.NoError(t, err)
	for _, v := range verdicts {
		require.Equal(t, "late", v.Outcome())
	}
	const boards = 2  // the directory, then the shards
	const past = 1    // what the whole board flushed
	const ofShard = 2 // what the shard flushed, and its write
	assert.LessOrEqual(t, m.Counts().Calls, boards+past+shards*ofShard)
	assert.Len(t, history(t, s, "P2"), 10*40+3*40)
}
