package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// recordings are the two logs: of two runs of the project on a laptop and a third one, which TestRecord makes; and of AWS, by the shapes
// that its documents have (tools/templatetest/testdata), as Logs Insights gives them.
var recordings = []string{"log.ndjson", "aws.ndjson"}

func lines(t testing.TB, names ...string) (all []string) {
	t.Helper()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		all = append(all, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	return all
}

// unrelated are lines of other requests: the recorded ones with other ids, later and later.
func unrelated(all []string, seed uint64) []string {
	random := rand.New(rand.NewPCG(seed, 1))
	ids := regexp.MustCompile(`"(requestId|lambdaRequestId|authorizerLambdaRequestId|correlationId|observationId|traceId)":"[^"-][^"]+"`)
	others := make([]string, len(all))
	for i, line := range all {
		others[i] = ids.ReplaceAllStringFunc(line, func(member string) string {
			name, _, _ := strings.Cut(member, ":")
			return fmt.Sprintf(`%s:"%016x%016x"`, name, random.Uint64(), random.Uint64())
		})
	}
	return others
}

func written(t testing.TB, all []string) file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.ndjson")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(all, "\n")+"\n"), 0o600))
	return file{path}
}

// told runs the tool and returns what it prints.
func told(t testing.TB, from source, o options) (string, error) {
	t.Helper()
	var out bytes.Buffer
	at, exact := time.Time{}, time.Second
	if o.at != "" {
		var err error
		at, err = time.Parse(time.RFC3339, o.at)
		require.NoError(t, err)
		if at.Nanosecond() != 0 {
			exact = time.Millisecond
		}
	}
	err := trace(t.Context(), from, o, at, exact, &out)
	return out.String(), err
}

// one finds the only request of an id.
func one(t testing.TB, from source, id string) way {
	t.Helper()
	ways, others, err := follow(t.Context(), from, id, usual)
	require.NoError(t, err)
	require.Len(t, ways, 1, id)
	require.Zero(t, others)
	return ways[0]
}

// TestFailures: of each recorded failure layer and cause are right from the id alone, among lines of others.
func TestFailures(t *testing.T) {
	t.Parallel()
	all := lines(t, recordings...)
	from := written(t, slices.Concat(unrelated(all, 1), all, unrelated(all, 2)))
	words := map[string]string{ // those of processes that died, and no neighbour's
		"a crash": "panic: as told", "an exit": "it has written no reason", "AWS: a fatal error": "fatal error: concurrent map writes",
		"a process that dies at its start": "TABLE_NAME is not set", "the old service is slow": " ms, the gateway's limit",
		"writes are throttled":                    "too many writes to one product, O-1 (KeyRange)",
		"a board that cannot be decoded: a read":  "The board of product O-2 cannot be read: its first byte is of no form",
		"a board that cannot be decoded: a write": "The board of product O-2 cannot be read: its first byte is of no form",
		"401: revoked":                            "The authorizer refused the token of t, key id ",
		"401: unknown":                            "The authorizer refused the token, client not known: ",
		"AWS: a process that dies at its start":   "TABLE_NAME is not set",
	}
	for _, f := range failures(t) {
		w := one(t, from, f.ID)
		c := why(w)
		assert.Contains(t, c.Text, words[f.Name], f.Name)
		assert.Equal(t, f.Layer+": "+f.Code, c.Layer+": "+c.Code, "%s: %s", f.Name, c.Text)
		assert.NotContains(t, c.Text, "%!", f.Name)
		assert.Equal(t, c.Layer == nowhere && c.Code != "slow", c.Runbook == "", f.Name)
		assert.NotContains(t, text(fmt.Sprint(w.steps())), "%!", f.Name)
	}
}

// TestFailures_AnyID: each of a request's ids finds the same.
func TestFailures_AnyID(t *testing.T) {
	t.Parallel()
	from := written(t, lines(t, recordings...))
	tried := 0
	for _, f := range failures(t) {
		w := one(t, from, f.ID)
		for _, link := range w.links() {
			name, id, _ := strings.Cut(link, " ")
			ways, _, err := follow(t.Context(), from, id, usual)
			require.NoError(t, err)
			assert.True(t, slices.ContainsFunc(ways, func(other way) bool { return other.id() == w.id() && why(other) == why(w) }),
				"%s by %s", f.Name, name)
			tried++
		}
	}
	assert.Greater(t, tried, 100)
}

