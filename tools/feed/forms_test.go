package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// shopRow is a row of a file in every form.
type shopRow struct {
	SKU   string `json:"sku" parquet:"sku"`
	Shop  string `json:"shop" parquet:"shop"`
	Price string `json:"price" parquet:"price"`
	Seen  string `json:"seen" parquet:"seen"`
}

const shopMapping = `
productId: {from: sku}
competitorId: {from: shop, slug: true}
sellerId: {from: shop}
availability: {value: InStock}
price: {from: price, decimal: ",", group: "."}
currency: {value: CZK}
observedAt: {from: seen, time: {layout: "02/01/2006 15:04", zone: Europe/Prague}}
source: {id: shops, kind: feed}
`

// shopRows are rows with letters that every encoding below has.
func shopRows(n int) []shopRow {
	names := []string{"Konzum Čakovec", "Šibenik žuti", "Bauhaus, Graz", `The "Shop"`}
	all := make([]shopRow, n)
	for i := range all {
		at := time.Date(2025, 11, 20, 10, i, 0, 0, time.UTC)
		all[i] = shopRow{fmt.Sprintf("A-%d", i), names[i%len(names)], fmt.Sprintf("1.2%02d,%02d", i%100, i%97), at.Format("02/01/2006 15:04")}
	}
	return all
}

// form is a way to write the same rows.
type form struct {
	name string
	args []string
	file func(t *testing.T, rows []shopRow) string
}

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	require.NoError(t, err)
	return out
}

func asTable(t *testing.T, separator rune, rows []shopRow) string {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = separator
	require.NoError(t, w.Write([]string{"sku", "shop", "price", "seen"}))
	for _, r := range rows {
		require.NoError(t, w.Write([]string{r.SKU, r.Shop, r.Price, r.Seen}))
	}
	w.Flush()
	require.NoError(t, w.Error())
	return b.String()
}

// forms are all that the command reads. The file of bzip2 was made with its own tool, from shopRows(260) as CSV.
func forms() []form {
	return []form{
		{"a.csv", nil, func(t *testing.T, rows []shopRow) string { return asTable(t, ',', rows) }},
		{"a.tsv", nil, func(t *testing.T, rows []shopRow) string { return asTable(t, '\t', rows) }},
		{"semicolons.txt", []string{"-separator", ";"}, func(t *testing.T, rows []shopRow) string { return asTable(t, ';', rows) }},
		{"sep-line.csv", nil, func(t *testing.T, rows []shopRow) string { return "sep=|\r\n" + asTable(t, '|', rows) }},
		{"preamble.csv", []string{"-skip", "2"}, func(t *testing.T, rows []shopRow) string {
			return "Made on\n\"a day\n" + asTable(t, ',', rows)
		}},
		{"windows.csv", []string{"-encoding", "windows-1250"}, func(t *testing.T, rows []shopRow) string {
			return encoded(t, charmap.Windows1250, asTable(t, ',', rows))
		}},
		{"latin2.csv", []string{"-encoding", "ISO-8859-2"}, func(t *testing.T, rows []shopRow) string {
			return encoded(t, charmap.ISO8859_2, asTable(t, ',', rows))
		}},
		{"utf16.tsv", nil, func(t *testing.T, rows []shopRow) string {
			return encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), asTable(t, '\t', rows))
		}},
		{"a.ndjson", nil, func(t *testing.T, rows []shopRow) string {
			var b bytes.Buffer
			for _, r := range rows {
				require.NoError(t, json.NewEncoder(&b).Encode(r))
			}
			return b.String()
		}},
		{"pretty.json", nil, func(t *testing.T, rows []shopRow) string {
			text, err := json.MarshalIndent(rows, "", "  ")
			require.NoError(t, err)
			return string(text)
		}},
		{"compact.json", nil, func(t *testing.T, rows []shopRow) string {
			text, err := json.Marshal(rows)
			require.NoError(t, err)
			return string(text)
		}},
		{"a.csv.gz", nil, func(t *testing.T, rows []shopRow) string {
			return zipped(t, asTable(t, ',', rows)) + strings.Repeat("\x00", 512) // as tapes fill up
		}},
		{"a.zip", nil, func(t *testing.T, rows []shopRow) string {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			member, err := z.Create("prices/a.tsv")
			require.NoError(t, err)
			_, err = member.Write([]byte(asTable(t, '\t', rows)))
			require.NoError(t, err)
			require.NoError(t, z.Close())
			return b.String()
		}},
		{"a.csv.bz2", nil, func(t *testing.T, _ []shopRow) string {
			text, err := os.ReadFile("testdata/shops.csv.bz2")
			require.NoError(t, err)
			return string(text)
		}},
		{"a.parquet", nil, func(t *testing.T, rows []shopRow) string {
			var b bytes.Buffer
			require.NoError(t, parquet.Write(&b, rows))
			return b.String()
		}},
	}
}

