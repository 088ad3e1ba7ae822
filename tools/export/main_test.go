package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/tools/internal/history"
)

func TestRun_usage(t *testing.T) {
	t.Parallel()
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, partName(1, "csv")), nil, 0o600))
	unreadable := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(unreadable, stateName), []byte(`{"version":99}`), 0o600))
	ion := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(ion, summaryFile), []byte(`{"outputFormat":"ION","exportType":"FULL_EXPORT"}`), 0o600))
	part := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(part, summaryFile),
		[]byte(`{"outputFormat":"DYNAMODB_JSON","exportType":"INCREMENTAL_EXPORT"}`), 0o600))
	out := t.TempDir()
	tests := map[string]struct {
		args []string
		want string
	}{
		"no folder":     {[]string{"-table", "t"}, "-out is needed"},
		"nothing to do": {[]string{"-out", out}, "-table or -from-export is needed"},
		"format":        {[]string{"-table", "t", "-out", out, "-format", "xlsx"}, `-format is ndjson, csv or parquet, not "xlsx"`},
		"a moment":      {[]string{"-table", "t", "-out", out, "-from", "2026-07-01"}, `-from: "2026-07-01" is a date without a time of day`},
		"a product":     {[]string{"-table", "t", "-out", out, "-product", "a b"}, `-product: "a b" is no productId`},
		"rate":          {[]string{"-table", "t", "-out", out, "-rate", "-1"}, "-rate must not be negative"},
		"rows":          {[]string{"-table", "t", "-out", out, "-rows", "0"}, "-rows at least 1"},
		"no flag":       {[]string{"-table", "t", "-out", out, "x"}, `"x" is no flag`},
		"no export":     {[]string{"-from-export", out, "-out", out}, "give the folder of one export, which has manifest-summary.json"},
		"Ion":           {[]string{"-from-export", ion, "-out", out}, "it is a FULL_EXPORT in ION: only a FULL_EXPORT in DYNAMODB_JSON"},
		"incremental":   {[]string{"-from-export", part, "-out", out}, "it is a INCREMENTAL_EXPORT in DYNAMODB_JSON"},
		"another's":     {[]string{"-table", "t", "-out", other}, "has no export.json but"},
		"another state": {[]string{"-table", "t", "-out", unreadable}, "cannot be read by this release: give another folder"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			err := run(t.Context(), tt.args, func(string) string { return "" }, &log)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorAs(t, err, new(usageError))
		})
	}
}

// TestRun_other: a folder goes on with nothing but what it was begun with, and an export that is not whole is refused.
func TestRun_other(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	market(t, tab.Store)
	dump := dumped(t, tab, nil)
	begun := func(t *testing.T) string {
		folder := t.TempDir()
		require.ErrorIs(t, stopped(t, []string{"-from-export", dump, "-out", folder, "-rows", "1", "-client", "agency"}, 2), errStop)
		return folder
	}
	tests := map[string]struct {
		args []string
		want string
	}{
		"another filter": {[]string{"-from-export", dump}, "give another folder"},
		"another format": {[]string{"-from-export", dump, "-client", "agency", "-format", "csv"}, "give another folder"},
		"another source": {[]string{"-table", tab.name, "-client", "agency"}, "give another folder"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := begun(t)
			before := contents(t, folder)
			_, err := export(t, append(tt.args, "-out", folder, "-rows", "1")...)
			require.ErrorContains(t, err, tt.want)
			assert.Equal(t, before, contents(t, folder))
		})
	}
	t.Run("while another writes", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		env := environment(t)
		e, err := newExporter([]string{"-table", tab.name, "-out", folder}, func(name string) string { return env[name] }, new(bytes.Buffer))
		require.NoError(t, err)
		e.source = meeting{func() {
			_, err := export(t, "-table", tab.name, "-out", folder)
			require.ErrorContains(t, err, "another export is writing to")
		}}
		require.NoError(t, e.run(t.Context()))
	})
	damage := map[string]struct {
		change func(folder string) error
		want   string
	}{
		"a file is missing": {func(folder string) error { return os.Remove(data(t, folder)[1]) }, "copy the whole export"},
		"a file is cut": {func(folder string) error {
			text, err := os.ReadFile(data(t, folder)[1])
			require.NoError(t, err)
			return os.WriteFile(data(t, folder)[1], text[:len(text)/2], 0o600)
		}, "unexpected EOF"},
		"a file is another": {func(folder string) error {
			text, err := os.ReadFile(data(t, folder)[0])
			require.NoError(t, err)
			return os.WriteFile(data(t, folder)[2], text, 0o600)
		}, "copy it again"},
		"a manifest is cut": {func(folder string) error {
			text, err := os.ReadFile(filepath.Join(folder, filesManifest))
			require.NoError(t, err)
			return os.WriteFile(filepath.Join(folder, filesManifest), text[:bytes.IndexByte(text, '\n')], 0o600)
		}, "copy the whole export again"},
	}
	for name, tt := range damage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := dumped(t, tab, nil)
			require.NoError(t, tt.change(folder))
			_, err := export(t, "-from-export", folder, "-out", t.TempDir())
			require.ErrorContains(t, err, tt.want)
		})
	}
	t.Run("another table's items", func(t *testing.T) {
		t.Parallel()
		folder := dumped(t, tab, func([]string) []string { return []string{`{"Item":{"id":{"S":"1"}}}`} })
		_, err := export(t, "-from-export", folder, "-out", t.TempDir())
		require.ErrorContains(t, err, "is it an export of the stack's table?")
		assert.True(t, strings.HasPrefix(err.Error(), "data/file0.json.gz line 1: "), err)
	})
}

// meeting is a source without partitions, that does something while it is read.
type meeting struct{ do func() }

// Partitions calls do.
func (m meeting) Partitions(context.Context, history.Place, func(history.Partition, history.Place) error) error {
	m.do()
	return nil
}

// data lists the data files of an export to S3.
func data(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "data", "*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	return files
}

// FuzzItemOfLine: a line of DynamoDB JSON that can be read is the same when it is written and read again; no line makes it panic.
func FuzzItemOfLine(f *testing.F) {
	f.Add([]byte(`{"Item":{"pk":{"S":"p#P"},"v":{"N":"5"},"h":{"B":"AAE="},"o":{"M":{"bigmart":{"S":"1"}}},"past":{"L":[{"N":"2"}]}}}`))
	f.Add([]byte(`{"Item":{"a":{"NULL":true},"e":{"BOOL":true},"b":{"SS":["x"]},"c":{"NS":["1"]},"d":{"BS":["AA=="]}}}`))
	f.Add([]byte(`{"Item":{"a":{"Q":"1"},"b":{"S":1},"c":{},"d":null}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		it, err := itemOfLine(line)
		for name, v := range it {
			require.NotNil(t, v, name)
		}
		if err != nil {
			return
		}
		text, err := json.Marshal(map[string]any{"Item": dynamoJSON(it)})
		require.NoError(t, err)
		again, err := itemOfLine(text)
		require.NoError(t, err)
		require.Equal(t, it, again)
	})
}
