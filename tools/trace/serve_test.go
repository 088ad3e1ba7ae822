package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFollower: each whole line is sent once, also when it was not taken at first or the log begins anew.
func TestFollower(t *testing.T) {
	t.Parallel()
	var got []string
	status := http.StatusOK
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		decoder := json.NewDecoder(r.Body)
		for status == http.StatusOK && decoder.More() {
			var line struct {
				Time time.Time `json:"_time"`
				Text string    `json:"_msg"`
			}
			assert.NoError(t, decoder.Decode(&line))
			assert.False(t, line.Time.IsZero())
			got = append(got, line.Text)
		}
	}))
	defer page.Close()
	path := filepath.Join(t.TempDir(), "log.ndjson")
	f := follower{path: path, url: page.URL}
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	sent := func(want ...string) {
		t.Helper()
		got = nil
		err := f.send(t.Context())
		assert.Equal(t, status == http.StatusOK, err == nil)
		assert.Equal(t, want, got)
	}
	sent()
	const one = `{"function":"A","timestamp":"2026-07-06T09:14:03Z","level":"INFO","message":"one"}`
	const two = "2 lines were lost: nobody read them"
	write(one + "\n" + two)
	sent("A one")
	write(one + "\n" + two + "\n")
	status = http.StatusServiceUnavailable
	sent()
	status = http.StatusOK
	sent(two)
	sent()
	write(one + "\n")
	sent("A one")
	all := lines(t, "log.ndjson")
	write(one + "\n" + strings.Join(all, "\n") + "\n")
	got = nil
	require.NoError(t, f.send(t.Context()))
	assert.Len(t, got, len(all))
}
