package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// interrupted answers the first batches, of 50 rows each, and ends the run during the next, which gets no outcome.
func interrupted(t *testing.T, batches int, file string, answer func(int, []json.RawMessage) response, args ...string) (*api, outcome) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	a := newAPI(t, func(n int, items []json.RawMessage) response {
		if n > batches {
			interrupt()
			return response{status: 503}
		}
		return answer(n, items)
	})
	return a, run(ctx, t, a, nil, append(append([]string{"-in-flight", "1", "-batch", "50"}, args...), file)...)
}

// again gives an API other answers, and lets it forget what it was sent.
func (a *api) again(answer func(int, []json.RawMessage) response) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bodies, a.answer = nil, answer
}

func TestResume(t *testing.T) {
	t.Parallel()
	file := write(t, "a.ndjson", observations(260, true))
	a, o := interrupted(t, 2, file, allCreated)
	assert.Equal(t, exitRefused, o.exit)
	assert.Contains(t, o.stderr, "run the same command again to send the rest")
	a.again(allCreated)
	o = run(t.Context(), t, a, nil, "-batch", "70", file) // other batches than those that the state tells of
	assert.Equal(t, exitStored, o.exit, o.stderr)
	assert.Contains(t, o.stderr, "resuming an earlier run: 100 of 260 observations are acknowledged, 160 are left")
	assert.Equal(t, 100, o.summary.Before)
	assert.Equal(t, map[string]int{"created": 160}, o.summary.Outcomes)
	assert.NoFileExists(t, file+".state.json")
	assert.NoFileExists(t, file+".state.json.lock")

	a.again(allCreated)
	o = run(t.Context(), t, a, nil, file)
	assert.Equal(t, map[string]int{"created": 260}, o.summary.Outcomes, "a finished file starts over")
}

// TestResume_failed: what the API can store only when it was mended is tried once more, and then by the next run.
func TestResume_failed(t *testing.T) {
	t.Parallel()
	file := write(t, "a.ndjson", observations(3, false))
	a := newAPI(t, func(n int, _ []json.RawMessage) response {
		if n == 1 {
			return outcomes("created", "failed", "rejected")
		}
		return outcomes("failed")
	})
	o := run(t.Context(), t, a, nil, file)
	assert.Equal(t, exitRefused, o.exit)
	assert.Equal(t, []int{3, 1}, a.sizes())
	assert.Equal(t, 1, o.summary.Failed)
	assert.Equal(t, 1, o.summary.Rejected)
	assert.Equal(t, map[string]int{"created": 1}, o.summary.Outcomes)
	assert.Equal(t, 1, o.summary.ToMend)
	assert.Contains(t, o.stderr, "the API cannot read or write what it has stored of some products; its operators have to mend that\n")
	assert.Contains(t, o.stderr, "\n  1 observations wait until what the API has stored of their products is mended, such as line 2: "+
		"500 Internal Server Error: internal\n")
	assert.Len(t, refused(t, file), 1)
	a.again(allCreated)
	o = run(t.Context(), t, a, nil, file)
	assert.Equal(t, []int{1}, a.sizes())
	assert.Contains(t, string(a.bodies[0]), `"P1"`)
	assert.Equal(t, 2, o.summary.Before)
}

