package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/tools/internal/history"
)

// table is a table for a test.
type table struct {
	*store.Store
	client *dynamodb.Client
	name   string
}

func newTable(t testing.TB) table {
	t.Helper()
	client, name := storetest.Table(t)
	return table{store.New(client, store.Options{Table: name, Retention: storetest.Retention, Width: 4}), client, name}
}

// environment is that of a command that works on tables of the tests' engine.
func environment(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-west-1",
		"AWS_ENDPOINT_URL_DYNAMODB": storetest.Endpoint(t)}
}

// export runs the command and returns what it told.
func export(t testing.TB, args ...string) (string, error) {
	t.Helper()
	var log bytes.Buffer
	env := environment(t)
	err := run(t.Context(), args, func(name string) string { return env[name] }, &log)
	return log.String(), err
}

var start = price.At(time.Date(2026, 3, 20, 1, 0, 0, 0, time.UTC))

// market records prices of four months: products with few and with many sellers, late data, and everything an observation may have.
// It returns the ids of all observations.
func market(t testing.TB, s *store.Store) []string {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	for _, id := range []string{"bigmart", "shopx"} {
		_, err := s.PutCompetitor(t.Context(), price.Competitor{ID: id, FreshFor: time.Hour, Active: true})
		require.NoError(t, err)
	}
	var all []price.Observation
	sellers := []string{"", "=1+1", "'quoted'", "'=x", "-5 %", "@home", `Otto "&" Söhne, Köln`}
	for len(sellers) < 60 {
		sellers = append(sellers, fmt.Sprintf("seller %d", len(sellers)))
	}
	for n := range 3000 {
		o := price.Observation{ObservedAt: start.Add(time.Duration(random.IntN(100*24*3600)) * time.Second)}
		o.Key = price.OfferKey{ProductID: fmt.Sprintf("P-%d", random.IntN(4)), CompetitorID: "bigmart"}
		if o.Key.ProductID == "P-3" { // the large one
			o.Key.CompetitorID = "shopx"
			o.Key.SellerID = sellers[random.IntN(len(sellers))]
		}
		o.Source = price.Source{ID: []string{"crawler-a", "-feed"}[random.IntN(2)], Confidence: price.Confidence(random.IntN(10_002) - 1),
			Kind: price.SourceKind(random.IntN(4))}
		usd := func() price.Money { return price.Money{Minor: random.Int64N(5000), Currency: "USD"} }
		o.Terms = price.Terms{Price: usd(), Availability: price.AvailabilityLimitedAvailability}
		switch n % 5 {
		case 0:
			o.Terms = price.Terms{Availability: price.AvailabilitySoldOut}
		case 1:
			o.Terms.Shipping, o.Terms.ListPrice, o.Terms.PriceType = usd(), usd(), price.PriceTypeClearance
			o.Terms.Promotion = price.Promotion{Present: true, Label: `+10 % drauf, "nur heute"`, ValidThrough: start.Add(time.Hour * 2000),
				MinQuantity: 3}
		case 2:
			o.Terms.Promotion = price.Promotion{Present: true, ValidThrough: 0}
			o.Key.Condition, o.Key.Audience, o.Key.Region = price.ConditionUsed, price.AudienceSignedIn, "-5"
		case 3:
			o.Terms.Price = price.Money{Minor: random.Int64N(5000), Currency: []string{"JPY", "KWD"}[random.IntN(2)]}
			o.Terms.Promotion = price.Promotion{Present: true, Label: "Sommer", ValidThrough: price.NoTime}
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b price.Observation) int { // nearly in order
		return int(a.ObservedAt/1e9+a.ObservedAt%7) - int(b.ObservedAt/1e9+b.ObservedAt%7)
	})
	ids := map[string]bool{}
	for request := range slices.Chunk(all, 100) {
		in := make([]price.Submission, len(request))
		for i, o := range request {
			in[i] = price.Submission{Observation: o, Writer: price.Writer{Client: []string{"night-run", "agency"}[i%2]}}
		}
		verdicts, err := s.Record(t.Context(), in, start.Add(120*24*time.Hour), false)
		require.NoError(t, err)
		for _, v := range verdicts {
			require.NoError(t, v.Err)
			ids[v.Result.Stored.ID(v.Result.Offer.Key)] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// stored is every observation that a table's API shows, as NDJSON has it, sorted.
func stored(t testing.TB, s *store.Store, products ...string) []string {
	t.Helper()
	var lines []string
	for _, product := range products {
		window := store.Window{From: start.Add(-1000 * 24 * time.Hour), To: start.Add(1000 * 24 * time.Hour), Limit: 1000}
		for {
			page, err := s.History(t.Context(), product, window)
			require.NoError(t, err)
			for _, row := range page.Rows {
				text, err := json.Marshal(newDocument(row))
				require.NoError(t, err)
				lines = append(lines, string(text))
			}
			if window.After = page.Next; window.After == nil {
				break
			}
		}
	}
	slices.Sort(lines)
	return lines
}

var products = []string{"P-0", "P-1", "P-2", "P-3"}

// lines are all lines of the NDJSON files of an export, sorted.
func lines(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "observations-*.ndjson"))
	require.NoError(t, err)
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			var d any
			require.NoError(t, json.Unmarshal([]byte(line), &d))
			all = append(all, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(all)
	return all
}

// unescaped is a line as json.Marshal escapes it.
func unescaped(lines []string) []string {
	out := slices.Clone(lines)
	for i := range out {
		out[i] = strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(out[i])
	}
	slices.Sort(out)
	return out
}

func state(t testing.TB, folder string) saved {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, stateName))
	require.NoError(t, err)
	var s saved
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}

