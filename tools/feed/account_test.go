package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// An account is what a file has, and what has become of it according to the API.
type account struct {
	rows []*accountRow

	mu       sync.Mutex
	before   map[string]string // how the API has answered each observation, by row and column, in the runs that the present one resumes
	now      map[string]string // and in the present one
	tries    map[string]int
	requests int      // of the present run
	calm     bool     // whatever is sent is answered for good
	stopAt   int      // the number of the request during which the run is interrupted; 0: none
	stop     func()   // interrupts the run
	again    []string // observations that were sent although the API had answered them
}

// accountRow is a row of a file. Its observations are named by it and their column.
type accountRow struct {
	id      string
	line    int
	whole   bool // it is refused as a whole, here
	skipped bool
	parts   []string // columns of the observations that are sent
	broken  []string // columns of those that are refused here
}

// accountFile is a file of any form with any damage that leaves it clear which rows it has.
type accountFile struct {
	name, content, mapping string
	rows                   []*accountRow
}

const accountMapping = `
productId: {from: item}
competitorId: {from: shop, slug: true}
availability: {value: InStock}
price: {from: cell, decimal: "."}
currency: {value: EUR}
observedAt: {from: day}
source: {id: s, kind: feed}
skip: [{column: item, matches: ^Skip}]
`

func drawAccountFile(t *rapid.T) accountFile {
	f := accountFile{
		name: rapid.SampledFrom([]string{"a.csv", "a.ndjson", "a.json"}).Draw(t, "name"), mapping: accountMapping,
	}
	unpivot := rapid.Bool().Draw(t, "unpivot")
	names := []string{"item", "day", "shop", "cell"}
	if unpivot {
		names = []string{"item", "day", "a1", "b2", "c3"}
		f.mapping += "unpivot: {columns: [a1, b2, c3], name: shop, value: cell}\n"
	}
	var lines []string
	isCSV, isArray := f.name == "a.csv", f.name == "a.json"
	if isCSV {
		lines = append(lines, strings.Join(names, ","))
	}
	if isArray {
		lines = append(lines, "[")
	}
	n := rapid.IntRange(0, 25).Draw(t, "rows")
	cut := false
	for i := range n {
		if rapid.IntRange(0, 9).Draw(t, "blank") == 0 {
			lines = append(lines, "")
		}
		r := &accountRow{id: fmt.Sprintf("R%03d", i), line: len(lines) + 1}
		kind := rapid.SampledFrom([]string{"good", "good", "good", "good", "skip", "cut", "other"}).Draw(t, "kind")
		switch {
		case isArray && kind == "other" && cut: // reading resumes at the next object, and what is before that is part of the damage
			kind = "good"
		case i == 0 && kind == "other": // else a file could have no object at all, and is told to be no JSON
			kind = "good"
		}
		cut = kind == "cut"
		cells := []string{r.id, time.Unix(rapid.Int64Range(0, 20).Draw(t, "day"), 0).UTC().Format(time.RFC3339)}
		if kind == "skip" {
			r.id, r.skipped = "Skip"+r.id, true
			cells[0] = r.id
		}
		cell := rapid.SampledFrom([]string{"1.5", "1.5", "2", "much", ""})
		if unpivot {
			for _, column := range names[2:] {
				c := cell.Draw(t, "cell")
				cells = append(cells, c)
				switch c {
				case "":
				case "much":
					r.broken = append(r.broken, column)
				default:
					r.parts = append(r.parts, column)
				}
			}
			r.skipped = r.skipped || len(r.parts)+len(r.broken) == 0
		} else {
			c := cell.Draw(t, "cell")
			cells = append(cells, "shop", c)
			if c == "much" {
				r.broken = []string{""}
			} else {
				r.parts = []string{""}
			}
		}
		if kind == "cut" || kind == "other" {
			r.whole, r.skipped = true, false
		}
		if r.whole || r.skipped {
			r.parts, r.broken = nil, nil
		}
		f.rows = append(f.rows, r)
		lines = append(lines, accountLine(kind, names, cells, isCSV, isArray && i < n-1))
	}
	if isArray {
		lines = append(lines, "]")
	}
	f.content = strings.Join(lines, "\n") + "\n"
	return f
}