// TestResume_invalid checks that every row is sent if anything has changed that decides what a row becomes.
func TestResume_invalid(t *testing.T) {
	t.Parallel()
	row := `{"product":"Diesel","competitor":"BP","seller":"s%d","price":"1","currency":"AUD","observedAt":"2026-01-01T00:00:00Z"}` + "\n"
	var content strings.Builder
	for i := range 120 {
		fmt.Fprintf(&content, row, i)
	}
	fuel, err := os.ReadFile("mappings/fuel.yaml")
	require.NoError(t, err)
	type inputs struct{ file, mapping string }
	overwrite := func(t *testing.T, path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	state := func(t *testing.T, change func(*saved)) func(inputs) {
		return func(in inputs) {
			var s saved
			text, err := os.ReadFile(in.file + ".state.json")
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &s))
			change(&s)
			text, err = json.Marshal(s)
			require.NoError(t, err)
			overwrite(t, in.file+".state.json", string(text))
		}
	}
	tests := map[string]struct {
		change func(inputs)
		args   []string
		want   string
	}{
		"the file, longer": {func(in inputs) { overwrite(t, in.file, content.String()+fmt.Sprintf(row, 120)) }, nil, "the file changed"},
		"the file, as long": {func(in inputs) { overwrite(t, in.file, strings.Replace(content.String(), "s17", "s18", 1)) }, nil,
			"the file changed"},
		"the mapping": {func(in inputs) { overwrite(t, in.mapping, string(fuel)+"region: {value: AU}\n") }, nil,
			"the mapping changed"},
		"the address":               {state(t, func(s *saved) { s.Of.URL = "http://other" }), nil, "the API's address changed"},
		"the form":                  {state(t, func(s *saved) { s.Of.Form = "csv" }), nil, "the form changed"},
		"another version":           {state(t, func(s *saved) { s.Version++ }), nil, "cannot be read"},
		"ranges beyond the rows":    {state(t, func(s *saved) { s.Done = [][2]int{{0, 121}} }), nil, "cannot be read"},
		"ranges over each other":    {state(t, func(s *saved) { s.Done = [][2]int{{0, 50}, {40, 60}} }), nil, "cannot be read"},
		"ranges of nothing":         {state(t, func(s *saved) { s.Done = [][2]int{{50, 50}} }), nil, "cannot be read"},
		"refused rows of no length": {state(t, func(s *saved) { s.Refused = -1 }), nil, "cannot be read"},
		"less refused than none":    {state(t, func(s *saved) { s.Rejected = -1 }), nil, "cannot be read"},
		"half a state":              {func(in inputs) { overwrite(t, in.file+".state.json", `{"version":1`) }, nil, "cannot be read"},
		"the refused rows are gone": {state(t, func(s *saved) { s.Refused = 1 }), nil, "rejected.ndjson is no longer what it was"},
		"-restart":                  {func(inputs) {}, []string{"-restart"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := inputs{write(t, "a.ndjson", content.String()), write(t, "map.yaml", string(fuel))}
			a, _ := interrupted(t, 1, in.file, allCreated, "-map", in.mapping)
			require.FileExists(t, in.file+".state.json")
			tt.change(in)
			a.again(allCreated)
			o := run(t.Context(), t, a, nil, append(tt.args, "-map", in.mapping, in.file)...)
			assert.Equal(t, exitStored, o.exit, o.stderr)
			assert.Zero(t, o.summary.Before)
			assert.GreaterOrEqual(t, o.summary.Outcomes["created"], 120)
			if tt.want != "" {
				assert.Contains(t, o.stderr, "starting over")
				assert.Contains(t, o.stderr, tt.want)
			}
			assert.NoFileExists(t, in.file+".state.json")
		})
	}
	for name, change := range map[string]func(*saved){
		"the same file, but other rows of it":   func(s *saved) { s.Order = strings.Repeat("0", 64) },
		"the same file, but more rows than now": func(s *saved) { s.Observations++ },
	} {
		t.Run(name, func(t *testing.T) {
			in := inputs{write(t, "a.ndjson", content.String()), write(t, "map.yaml", string(fuel))}
			a, _ := interrupted(t, 1, in.file, allCreated, "-map", in.mapping)
			state(t, change)(in)
			a.again(allCreated)
			o := run(t.Context(), t, a, nil, "-map", in.mapping, in.file)
			assert.Equal(t, exitRefused, o.exit)
			assert.Contains(t, o.stderr, "use -restart")
			assert.Equal(t, 120, o.summary.NotSent)
			assert.Empty(t, a.bodies)
		})
	}
}