func TestExport(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	ids := market(t, tab.Store)
	want := unescaped(stored(t, tab.Store, products...))
	require.Len(t, want, len(ids))
	folder := filepath.Join(t.TempDir(), "out")

	told, err := export(t, "-table", tab.name, "-out", folder, "-rows", "700", "-rate", "0")
	require.NoError(t, err, told)
	assert.Equal(t, want, lines(t, folder))
	s := state(t, folder)
	assert.Equal(t, len(ids), s.Counts.Written)
	assert.Equal(t, 4, s.Counts.Products)
	assert.Greater(t, s.Files, 2)
	assert.Zero(t, s.Counts.Refused)
	assert.Greater(t, s.Counts.Boards, 4, "P-3 is split")
	assert.Greater(t, s.Counts.Segments, 12)
	assert.Contains(t, told, fmt.Sprintf("wrote %d observations to %d files in %s", len(ids), s.Files, folder))

	t.Run("a finished export is not written to", func(t *testing.T) {
		t.Parallel()
		_, err := export(t, "-table", tab.name, "-out", folder, "-rows", "700", "-rate", "0")
		require.ErrorContains(t, err, "finished")
	})
	t.Run("CSV", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		_, err := export(t, "-table", tab.name, "-out", folder, "-format", "csv")
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(folder, "observations-000001.csv"))
		require.NoError(t, err)
		records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		require.NoError(t, err)
		assert.Len(t, records, len(ids)+1)
		assert.Equal(t, strings.Count(string(text), "\n"), strings.Count(string(text), "\r\n"))
		assert.Contains(t, string(text), `,'-5 %,`)
		assert.Contains(t, string(text), `,''quoted',`)
	})
	t.Run("filters", func(t *testing.T) {
		t.Parallel()
		field := func(name, value string) func(string) bool {
			return func(line string) bool { return strings.Contains(line, `"`+name+`":"`+value+`"`) }
		}
		at := func(line string) string {
			_, rest, _ := strings.Cut(line, `"observedAt":"`)
			return rest[:24]
		}
		tests := map[string]struct {
			args []string
			keep func(line string) bool
		}{
			"client":  {[]string{"-client", "agency"}, field("client", "agency")},
			"source":  {[]string{"-source", "-feed"}, field("id", "-feed")},
			"product": {[]string{"-product", "P-3"}, field("productId", "P-3")},
			"from and to, both included": {[]string{"-from", at(want[10]), "-to", at(want[700])}, func(line string) bool {
				return at(line) >= at(want[10]) && at(line) <= at(want[700])
			}},
			"what one feed wrote": {[]string{"-client", "agency", "-source", "-feed", "-product", "P-2"}, func(line string) bool {
				return field("client", "agency")(line) && field("id", "-feed")(line) && field("productId", "P-2")(line)
			}},
			"nothing": {[]string{"-product", "none"}, func(string) bool { return false }},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				folder := t.TempDir()
				told, err := export(t, append(tt.args, "-table", tab.name, "-out", folder)...)
				require.NoError(t, err, told)
				kept := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return !tt.keep(line) })
				require.Equal(t, name == "nothing", len(kept) == 0)
				assert.ElementsMatch(t, kept, lines(t, folder))
			})
		}
	})
	t.Run("DynamoDB's own export", func(t *testing.T) {
		t.Parallel()
		dump := dumped(t, tab, nil)
		folder := t.TempDir()
		told, err := export(t, "-from-export", dump, "-out", folder)
		require.NoError(t, err, told)
		assert.Equal(t, want, lines(t, folder))
		got := state(t, folder).Counts
		got.Units = s.Counts.Units
		assert.Equal(t, s.Counts, got)
		assert.NoDirExists(t, filepath.Join(folder, scratchName))

		folder = t.TempDir()
		_, err = export(t, "-from-export", dump, "-out", folder, "-product", "P-3")
		require.NoError(t, err)
		one := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return !strings.Contains(line, `"productId":"P-3"`) })
		assert.Equal(t, one, lines(t, folder))
	})
	t.Run("items that cannot be read are named, and the others exported", func(t *testing.T) {
		t.Parallel()
		strange := func(items []string) []string {
			for i, line := range items {
				if strings.Contains(line, `"sk":{"S":"seg#`) {
					items[i] = strings.Replace(line, `"B":"`, `"B":"//`, 1) // another form of bytes
					break
				}
			}
			return append(items, `{"Item":{"pk":{"S":"z#1"},"sk":{"S":"a"}}}`, `{"Item":{"pk":{"S":"z#2"},"sk":{"S":"a"},"x":{"Q":"1"}}}`)
		}
		folder := t.TempDir()
		told, err := export(t, "-from-export", dumped(t, tab, strange), "-out", folder)
		require.ErrorContains(t, err, "3 problems were met")
		s := state(t, folder)
		assert.Len(t, s.Problems, 3)
		assert.Equal(t, 3, s.Counts.Refused)
		assert.Contains(t, told, "z#1 a: no known form")
		assert.Contains(t, told, `z#2 a: attribute x: the type "Q" is not known`)
		assert.Regexp(t, `p#P-\d seg#\S+: `, told)
		assert.Greater(t, len(want), s.Counts.Written)
		assert.Less(t, len(want)*9/10, s.Counts.Written)
	})
}