func accountLine(kind string, names, cells []string, isCSV, comma bool) string {
	if isCSV {
		switch kind {
		case "cut":
			cells = cells[:len(cells)-1]
		case "other":
			cells[len(cells)-1] = `"x` + cells[len(cells)-1] // two of these are never one text over several lines
		}
		return strings.Join(cells, ",")
	}
	var members []string
	for i, name := range names {
		members = append(members, fmt.Sprintf("%q:%q", name, cells[i]))
	}
	line := "{" + strings.Join(members, ",") + "}"
	switch kind {
	case "cut":
		return line[:len(line)-1]
	case "other":
		line = `"` + cells[0] + `"`
	}
	if comma {
		line += ","
	}
	return line
}

// breakOff packs the file and cuts it off, if that leaves it clear where.
func (f *accountFile) breakOff(t *rapid.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for line := range strings.Lines(f.content) {
		_, err := io.WriteString(z, line)
		require.NoError(t, err)
		require.NoError(t, z.Flush())
	}
	head := b.Len()
	require.NoError(t, z.Close())
	cut := b.Bytes()[:rapid.IntRange(10, head).Draw(t, "cut")]
	in, err := gzip.NewReader(bytes.NewReader(cut))
	require.NoError(t, err)
	whole, _ := io.ReadAll(in)
	lines := bytes.Count(whole, []byte("\n"))
	if lines == 0 { // not even the header
		return
	}
	f.name, f.content = f.name+".gz", string(cut)
	f.rows = slices.DeleteFunc(f.rows, func(r *accountRow) bool { return r.line > lines })
	f.rows = append(f.rows, &accountRow{id: "", line: 0, whole: true}) // the break counts as a row that is refused
}

// answers is an API that answers at random, but the same to the same question, and accounts for what is heard of it.
func (a *account) answers(seed int) http.HandlerFunc {
	chance := func(of int, parts ...any) int {
		h := fnv.New32a()
		_, _ = fmt.Fprint(h, append(parts, seed))
		return int(h.Sum32()>>4) % of
	}
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.requests++
		n := a.requests
		var batch struct {
			Observations []struct{ ProductID, CompetitorID string }
		}
		if err == nil {
			err = json.Unmarshal(body, &batch)
		}
		if err != nil {
			panic(err)
		}
		var keys []string
		for _, o := range batch.Observations {
			key := o.ProductID
			if o.CompetitorID != "shop" {
				key += " " + o.CompetitorID
			}
			keys = append(keys, key)
			if a.before[key] != "" || a.now[key] != "" {
				a.again = append(a.again, key)
			}
		}
		whole := chance(12, "batch", n)
		if a.calm {
			whole = 11
		}
		if n == a.stopAt {
			a.stop()
			whole = 0
		}
		switch {
		case whole == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case whole == 1:
			panic(http.ErrAbortHandler) // the connection is lost
		case whole == 2 && n > 2:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"type":"urn:problem-type:pricing:unauthorized","status":401}`)
			return
		case whole == 3:
			for _, key := range keys {
				a.now[key] = "rejected"
			}
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"type":"urn:problem-type:pricing:malformed-json","status":422}`)
			return
		}
		words := []string{"created", "created", "created", "rejected", "conflict", "throttled", "failed"}
		if a.calm {
			words = words[:5]
		}
		var said []string
		for _, key := range keys {
			a.tries[key]++
			word := words[chance(len(words), key, a.tries[key])]
			said = append(said, word)
			if word != "throttled" && word != "failed" {
				a.now[key] = word
			}
		}
		resp := outcomes(said...)
		w.WriteHeader(resp.status)
		_, _ = io.WriteString(w, resp.body)
	}
}

// want is what the summary says of the rows, if each observation has been answered.
func (a *account) want() map[string]int {
	count := map[string]int{}
	for _, r := range a.rows {
		is := map[string]bool{}
		for _, p := range r.parts {
			key := strings.TrimSpace(r.id + " " + p)
			if a.before[key] != "" {
				is["before"] = true
			}
			is[a.now[key]] = true
		}
		switch {
		case r.whole || len(r.broken) > 0:
			count["unsendable"]++
		case r.skipped:
			count["skipped"]++
		case is["rejected"]:
			count["rejected"]++
		case is["conflict"]:
			count["conflict"]++
		case is["before"]:
			count["before"]++
		default:
			count["stored"]++
		}
	}
	return count
}

// refused are the lines that the file of refused rows has: the line of each row, with the column of each observation.
func (a *account) refused() []string {
	var all []string
	for _, r := range a.rows {
		if r.whole {
			all = append(all, fmt.Sprintf("%s %d ", r.id, r.line))
		}
		for _, p := range r.broken {
			all = append(all, fmt.Sprintf("%s %d %s", r.id, r.line, p))
		}
		for _, p := range r.parts {
			key := strings.TrimSpace(r.id + " " + p)
			if said := a.before[key] + a.now[key]; said == "rejected" || said == "conflict" {
				all = append(all, fmt.Sprintf("%s %d %s", r.id, r.line, p))
			}
		}
	}
	slices.Sort(all)
	return all
}