const manyRows = 260

// TestForms: the same rows are the same observations in every form, byte for byte.
func TestForms(t *testing.T) {
	t.Parallel()
	mapping := write(t, "map.yaml", shopMapping)
	rows := shopRows(manyRows)
	want := run(t.Context(), t, nil, nil, "-print", "-map", mapping, write(t, "a.csv", asTable(t, ',', rows)))
	require.Equal(t, exitStored, want.exit, want.stderr)
	require.Equal(t, manyRows, strings.Count(want.stdout, "\n"))
	require.Contains(t, want.stdout, `{"productId":"A-1","competitorId":"sibenik-zuti","sellerId":"Šibenik žuti","availability":"InStock",`+
		`"price":{"amount":"1201.01","currency":"CZK"},"source":{"id":"shops","kind":"feed"},"observedAt":"2025-11-20T09:01:00Z"}`)
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			content := f.file(t, rows)
			o := run(t.Context(), t, nil, nil, append(f.args, "-print", "-map", mapping, write(t, f.name, content))...)
			assert.Equal(t, exitStored, o.exit, o.stderr)
			assert.Equal(t, want.stdout, o.stdout)
			assert.Equal(t, manyRows, o.summary.Rows)
			if filepath.Ext(f.name) == ".txt" || f.args == nil && !strings.Contains(f.name, ".tsv") && !strings.Contains(f.name, ".csv") {
				piped := run(t.Context(), t, nil, strings.NewReader(content), append(f.args, "-print", "-map", mapping,
					"-rejected-dir", t.TempDir())...)
				assert.Equal(t, want.stdout, piped.stdout, "as standard input: %s", piped.stderr)
			}
		})
	}
}

// TestShapes feeds each of the small files in the shapes that people really have, with its mapping.
func TestShapes(t *testing.T) {
	t.Parallel()
	refusals := map[string]map[string]int{
		"stray-quote.csv":           {"malformed-csv": 1},
		"preamble-semicolons.csv":   {"time-missing": 1, "time-ambiguous": 1},
		"no-offset.csv":             {"time-missing": 1, "time-ambiguous": 1},
		"signs-euro.csv":            {"amount-unreadable": 1},
		"signs-dollar.csv":          {"amount-unreadable": 1},
		"withdrawn-currency.ndjson": {"currency-unknown": 1},
	}
	plain := []string{"stray-quote.csv", "tabs.tsv", "utf-16.csv"}
	wanted, err := filepath.Glob("testdata/shapes/*.want.ndjson")
	require.NoError(t, err)
	require.Len(t, wanted, 17)
	for _, want := range wanted {
		file := strings.TrimSuffix(want, ".want.ndjson")
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			mapping := strings.TrimSuffix(name, filepath.Ext(name))
			if slices.Contains(plain, name) {
				mapping = "plain"
			}
			o := runAt(t.Context(), t, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), nil, nil,
				"-print", "-rejected-dir", t.TempDir(), "-map", "mappings/"+mapping+".yaml", file)
			text, err := os.ReadFile(want)
			require.NoError(t, err)
			assert.Equal(t, string(text), o.stdout, o.stderr)
			refused := refusals[name]
			if refused == nil {
				refused = map[string]int{}
			}
			assert.Equal(t, refused, o.summary.Reasons, o.stderr)
			assert.Equal(t, len(refused) == 0, o.exit == exitStored)
			assert.Equal(t, strings.HasPrefix(name, "date-only"), o.summary.AssumedTimes > 0, "a date-only time is told as assumed")
		})
	}
}

// TestForms_killed kills the feeder with SIGKILL in the middle of a file of each form. The next run must send what was not acknowledged,
// and nothing else.
func TestForms_killed(t *testing.T) {
	t.Parallel()
	command := filepath.Join(t.TempDir(), "feed")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	mapping := write(t, "map.yaml", shopMapping)
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, allCreated)
			g := newGate(t, market{url: a.URL}, 3)
			file := write(t, f.name, f.file(t, shopRows(manyRows)))
			feed := func() *exec.Cmd {
				args := append(f.args, "-url", g.URL, "-token-file", write(t, "token", "secret"), "-map", mapping,
					"-in-flight", "1", "-batch", "50", file)
				return exec.Command(command, args...)
			}
			cmd := feed()
			require.NoError(t, cmd.Start())
			<-g.held // what passed before is acknowledged and written down
			require.NoError(t, cmd.Process.Kill())
			require.Error(t, cmd.Wait())
			g.through.Store(100)
			out, err := feed().CombinedOutput()
			require.NoError(t, err, string(out))
			assert.Contains(t, string(out), "150 of 260 observations are acknowledged, 110 are left")
			assert.Equal(t, []int{50, 50, 50, 50, 50, 10}, a.sizes(), "no batch twice, none left out")
			assert.NoFileExists(t, file+".state.json")
		})
	}
}
