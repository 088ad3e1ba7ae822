package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/samkit/pythonenv"
	"pricing/shared/api"
)

// ask answers a query by DuckDB, in a folder; skipped on a laptop where `make python` was not run.
func ask(t *testing.T, folder, query string) (answer [][]any) {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	python, err := pythonenv.Find(root, "tools/export")
	if errors.Is(err, pythonenv.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err.Error())
	}
	require.NoError(t, err)
	cmd := exec.Command(python, "-c", "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall(), default=str))", query)
	cmd.Dir = folder
	text, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		t.Fatal(string(failed.Stderr))
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &answer))
	return answer
}

// TestParquet_duckDB asks DuckDB for what the files hold, month by month, and compares with what was stored.
func TestParquet_duckDB(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	market(t, tab.Store)
	folder := t.TempDir()
	_, err := export(t, "-table", tab.name, "-out", folder, "-format", "parquet", "-rows", "1000")
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(folder, "month=*", "*.parquet"))
	require.NoError(t, err)
	require.Greater(t, len(files), 4)

	type month struct {
		rows, promotions int
		dollars          int64 // in minor units
		first, last      string
	}
	want := map[string]*month{}
	for _, line := range stored(t, tab.Store, products...) {
		var o struct {
			ObservedAt string
			Price      *struct{ Amount, Currency string }
			Promotion  *struct{ ValidThrough *string }
			Source     struct{ Confidence *string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		m := want[o.ObservedAt[:7]]
		if m == nil {
			m = &month{first: o.ObservedAt, last: o.ObservedAt}
			want[o.ObservedAt[:7]] = m
		}
		m.rows++
		m.first, m.last = min(m.first, o.ObservedAt), max(m.last, o.ObservedAt)
		if o.Price != nil && o.Price.Currency == "USD" {
			var minor int64
			for _, c := range o.Price.Amount {
				if c != '.' {
					minor = minor*10 + int64(c-'0')
				}
			}
			m.dollars += minor
		}
		if o.Promotion != nil && o.Promotion.ValidThrough != nil && *o.Promotion.ValidThrough == "1970-01-01T00:00:00.000Z" {
			m.promotions++
		}
	}
	answer := ask(t, folder, `
		SET TimeZone = 'UTC';
		SELECT month, count(*), (sum(price.amount::DECIMAL(18,2)) FILTER (price.currency = 'USD') * 100)::BIGINT,
			strftime(min("observedAt"), '%Y-%m-%dT%H:%M:%S.%gZ'), strftime(max("observedAt"), '%Y-%m-%dT%H:%M:%S.%gZ'),
			count(*) FILTER (epoch_ms(promotion."validThrough") = 0), count(DISTINCT "observationId")
		FROM 'month=*/*.parquet' GROUP BY month ORDER BY month`)
	require.Len(t, answer, len(want))
	for _, row := range answer {
		m := want[row[0].(string)]
		require.NotNil(t, m, row)
		assert.Equal(t, []any{float64(m.rows), float64(m.dollars), m.first, m.last, float64(m.promotions), float64(m.rows)}, row[1:])
	}
}

// TestExportPage runs what docs/export.md asks, and compares its columns.
func TestExportPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/export.md")
	require.NoError(t, err)
	columns := regexp.MustCompile("```csv\n(.*)\n```").FindSubmatch(page)
	require.NotNil(t, columns)
	assert.Equal(t, strings.Join(api.ObservationColumns(), ","), string(columns[1]))
	tab := newTable(t)
	market(t, tab.Store)
	folder := t.TempDir()
	_, err = export(t, "-table", tab.name, "-out", filepath.Join(folder, "history"), "-format", "parquet")
	require.NoError(t, err)
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllSubmatch(page, -1)
	require.Len(t, queries, 2)
	lowest := ask(t, folder, string(queries[0][1]))
	assert.Len(t, lowest, 16, "four products in four months")
	total := 0.0
	for _, row := range ask(t, folder, string(queries[1][1])) {
		total += row[3].(float64)
	}
	assert.InDelta(t, state(t, filepath.Join(folder, "history")).Counts.Written, total, 0)
}