// writtenDown are the lines that the file of refused rows really has.
func (a *account) writtenDown(t require.TestingT, path string) []string {
	text, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		var r refusedRow
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		id := ""
		for _, row := range a.rows {
			if row.id != "" && bytes.Contains(r.Row, []byte(row.id)) {
				id = row.id
			}
		}
		if string(r.Row) == "null" {
			r.Line = 0 // the line where a file breaks off
		}
		all = append(all, fmt.Sprintf("%s %d %s", id, r.Line, r.Column))
	}
	slices.Sort(all)
	return all
}

// TestAccount: whatever the rows are, wherever they are damaged, whatever the API answers and wherever the run is interrupted, each row of
// the // file is counted once, and the file of refused rows has exactly those that were refused, in that run and those that it resumes.
func TestAccount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := drawAccountFile(rt)
		if f.name != "a.json" && rapid.IntRange(0, 3).Draw(rt, "breaks") == 0 {
			f.breakOff(rt)
		}
		a := &account{rows: f.rows, before: map[string]string{}, tries: map[string]int{}}
		server := httptest.NewServer(a.answers(rapid.Int().Draw(rt, "seed")))
		defer server.Close()
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		file := filepath.Join(dir, f.name)
		require.NoError(rt, os.WriteFile(file, []byte(f.content), 0o600))
		mapping := filepath.Join(dir, "map.yaml")
		require.NoError(rt, os.WriteFile(mapping, []byte(f.mapping), 0o600))
		runs := rapid.IntRange(1, 3).Draw(rt, "runs")
		for i := range runs {
			ctx, stop := context.WithCancel(t.Context())
			a.mu.Lock() // an abandoned request may still be under way
			a.calm, a.requests, a.stopAt, a.stop = i == runs-1, 0, 0, stop
			if !a.calm {
				a.stopAt = rapid.IntRange(0, 6).Draw(rt, "stop")
			}
			if _, err := os.Stat(file + stateSuffix); err != nil {
				a.before = map[string]string{}
			}
			a.now, a.again = map[string]string{}, nil
			a.mu.Unlock()
			o := run(ctx, t, &api{Server: server}, nil, "-map", mapping, "-attempts", "2",
				"-in-flight", fmt.Sprint(rapid.IntRange(1, 3).Draw(rt, "in-flight")),
				"-batch", fmt.Sprint(rapid.IntRange(1, 9).Draw(rt, "batch")), file)
			stop()
			a.mu.Lock()
			s := o.summary
			assert.Equal(rt, len(f.rows), s.Rows, o.stderr)
			assert.Equal(rt, s.Rows, s.Stored+s.Before+s.Skipped+s.Conflict+s.Rejected+s.Unsendable+s.Failed+s.NotSent, o.stderr)
			assert.Equal(rt, a.refused(), a.writtenDown(rt, file+rejectedSuffix), o.stderr)
			assert.Empty(rt, a.again, "what is acknowledged is not sent again")
			stored := 0
			for _, word := range a.now {
				if word == "created" {
					stored++
				}
			}
			assert.Equal(rt, stored, s.Outcomes["created"])
			if a.calm {
				got := map[string]int{}
				for name, n := range map[string]int{"stored": s.Stored, "before": s.Before, "skipped": s.Skipped, "conflict": s.Conflict,
					"rejected": s.Rejected, "unsendable": s.Unsendable, "failed": s.Failed, "not sent": s.NotSent} {
					if n > 0 {
						got[name] = n
					}
				}
				assert.Equal(rt, a.want(), got, o.stderr)
				assert.NoFileExists(rt, file+stateSuffix)
			}
			maps.Copy(a.before, a.now)
			a.mu.Unlock()
			kept := snapshot(rt, dir)
			tried := run(t.Context(), t, &api{Server: server}, nil, "-print", "-map", mapping, file)
			assert.Equal(rt, len(f.rows), tried.summary.Rows, tried.stderr)
			require.NoError(rt, removeIfThere(file+dryRunSuffix))
			assert.Equal(rt, kept, snapshot(rt, dir), "what is only tried changes nothing")
		}
	})
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !os.IsNotExist(err) {
		return err
	}
	return nil
}

// snapshot has all files of a folder.
func snapshot(t require.TestingT, dir string) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(text)
	}
	return all
}
