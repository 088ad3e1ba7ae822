package store

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pricing/shared/board"
	"pricing/shared/price"
)

// A page ends in its window also when a segment reaches beyond it, as one does that was flushed since the boards were read. Else the
// cursor would be refused as one that no page can have made.
func TestWalk_ReachedLiesInTheWindow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		descending bool
		edge       price.Timestamp
		want       price.Timestamp
	}{
		"beyond the end":           {false, 2500, 2001},
		"within":                   {false, 1500, 1501},
		"nothing was read":         {false, 999, 1000},
		"nothing was read, down":   {true, 2001, 2001},
		"beyond the end, downward": {true, 500, 1000},
		"within, downward":         {true, 1500, 1500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := Window{From: 1000, To: 2000, Descending: tt.descending}
			product := Product{Boards: []board.Board{board.New("P1")}}
			k := newWalk(&Store{pageUnits: PageUnits}, product, w, 0, nil)
			k.streams = []*stream{{down: tt.descending, edge: tt.edge}}
			assert.Equal(t, Position{ObservedAt: tt.want}, k.reached())
		})
	}
}