// TestResume_holes checks that the next run leaves out exactly what was acknowledged: batches out of order, and items of a batch.
func TestResume_holes(t *testing.T) {
	t.Parallel()
	file := write(t, "a.ndjson", observations(1500, false))
	other := make(chan struct{})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var mu sync.Mutex
	acknowledged := map[string]int{}
	server := parallelAPI(t, func(items []json.RawMessage) response {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(string(items[0]), `"P0"`) { // the first batch has no outcome, the second does, the third in part
			mu.Unlock()
			<-other
			mu.Lock()
			interrupt()
			return response{status: 503}
		}
		list := make([]string, len(items))
		for i, item := range items {
			list[i] = "created"
			if strings.Contains(string(item), `"P1000"`) || strings.Contains(string(item), `"P1499"`) {
				list[i] = "throttled"
			} else {
				acknowledged[string(item)]++
			}
		}
		if len(acknowledged) == 998 {
			close(other)
		}
		return outcomes(list...)
	})
	o := run(ctx, t, server, nil, "-in-flight", "3", "-attempts", "1", file)
	assert.Equal(t, 502, o.summary.Failed, o.stderr)
	require.Len(t, acknowledged, 998)

	a := parallelAPI(t, func(items []json.RawMessage) response {
		mu.Lock()
		defer mu.Unlock()
		for _, item := range items {
			acknowledged[string(item)]++
		}
		return allCreated(0, items)
	})
	rewriteURL(t, file, a.URL)
	o = run(t.Context(), t, a, nil, file)
	assert.Equal(t, exitStored, o.exit, o.stderr)
	assert.Equal(t, 998, o.summary.Before)
	assert.Len(t, acknowledged, 1500)
	for item, times := range acknowledged {
		require.Equal(t, 1, times, item)
	}
}

// rewriteURL makes the state of a file belong to another test server.
func rewriteURL(t *testing.T, file, url string) {
	t.Helper()
	var s saved
	text, err := os.ReadFile(file + ".state.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &s))
	s.Of.URL = url
	text, err = json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file+".state.json", text, 0o600))
}