// TestProperty_Order: the order of the lines in the file makes no difference.
func TestProperty_Order(t *testing.T) {
	t.Parallel()
	all := lines(t, recordings...)
	straight := written(t, all)
	known := failures(t)
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		shuffled := rapid.Permutation(all).Draw(rt, "lines")
		f := rapid.SampledFrom(known).Draw(rt, "failure")
		path := filepath.Join(dir, "log.ndjson")
		if err := os.WriteFile(path, []byte(strings.Join(shuffled, "\n")), 0o600); err != nil {
			rt.Fatal(err)
		}
		want, err := told(t, straight, options{ids: []string{f.ID}})
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := told(t, file{path}, options{ids: []string{f.ID}}); err != nil || got != want {
			rt.Fatalf("%s: %v\n%s\nand in order\n%s", f.Name, err, got, want)
		}
	})
}

// TestForms: a log is read as samkit/local, `aws logs` and exports have it.
func TestForms(t *testing.T) {
	t.Parallel()
	all := lines(t, "aws.ndjson")
	wrap := func(how func(at time.Time, group, message string) string) (wrapped []string) {
		for _, line := range all {
			var row map[string]string
			require.NoError(t, json.Unmarshal([]byte(line), &row))
			at, err := time.Parse("2006-01-02 15:04:05.000", row["@timestamp"])
			require.NoError(t, err)
			_, group, _ := strings.Cut(row["@log"], ":")
			wrapped = append(wrapped, how(at, group, row["@message"]))
		}
		return wrapped
	}
	object := func(v any) string {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return string(text)
	}
	forms := map[string][]string{
		"filter-log-events": wrap(func(at time.Time, group, message string) string {
			return object(map[string]any{"timestamp": at.UnixMilli(), "message": message, "logGroupName": group})
		}),
		"an export to S3": wrap(func(at time.Time, _, message string) string { return at.Format("2006-01-02T15:04:05.000Z ") + message }),
		"bare":            wrap(func(_ time.Time, _, message string) string { return message }),
	}
	for name, form := range forms {
		from := written(t, form)
		for _, f := range failures(t) {
			if strings.HasPrefix(f.Name, "AWS") {
				w := one(t, from, f.ID)
				noTime := name == "bare" && (f.Code == "gateway-may-not-call") // a text without a time belongs to no moment
				if c := why(w); !noTime {
					assert.Equal(t, f.Code, c.Code, "%s: %s", name, f.Name)
				}
			}
		}
	}
	packed := filepath.Join(t.TempDir(), "000000.gz")
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, err := zip.Write([]byte(strings.Join(forms["an export to S3"], "\n")))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	require.NoError(t, os.WriteFile(packed, out.Bytes(), 0o600))
	assert.Equal(t, "function-timeout", why(one(t, file{packed}, "79104ef3-0e16-49ed-bd6e-3d0d3e4e0004")).Code)
}

// TestFile_Blocks: a line is found wherever it stands: across the edges of blocks, longer than one, at the end without a newline.
func TestFile_Blocks(t *testing.T) {
	t.Parallel()
	var all []string
	for seed := range uint64(30) {
		all = append(all, unrelated(lines(t, "log.ndjson"), seed)...)
	}
	all = slices.Insert(all, len(all)/2, `{"status":"503","x":"`+strings.Repeat("x", 3<<20)+`"}`)
	path := filepath.Join(t.TempDir(), "log.ndjson")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(all, "\n")), 0o600))
	texts := []string{`"status":"503"`, `"outcome"`}
	var want, got []string
	for _, line := range all {
		if strings.Contains(line, texts[0]) || strings.Contains(line, texts[1]) {
			want = append(want, line)
		}
	}
	found, err := file{path}.find(t.Context(), texts)
	require.NoError(t, err)
	for _, e := range found {
		got = append(got, e.text)
	}
	require.Greater(t, len(want), 2000)
	assert.True(t, slices.Equal(want, got), "%d lines of %d", len(got), len(want))
}

