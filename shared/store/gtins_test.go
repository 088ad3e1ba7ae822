package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
)

func TestStore_ProductOfGTIN(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table})
	storetest.PutGTIN(t, client, table, string(gtin), "P1")
	id, err := s.ProductOfGTIN(t.Context(), gtin)
	require.NoError(t, err)
	assert.Equal(t, "P1", id)
	_, err = s.ProductOfGTIN(t.Context(), otherGTIN)
	assert.True(t, fault.Is(err, fault.NotFound))
	assert.Equal(t, fault.CodeUnknownGTIN, fault.Of(err).Code)
	assert.Equal(t, "No product has the gtin 00012345678905.", fault.Of(err).Detail)
}

// TestStore_ProductsOfGTINs: a call reads a hundred of them, those asked for twice once, and the unknown are left out.
func TestStore_ProductsOfGTINs(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := store.New(client, store.Options{Table: table})
	want := map[price.GTIN]string{}
	var asked []price.GTIN
	for i := range 101 {
		g := price.GTIN(fmt.Sprintf("%014d", i))
		if i > 0 {
			want[g] = fmt.Sprint("P", i)
			storetest.PutGTIN(t, client, table, string(g), want[g])
		}
		asked = append(asked, g, g)
	}
	ctx, m := meter.With(t.Context())
	got, err := s.ProductsOfGTINs(ctx, asked)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, 2, m.Counts().Calls)
	assert.InDelta(t, 50.5, m.Counts().ReadUnits, 0.6)
	got, err = s.ProductsOfGTINs(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Equal(t, 2, m.Counts().Calls)
}
