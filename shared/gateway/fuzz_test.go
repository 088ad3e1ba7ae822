package gateway_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/shared/gateway"
)

// FuzzCursor makes the cursor of any position and changes it in any place. The cursor gives the position back; changed,
// or sent to another query, it is refused.
func FuzzCursor(f *testing.F) {
	f.Fuzz(func(t *testing.T, position string, at uint, letter byte) {
		ask := func(query map[string][]string, then func(*gateway.Params)) int {
			returned := false
			e := gateway.Endpoint{Route: "GET /v1/things", Scope: "read", Query: []string{"cursor", "sort"}, Log: slog.New(slog.DiscardHandler),
				Handle: func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
					p := r.Params()
					then(p)
					returned = true
					return gateway.Answer{}, p.Err()
				}}
			response := gateway.Serve(t.Context(), e, event(t, func(e map[string]any) {
				e["httpMethod"], e["resource"], e["path"] = http.MethodGet, "/v1/things", "/v1/things"
				e["body"], e["multiValueQueryStringParameters"] = nil, query
			}))
			require.True(t, returned, "no panic")
			return response.StatusCode
		}
		var cursor, got string
		read := func(p *gateway.Params) { got = p.Cursor() }
		ask(map[string][]string{"sort": {"price"}}, func(p *gateway.Params) { cursor = p.NextCursor(position) })
		if position == "" {
			return // a first page needs no cursor
		}
		require.Equal(t, http.StatusOK, ask(map[string][]string{"sort": {"price"}, "cursor": {cursor}}, read))
		require.Equal(t, position, got)
		require.Equal(t, http.StatusBadRequest, ask(map[string][]string{"sort": {"landed"}, "cursor": {cursor}}, read), "bound to its query")
		require.Empty(t, got)

		changed := []byte(cursor)
		if n := at % uint(len(changed)+1); n == uint(len(changed)) {
			changed = append(changed, letter%128)
		} else {
			changed[n] = letter % 128
		}
		if string(changed) != cursor {
			require.Equal(t, http.StatusBadRequest,
				ask(map[string][]string{"sort": {"price"}, "cursor": {string(changed)}}, read), "altered: %q", changed)
			require.Empty(t, got)
		}
	})
}