// TestUnknown: what is not there is an error that says where it was looked for.
func TestUnknown(t *testing.T) {
	t.Parallel()
	from := written(t, lines(t, "aws.ndjson"))
	_, err := told(t, from, options{ids: []string{"none"}})
	require.ErrorContains(t, err, "no line has the id none in "+from.path+" (0.0 MB, lines from 2026-07-06T09:")
	require.ErrorContains(t, err, " to 2026-07-06T09:26:22.011Z). Request ids have 16 characters and end in =. On AWS: -env NAME. ")
	_, err = told(t, file{filepath.Join(t.TempDir(), "none")}, options{ids: []string{"none"}})
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, args := range [][]string{{"a\"b"}, {"-client", "c"}, {}, {"a", "b\"c"}, {"a b"}, {"-client", "c", "-at", "t", "a"}} {
		_, err := parse(args)
		require.Error(t, err, args)
	}
	err = run(t.Context(), options{file: "none/.local/log.ndjson", ids: []string{"a"}}, &bytes.Buffer{})
	require.ErrorContains(t, err, "`make run` writes it")
}

// TestClient: a batch is found by its client and the time at which it came.
func TestClient(t *testing.T) {
	t.Parallel()
	from := written(t, lines(t, "log.ndjson"))
	var batch failure
	for _, f := range failures(t) {
		if f.Code == "items-refused" {
			batch = f
		}
	}
	line := one(t, from, batch.ID).function.line
	received := line.began()
	got, err := told(t, from, options{client: "t", at: received.Format("2006-01-02T15:04:05.000Z")})
	require.NoError(t, err)
	assert.Contains(t, got, "request "+batch.ID)
	got, err = told(t, from, options{client: "t", at: received.Format("2006-01-02T15:04:05Z")})
	require.NoError(t, err)
	assert.Contains(t, got, batch.ID, "among those of the second")
	first := regexp.MustCompile(`(?m)^(\d+) requests of client t at \S+; these are the newest 10, and -most (\d+) lists all; run trace `)
	m := first.FindStringSubmatch(got)
	require.NotNil(t, m, got)
	assert.Equal(t, m[1], m[2])
	row := regexp.MustCompile(`(?m)^(\S+) +` + batch.ID + "  POST /v1/observations/batch  207  items-refused$").FindStringSubmatch(got)
	require.NotNil(t, row, got)
	at, err := told(t, from, options{client: "t", at: row[1]})
	require.NoError(t, err)
	assert.Contains(t, at, "request "+batch.ID, "a time as trace prints it")
	many, err := strconv.Atoi(m[2])
	require.NoError(t, err)
	got, err = told(t, from, options{client: "t", at: received.Format("2006-01-02T15:04:05Z"), most: many})
	require.NoError(t, err)
	assert.Contains(t, got, m[1]+" requests of client t at "+received.Format("2006-01-02T15:04:05Z")+"; run trace with one of these ids:")
	assert.Equal(t, many+2, strings.Count(got, "\n"))
	_, err = told(t, from, options{client: "t", at: "2020-01-01T00:00:00Z"})
	require.ErrorContains(t, err, "no request of client t that came at 2020-01-01T00:00:00Z is in ")
}

// TestMany: an id of a client's choice may stand for many requests. It leads to no other's.
func TestMany(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 25 {
		all = append(all, fmt.Sprintf(`{"function":"F%02d","timestamp":"2026-07-06T09:14:%02d.000Z","message":"request",`+
			`"lambdaRequestId":"l%d","requestId":"r%d","correlationId":"night","status":200}`, 25-i, i, i, i))
	}
	all = append(all, `{"function":"F","timestamp":"2026-07-06T09:15:00.000Z","message":"request","lambdaRequestId":"m","requestId":"victim",`+
		`"correlationId":"l7","status":200}`)
	from := written(t, all)
	got, err := told(t, from, options{ids: []string{"night"}})
	require.NoError(t, err)
	assert.Contains(t, got, "25 requests with the id night; these are the newest 10, and -most 25 lists all; ")
	assert.Contains(t, got, "r24")
	assert.NotContains(t, got, "r14 ")
	for _, id := range []string{"r7", "victim"} {
		assert.Equal(t, id, one(t, from, id).id(), "a correlation id leads to nobody else's request")
	}
}

// TestJSON: for machines there is an object for each request, with the lines as the logs have them.
func TestJSON(t *testing.T) {
	t.Parallel()
	got, err := told(t, written(t, lines(t, "aws.ndjson")), options{ids: []string{"night-run-7"}, json: true})
	require.NoError(t, err)
	var d document
	require.NoError(t, json.Unmarshal([]byte(got), &d))
	assert.Equal(t, "store-distrusted", d.Code)
	assert.Equal(t, "ops/runbook.md#the-log-says-x509", d.Runbook)
	assert.Len(t, d.Lines, 2)
	assert.Equal(t, "reader-1", d.Client)
}

