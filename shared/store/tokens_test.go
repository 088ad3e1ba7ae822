package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

func TestStore_Tokens(t *testing.T) {
	t.Parallel()
	client, table := storetest.Table(t)
	s := storetestStore(client, table)
	list, err := s.ListTokens(t.Context())
	require.NoError(t, err)
	assert.Empty(t, list)
	_, err = s.FindToken(t.Context(), keyID)
	assert.True(t, fault.Is(err, fault.NotFound))

	record := tokenRecord()
	require.NoError(t, s.PutToken(t.Context(), record))
	revoked := tokenRecord()
	revoked.KeyID = "fedcba9876543210"
	revoked.Sources = []string{"crawler-a"}
	revoked.Scopes = []string{"read"}
	require.NoError(t, s.PutToken(t.Context(), revoked))
	require.NoError(t, s.RevokeToken(t.Context(), revoked.KeyID))
	revoked.Active = false
	stored := func() []token.Record {
		list, err := s.ListTokens(t.Context())
		require.NoError(t, err)
		for i, r := range list {
			found, err := s.FindToken(t.Context(), r.KeyID)
			require.NoError(t, err)
			assert.Equal(t, found, r)
			list[i].NotBefore = r.NotBefore.UTC()
			list[i].Expires = r.Expires.UTC()
			list[i].LastUsed = r.LastUsed.UTC()
		}
		return list
	}
	assert.Equal(t, []token.Record{record, revoked}, stored(), "by key id")

	// A use is noted to the minute, and once a minute.
	used := start.Time().Add(90 * time.Second)
	require.NoError(t, s.TouchToken(t.Context(), record, used))
	record.LastUsed = start.Time().Add(time.Minute)
	assert.Equal(t, []token.Record{record, revoked}, stored())
	require.NoError(t, s.TouchToken(t.Context(), record, used.Add(time.Minute)))
	record.LastUsed = start.Time().Add(2 * time.Minute)
	assert.Equal(t, []token.Record{record, revoked}, stored())

	// Nothing but a put makes a token.
	nobody := token.Record{KeyID: "0000000000000000"}
	require.True(t, fault.Is(s.RevokeToken(t.Context(), nobody.KeyID), fault.NotFound))
	require.True(t, fault.Is(s.TouchToken(t.Context(), nobody, used), fault.NotFound))
	assert.Equal(t, []token.Record{record, revoked}, stored())
	assert.Empty(t, items(t, client, table, store.TokenPartition(nobody.KeyID), ""))
}

// A key id is listed before its record is written. One whose record never was is no token.
func TestStore_PutToken_Crash(t *testing.T) {
	t.Parallel()
	s, plain := behind(t, func(_ *store.Store, c storetest.Call) storetest.Action {
		if c.Is("PutItem", "token", c.Before) {
			return storetest.Drop
		}
		return storetest.Pass
	})
	require.True(t, fault.Is(s.PutToken(t.Context(), tokenRecord()), fault.Unavailable))
	listed, err := plain.Items(t.Context(), store.TokensPartition())
	require.NoError(t, err)
	assert.Len(t, listed, 1)
	list, err := plain.ListTokens(t.Context())
	require.NoError(t, err)
	assert.Empty(t, list)
}