// TestResume_refused checks that at the end every refused row is in its file once, whatever was there when the run before
// died: what was written down but not yet acknowledged comes again.
func TestResume_refused(t *testing.T) {
	t.Parallel()
	third := func(_ int, items []json.RawMessage) response {
		list := make([]string, len(items))
		for i := range items {
			list[i] = []string{"created", "rejected", "conflict"}[i%3]
		}
		return outcomes(list...)
	}
	file := write(t, "a.ndjson", "no JSON\n"+observations(150, false)+"nor this\n")
	whole := run(t.Context(), t, newAPI(t, third), nil, "-in-flight", "1", "-batch", "50", file)
	want := refused(t, file)
	require.Equal(t, 101, len(want), "two here, 33 of each batch by the API") //nolint:testifylint // Len would print all

	a, o := interrupted(t, 2, file, third)
	assert.Equal(t, 2, o.summary.Unsendable)
	out, err := os.OpenFile(file+".rejected.ndjson", os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = out.WriteString(`{"line":110,"problem":{"type":"not acknow`)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	kept, err := os.ReadFile(file + ".rejected.ndjson")
	require.NoError(t, err)
	a.again(third)
	o = run(t.Context(), t, a, nil, file)
	assert.Equal(t, exitRefused, o.exit, "refused before is refused")
	assert.Equal(t, 100, o.summary.Before)
	assert.Equal(t, whole.summary.Rejected+whole.summary.Conflict, o.summary.RefusedBefore+o.summary.Rejected+o.summary.Conflict)
	assert.Equal(t, want, refused(t, file))

	// As long as before, but different: everything is sent again, so that no refusal is lost.
	a, _ = interrupted(t, 2, file, third)
	kept = bytes.Replace(kept, []byte("amount-precision"), []byte("another-precisio"), 1)
	require.NoError(t, os.WriteFile(file+".rejected.ndjson", kept, 0o600))
	a.again(third)
	o = run(t.Context(), t, a, nil, "-in-flight", "1", "-batch", "50", file)
	assert.Contains(t, o.stderr, "rejected.ndjson is no longer what it was")
	assert.Zero(t, o.summary.Before)
	assert.Equal(t, want, refused(t, file))
}

// TestResume_refusedFirst: before the state says that a refused row is done, the row is in its file.
func TestResume_refusedFirst(t *testing.T) {
	t.Parallel()
	file := write(t, "a.ndjson", observations(150, false))
	batches := 0
	var first *os.File
	a := newAPI(t, func(n int, items []json.RawMessage) response {
		batches = n
		switch n {
		case 2:
			var err error
			first, err = os.Open(file + ".state.json")
			assert.NoError(t, err)
		case 3:
			var s saved
			assert.NoError(t, json.NewDecoder(first).Decode(&s), "a state is replaced, not written over")
			assert.Equal(t, [][2]int{{0, 50}}, s.Done)
		}
		if n > 1 {
			var s saved
			text, err := os.ReadFile(file + ".state.json")
			assert.NoError(t, err)
			assert.NoError(t, json.Unmarshal(text, &s))
			assert.Equal(t, [][2]int{{0, (n - 1) * 50}}, s.Done)
			assert.Equal(t, n-1, s.Rejected)
			written, err := os.ReadFile(file + ".rejected.ndjson")
			require.NoError(t, err)
			assert.Equal(t, n-1, bytes.Count(written, []byte("\n")))
			assert.Len(t, written, int(s.Refused))
		}
		return outcomes(append(slices.Repeat([]string{"created"}, len(items)-1), "rejected")...)
	})
	o := run(t.Context(), t, a, nil, "-in-flight", "1", "-batch", "50", file)
	assert.Equal(t, exitRefused, o.exit)
	assert.Equal(t, 3, batches)
	assert.Len(t, refused(t, file), 3)
}

// TestResume_format: what was read as CSV is not what is read as lines.
func TestResume_format(t *testing.T) {
	t.Parallel()
	file := write(t, "a", csvHeader+strings.Repeat("P1,shop,InStock,1,USD,a,feed,2026-01-01T00:00:00Z\n", 120))
	a, _ := interrupted(t, 1, file, allCreated, "-format", "csv")
	a.again(allCreated)
	o := run(t.Context(), t, a, nil, "-format", "ndjson", file)
	assert.Contains(t, o.stderr, "the form changed")
	assert.Empty(t, a.bodies, "no line is JSON")
}

// TestResume_twice: a run that resumed can be resumed.
func TestResume_twice(t *testing.T) {
	t.Parallel()
	file := write(t, "a.ndjson", observations(200, false))
	oneRefused := func(_ int, items []json.RawMessage) response {
		return outcomes(append(slices.Repeat([]string{"created"}, len(items)-1), "rejected")...)
	}
	a, _ := interrupted(t, 1, file, oneRefused)
	for done := 50; done < 200; done += 50 {
		ctx, interrupt := context.WithCancel(t.Context())
		a.again(func(n int, items []json.RawMessage) response {
			if n > 1 {
				interrupt()
				return response{status: 503}
			}
			return oneRefused(n, items)
		})
		o := run(ctx, t, a, nil, "-in-flight", "1", "-batch", "50", file)
		interrupt()
		assert.Contains(t, o.stderr, fmt.Sprintf("resuming an earlier run: %d of 200 observations are acknowledged", done))
		assert.Equal(t, done, o.summary.Before)
		assert.Equal(t, done/50, o.summary.RefusedBefore)
	}
	assert.Len(t, refused(t, file), 4)
	assert.NoFileExists(t, file+".state.json")
}

// TestResume_cannotWrite: a run whose state cannot be kept any more ends, rather than go on and send everything again later.
func TestResume_cannotWrite(t *testing.T) {
	t.Parallel()
	file := write(t, "a.ndjson", observations(500, false))
	a := newAPI(t, func(n int, items []json.RawMessage) response {
		if n == 2 {
			assert.NoError(t, os.MkdirAll(filepath.Join(file+".state.json.tmp", "a folder"), 0o700)) //nolint:testifylint // in the server
		}
		return allCreated(n, items)
	})
	o := run(t.Context(), t, a, nil, "-in-flight", "1", "-batch", "50", file)
	assert.Equal(t, exitRefused, o.exit)
	assert.Contains(t, o.stderr, "write the state")
	assert.LessOrEqual(t, o.summary.Outcomes["created"], 150)
	assert.Positive(t, o.summary.NotSent)
}

func TestResume_severalFiles(t *testing.T) {
	t.Parallel()
	first, second := write(t, "a.ndjson", observations(70, false)), write(t, "b.ndjson", observations(110, false))
	a, _ := interrupted(t, 3, second, allCreated, first) // two batches of the first, one of the second
	a.again(allCreated)
	o := run(t.Context(), t, a, nil, first, second)
	assert.Equal(t, exitStored, o.exit, o.stderr)
	assert.Equal(t, 120, o.summary.Before)
	assert.Equal(t, map[string]int{"created": 60}, o.summary.Outcomes)
	assert.Contains(t, o.stderr, "70 of 70 observations are acknowledged, 0 are left")
	assert.NoFileExists(t, first+".state.json")
	assert.NoFileExists(t, second+".state.json")
}

func TestResume_nothingToKeep(t *testing.T) {
	t.Parallel()
	t.Run("a folder that cannot be written to", func(t *testing.T) {
		file := write(t, "a.ndjson", observations(1, false))
		o := run(t.Context(), t, newAPI(t, allCreated), nil, "-rejected-dir", filepath.Join(t.TempDir(), "missing"), file)
		assert.Equal(t, exitStored, o.exit)
		assert.Contains(t, o.stderr, "no state is kept")
	})
	for name, args := range map[string][]string{"a state that cannot be read": nil, "nor with -restart": {"-restart"}} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "a.ndjson", observations(1, false))
			require.NoError(t, os.MkdirAll(filepath.Join(file+".state.json", "a folder"), 0o700))
			o := run(t.Context(), t, newAPI(t, allCreated), nil, append(args, file)...)
			assert.Equal(t, exitStored, o.exit, o.stderr)
			assert.Contains(t, o.stderr, "no state is kept")
			assert.NoFileExists(t, file+".state.json.lock")
		})
	}
	t.Run("two feeders", func(t *testing.T) {
		file := write(t, "a.ndjson", observations(120, false))
		a := newAPI(t, nil)
		var inner outcome
		b := newAPI(t, func(_ int, items []json.RawMessage) response {
			return outcomes(slices.Repeat([]string{"rejected"}, len(items))...)
		})
		one := write(t, "one.ndjson", observations(1, false))
		a.answer = func(n int, items []json.RawMessage) response {
			if n == 2 { // while this one has the lock
				inner = run(t.Context(), t, b, nil, one, file)
			}
			return allCreated(n, items)
		}
		o := run(t.Context(), t, a, nil, "-in-flight", "1", "-batch", "50", file)
		assert.Equal(t, exitStored, o.exit, o.stderr)
		assert.Equal(t, 120, o.summary.Outcomes["created"])
		assert.Contains(t, inner.stderr, "another feeder is sending it")
		assert.Equal(t, 121, inner.summary.Rejected)
		assert.NoFileExists(t, file+".rejected.ndjson", "the other's")
		assert.Len(t, refused(t, fmt.Sprintf("%s.%d-1", file, os.Getpid())), 120)
		assert.NoFileExists(t, file+".state.json")
		assert.NoFileExists(t, file+".state.json.lock")
	})
}

// parallelAPI answers batches without a lock, so that several can be on the way.
func parallelAPI(t *testing.T, answer func([]json.RawMessage) response) *api {
	t.Helper()
	a := &api{t: t}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var batch struct{ Observations []json.RawMessage }
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&batch))
		resp := answer(batch.Observations)
		w.WriteHeader(resp.status)
		_, _ = io.WriteString(w, resp.body)
	}))
	t.Cleanup(a.Close)
	return a
}
