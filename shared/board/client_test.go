package board_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
)

// observations is how many each market of this test has: enough for dozens of flushes.
const observations = 800

// storedBytes returns what a market takes in boards and segments when its offers are sent by these clients in turn.
func storedBytes(t *testing.T, clients ...string) (bytes int) {
	t.Helper()
	tb := newTable()
	for i := range observations {
		in := seen([]string{"bigmart", "shopx", "kyoto", "dealz"}[i%4], at(i*17), 1995)
		in.Observation.Client = clients[i/4%len(clients)]
		tb.put(t, []board.Incoming{in}, clock)
	}
	require.Len(t, tb.rows(t), observations)
	bytes = tb.board(t).Size()
	for _, s := range tb.segments {
		bytes += len(s.h)
	}
	return bytes
}

// TestClient_CostsLittle: a client's name stands once in a packed form, not at all if a source has the same name. So it takes
// a byte of an observation only where two clients take turns at one offer.
func TestClient_CostsLittle(t *testing.T) {
	none := storedBytes(t, "")
	for _, tt := range []struct {
		clients []string
		most    float64 // bytes an observation
	}{
		{[]string{"crawler-a"}, 0},
		{[]string{"night-run"}, 0.1},
		{[]string{"a-client-with-rather-a-long-name"}, 0.4},
		{[]string{"night-run", "agency"}, 1.5},
	} {
		more := float64(storedBytes(t, tt.clients...)-none) / observations
		assert.LessOrEqual(t, more, tt.most, "%v", tt.clients)
	}
}

// TestApply_KeepsTheFirstClient: who sends an observation again changes nothing, not even in the same request.
func TestApply_KeepsTheFirstClient(t *testing.T) {
	tb := newTable()
	by := func(client string, minutes int) board.Incoming {
		in := seen("bigmart", at(minutes), 1995)
		in.Observation.Client = client
		return in
	}
	tb.put(t, []board.Incoming{by("night-run", 0)}, clock)
	before := tb.board(t)
	results := tb.put(t, []board.Incoming{by("agency", 0)}, clock)
	assert.Equal(t, []string{"duplicate"}, outcomes(results))
	assert.Equal(t, "night-run", results[0].Stored.Client)
	assert.Equal(t, before, tb.board(t), "nothing is written")

	results = tb.put(t, []board.Incoming{by("agency", 0), by("agency", 1), by("night-run", 1)}, clock)
	assert.Equal(t, []string{"duplicate", "unchanged", "duplicate"}, outcomes(results))
	var clients []string
	for _, row := range tb.rows(t) {
		clients = append(clients, row.Observation.Client)
	}
	assert.Equal(t, []string{"night-run", "agency"}, clients)
}