// TestMembers: each member that is read is written by one of the logs: by a function's code as it is now, in the template's format of the
// gateway's, in Lambda's documented lines. The one that samkit/local adds is in what it was recorded from.
func TestMembers(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				have[prefix+name] = true
				walk(prefix+name+".", member)
			}
		case []any:
			for _, element := range v {
				walk(prefix, element)
			}
		}
	}
	template, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	format := regexp.MustCompile(`(?s)Format: '(\{.*?\})'`).FindSubmatch(template)
	require.Len(t, format, 2)
	lambda, err := os.ReadFile("../templatetest/testdata/lambda.log")
	require.NoError(t, err)
	local := lines(t, "log.ndjson")
	for _, line := range local {
		require.True(t, strings.HasPrefix(line, `{"function":"`), line)
	}
	have["function"] = true
	texts := []string{string(format[1])}
	texts = append(texts, strings.Split(string(lambda), "\n")...)
	texts = append(texts, served(t)...)
	texts = append(texts, slices.DeleteFunc(local, func(line string) bool { // the authorizer's code is no package to import
		return !strings.Contains(line, `"message":"authorize"`)
	})...)
	for _, text := range texts {
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			walk("", v)
		}
	}
	var read func(prefix string, of reflect.Type) []string
	read = func(prefix string, of reflect.Type) (names []string) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return nil
		}
		for i := range of.NumField() {
			if name := of.Field(i).Tag.Get("json"); name != "" {
				names = append(append(names, prefix+name), read(prefix+name+".", of.Field(i).Type)...)
			}
		}
		return names
	}
	names := read("", reflect.TypeFor[members]())
	require.Greater(t, len(names), 50)
	for _, name := range names {
		assert.True(t, have[name], "%s is in no line", name)
	}
}

// FuzzRead: whatever a line holds, it is read without harm, and the same again in the envelope of Logs Insights.
func FuzzRead(f *testing.F) {
	for _, line := range append(lines(f, recordings...), "2026-07-06T09:14:03Z text", `{"@message":"{}"}`, `{"timestamp":1,"message":"x"}`) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e := read(line, "")
		w := way{function: side{line: &e, report: &e}, authorizer: side{line: &e}, gateway: &e}
		c := why(w)
		if c.Code == "" || strings.ContainsAny(printable(c.Text), "\n\x1b") {
			t.Fatalf("%q: %+v", line, c)
		}
		w.print(&bytes.Buffer{})
		if w.document().Lines == nil {
			t.Fatal("no lines")
		}
		if strings.ContainsAny(line, "\r\n") || strings.HasPrefix(line, `{"@`) {
			return
		}
		wrapped, err := json.Marshal(map[string]string{"@message": line, "@log": "1:/aws/lambda/x"})
		again := read(string(wrapped), "")
		if same := e.RequestID == again.RequestID && e.Message == again.Message; err == nil && json.Valid([]byte(line)) && !same {
			t.Fatalf("%q: %+v and %+v", line, e, again)
		}
	})
}

// BenchmarkFollow finds a request in 100 MB.
func BenchmarkFollow(b *testing.B) {
	all := lines(b, "log.ndjson")
	path := filepath.Join(b.TempDir(), "log.ndjson")
	out, err := os.Create(path)
	require.NoError(b, err)
	size := 0
	for seed := uint64(0); size < 100<<20; seed++ {
		n, err := out.WriteString(strings.Join(unrelated(all, seed), "\n") + "\n")
		require.NoError(b, err)
		size += n
	}
	_, err = out.WriteString(strings.Join(all, "\n") + "\n")
	require.NoError(b, err)
	require.NoError(b, out.Close())
	for _, f := range failures(b) {
		if f.Code == "function-dies-at-start" && !strings.HasPrefix(f.Name, "AWS") || f.Name == "413" {
			b.Run(f.Code, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					ways, _, err := follow(context.Background(), file{path}, f.ID, usual)
					require.NoError(b, err)
					require.Len(b, ways, 1)
				}
			})
		}
	}
}