// dumped writes what DynamoDB's export to S3 would make of a table, in files that are in no order. change may change the lines.
func dumped(t testing.TB, tab table, change func([]string) []string) string {
	t.Helper()
	out, err := tab.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &tab.name})
	require.NoError(t, err)
	require.Empty(t, out.LastEvaluatedKey)
	var all []string
	for _, it := range out.Items {
		text, err := json.Marshal(map[string]any{"Item": dynamoJSON(it)})
		require.NoError(t, err)
		all = append(all, string(text))
	}
	if change != nil {
		all = change(all)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "data"), 0o755))
	var manifest bytes.Buffer
	for chunk := range slices.Chunk(all, len(all)/3+1) {
		name := fmt.Sprintf("file%d.json.gz", manifest.Len())
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		for _, line := range chunk {
			_, err := fmt.Fprintln(w, line)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.NoError(t, os.WriteFile(filepath.Join(folder, "data", name), b.Bytes(), 0o600))
		fmt.Fprintf(&manifest, `{"itemCount":%d,"md5Checksum":"","etag":"","dataFileS3Key":"AWSDynamoDB/0169-ab/data/%s"}`+"\n", len(chunk), name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, filesManifest), manifest.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, summaryFile), fmt.Appendf(nil, `{"version":"2020-06-30",
		"exportArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/t/export/0169-ab","itemCount":%d,"outputFormat":"DYNAMODB_JSON",
		"exportType":"FULL_EXPORT"}`, len(all)), 0o600))
	return folder
}

// dynamoJSON is an item as DynamoDB's JSON has it.
func dynamoJSON(it map[string]types.AttributeValue) map[string]any {
	out := map[string]any{}
	for name, v := range it {
		out[name] = dynamoValue(v)
	}
	return out
}

func dynamoValue(v types.AttributeValue) map[string]any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberB:
		return map[string]any{"B": base64.StdEncoding.EncodeToString(v.Value)}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberNULL:
		return map[string]any{"NULL": v.Value}
	case *types.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}
	case *types.AttributeValueMemberNS:
		return map[string]any{"NS": v.Value}
	case *types.AttributeValueMemberBS:
		return map[string]any{"BS": v.Value}
	case *types.AttributeValueMemberM:
		return map[string]any{"M": dynamoJSON(v.Value)}
	case *types.AttributeValueMemberL:
		list := []any{}
		for _, e := range v.Value {
			list = append(list, dynamoValue(e))
		}
		return map[string]any{"L": list}
	}
	return nil
}

// TestExport_resumed begins again from every state that a crash may leave: behind each file that was completed, with the next file
// half written, or complete but not yet counted.
func TestExport_resumed(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	market(t, tab.Store)
	dump := dumped(t, tab, nil)
	for _, format := range []string{"ndjson", "parquet"} {
		for _, from := range [][]string{{"-table", tab.name}, {"-from-export", dump}} {
			t.Run(format+" "+from[0], func(t *testing.T) {
				t.Parallel()
				whole := t.TempDir()
				args := append(from, "-rows", "300", "-format", format)
				_, err := export(t, append(args, "-out", whole)...)
				require.NoError(t, err)
				want := contents(t, whole)
				files := state(t, whole).Files
				require.Greater(t, files, 8, "several for each product")
				for done := range len(products) {
					cut := t.TempDir()
					require.ErrorIs(t, stopped(t, append(args, "-out", cut), done), errStop)
					before := state(t, cut).Files
					require.Equal(t, done == 0, before == 0)
					stale := 0
					for file, text := range want { // files of another number, as if the table had been another when they were written
						last := fmt.Sprintf("%06d.%s", files, format)
						if !strings.HasSuffix(file, last) {
							continue
						}
						for _, number := range []int{before + 1, files + 7} {
							stale++
							name := filepath.Join(cut, strings.TrimSuffix(file, last)+fmt.Sprintf("%06d.%s", number, format))
							require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
							require.NoError(t, os.WriteFile(name, text, 0o600))
							require.NoError(t, os.WriteFile(name+".tmp", text[:len(text)/2], 0o600))
						}
					}
					require.Positive(t, stale)
					told, err := export(t, append(args, "-out", cut)...)
					require.NoError(t, err, told)
					assert.Contains(t, told, fmt.Sprintf("going on behind file %d,", before))
					assert.Equal(t, want, contents(t, cut))
					got, wanted := state(t, cut), state(t, whole)
					got.Counts.Units, got.Finished = wanted.Counts.Units, wanted.Finished
					assert.Equal(t, wanted, got)
				}
			})
		}
	}
}

// TestExport_seldom: a filter that chooses nothing does not keep a run from going on where it was.
func TestExport_seldom(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	market(t, tab.Store)
	folder := t.TempDir()
	args := []string{"-table", tab.name, "-out", folder, "-client", "nobody", "-rows", "10"}
	require.ErrorIs(t, stopped(t, args, 3), errStop)
	before := state(t, folder)
	assert.Positive(t, before.Counts.Observations)
	assert.Equal(t, 3, before.Counts.Products)
	_, err := export(t, args...)
	require.NoError(t, err)
	after := state(t, folder)
	assert.Equal(t, 4, after.Counts.Products)
	assert.Zero(t, after.Files)
}

var errStop = errors.New("stopped")

// stopped runs a command that ends with errStop behind a number of products.
func stopped(t testing.TB, args []string, after int) error {
	t.Helper()
	env := environment(t)
	e, err := newExporter(args, func(name string) string { return env[name] }, io.Discard)
	require.NoError(t, err)
	e.source = stopping{e.source, after}
	return e.run(t.Context())
}

// stopping is a source that ends with an error in the middle of what follows a number of products.
type stopping struct {
	source
	after int
}

// Partitions is the source's, but for the end.
func (s stopping) Partitions(
	ctx context.Context, after history.Place, each func(history.Partition, history.Place) error,
) error {
	return s.source.Partitions(ctx, after, func(p history.Partition, at history.Place) error {
		if len(p.Boards) > 0 {
			if s.after == 0 {
				return errStop
			}
			s.after--
		}
		return each(p, at)
	})
}

// contents are the files of an export but its state, by their paths.
func contents(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == stateName {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, folder+"/")] = text
		return err
	}))
	return files
}

func TestPace(t *testing.T) {
	t.Parallel()
	now := start.Time()
	p := pace{rate: 200, start: now, now: func() time.Time { return now }, sleep: func(_ context.Context, d time.Duration) error {
		now = now.Add(d)
		return nil
	}}
	var waited []time.Duration
	for _, units := range []float64{0, 256, 256, 512} {
		before := now
		require.NoError(t, p.wait(t.Context(), units))
		waited = append(waited, now.Sub(before))
	}
	assert.Equal(t, []time.Duration{0, 1280 * time.Millisecond, 0, 1280 * time.Millisecond}, waited)
	now = now.Add(time.Hour) // the table was slow: what was not used then may be used now
	before := now
	require.NoError(t, p.wait(t.Context(), 2000))
	assert.Equal(t, before, now)
	p.rate = 0
	require.NoError(t, p.wait(t.Context(), 1e9))
	assert.Equal(t, before, now)
}
