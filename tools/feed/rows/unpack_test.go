package rows

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	prices = "id,price\n1,12.90\n"
	zeros  = "\x00\x00\x00\x00\x00"

	bzPrices = "425a6839314159265359e417545400000759800010000570200e20500020002200d00201a00b78b9a1315859c0778bb9229c2848720baa2a00"
	bzZeros  = "425a68393141592653592017100000000108001c002000219819846177245385090201710000" // 423, ends in zeros of its own
	bzEmpty  = "425a683917724538509000000000"
)

func gzipped(t require.TestingT, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// zipOf takes names and contents by turns.
func zipOf(t require.TestingT, files ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		file, err := w.Create(files[i])
		require.NoError(t, err)
		_, err = file.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

// rawZip has one file as it stands, whatever its header says about the method, the checksum or a password.
func rawZip(t *testing.T, header zip.FileHeader) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header.CompressedSize64, header.UncompressedSize64 = uint64(len(prices)), uint64(len(prices))
	file, err := w.CreateRaw(&header)
	require.NoError(t, err)
	_, err = file.Write([]byte(prices))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func bzip(t require.TestingT, stream string) string {
	b, err := hex.DecodeString(stream)
	require.NoError(t, err)
	return string(b)
}

// onlyReader is what comes through a pipe.
type onlyReader struct{ io.Reader }

func TestUnpack(t *testing.T) {
	t.Parallel()
	packed := gzipped(t, prices)
	tests := map[string]struct {
		name, content string
		want, inner   string
		err           string // of unpack
		readErr       string // after want
	}{
		"plain":                {name: "a.csv", content: prices, want: prices, inner: "a.csv"},
		"empty":                {name: "a.csv", inner: "a.csv"},
		"begins like a letter": {name: "a.csv", content: "PK,BZh\n1,2\n", want: "PK,BZh\n1,2\n", inner: "a.csv"},
		"begins like bzip2":    {name: "a.csv", content: "BZh9,price\n1,2\n", want: "BZh9,price\n1,2\n", inner: "a.csv"},

		"gzip":                            {name: "a.csv.gz", content: packed, want: prices, inner: "a.csv"},
		"gzip, in capitals":               {name: "A.CSV.GZ", content: packed, want: prices, inner: "A.CSV"},
		"gzip under another name":         {name: "a.csv", content: packed, want: prices, inner: "a.csv"},
		"plain under the name of gzip":    {name: "a.csv.gz", content: prices, want: prices, inner: "a.csv.gz"},
		"gzip without a name":             {content: packed, want: prices},
		"gzip of nothing":                 {name: "a.gz", content: gzipped(t, ""), inner: "a"},
		"gzip of several members":         {name: "a.gz", content: packed + gzipped(t, "") + packed, want: prices + prices, inner: "a"},
		"gzip and zeros":                  {name: "a.gz", content: packed + zeros, want: prices, inner: "a"},
		"gzip and many zeros":             {name: "a.gz", content: packed + strings.Repeat(zeros, 9999), want: prices, inner: "a"},
		"gzip, zeros, and another member": {name: "a.gz", content: packed + zeros + packed, want: prices + prices, inner: "a"},
		"gzip and something else": {name: "a.gz", content: packed + zeros + "x", want: prices, inner: "a",
			readErr: "gzip: everything up to its end has been read, but something else follows in the file"},
		"gzip and half a member": {name: "a.gz", content: packed + packed[:9], want: prices, inner: "a",
			readErr: "gzip: unexpected end: the file was cut off"},
		"gzip without its checksum": {name: "a.gz", content: packed[:len(packed)-8], want: prices, inner: "a",
			readErr: "gzip: unexpected end: the file was cut off"},
		"gzip with a wrong checksum": {name: "a.gz", content: packed[:len(packed)-8] + "12345678", want: prices, inner: "a",
			readErr: "gzip: wrong checksum: the file is damaged"},
		"the first two bytes of gzip": {name: "a.gz", content: packed[:2], inner: "a", readErr: "gzip: unexpected end: the file was cut off"},
		// The second member must not be taken for the first.
		"gzip with a damaged header": {name: "a.gz", content: "\x1f\x8b12345678" + packed, inner: "a",
			readErr: "gzip: the file is damaged (gzip: invalid header)"},

		"bzip2":                         {name: "a.tsv.bz2", content: bzip(t, bzPrices), want: prices, inner: "a.tsv"},
		"bzip2 of nothing":              {name: "a.bz2", content: bzip(t, bzEmpty), inner: "a"},
		"bzip2 and zeros":               {name: "a.bz2", content: bzip(t, bzPrices) + zeros, want: prices, inner: "a"},
		"bzip2 that ends in zeros":      {name: "a.bz2", content: bzip(t, bzZeros), want: "423", inner: "a"},
		"bzip2 that ends in more zeros": {name: "a.bz2", content: bzip(t, bzZeros) + zeros, want: "423", inner: "a"},
		"bzip2 of several streams":      {name: "a.bz2", content: bzip(t, bzZeros+bzPrices), want: "423" + prices, inner: "a"},
		"bzip2, zeros and something else": {name: "a.bz2", content: bzip(t, bzPrices) + zeros + "x", want: prices, inner: "a",
			readErr: "bzip2: everything up to its end has been read, but something else follows in the file"},
		"bzip2 and something else": {name: "a.bz2", content: bzip(t, bzPrices) + "xyz", want: prices, inner: "a",
			readErr: "bzip2: the file is damaged (bzip2 data invalid: bad magic value in continuation file)"},
		"bzip2 that is cut off": {name: "a.bz2", content: bzip(t, bzPrices)[:50], want: prices, inner: "a",
			readErr: "bzip2: unexpected end: the file was cut off"},
		"bzip2 with zeros instead of its end": {name: "a.bz2", content: bzip(t, bzPrices)[:48] + strings.Repeat(zeros, 99), want: prices,
			inner: "a", readErr: "bzip2: the file is damaged (bzip2 data invalid: bad magic value found)"},

		"zip":                    {name: "a.zip", content: zipOf(t, "in/prices.tsv", prices), want: prices, inner: "in/prices.tsv"},
		"zip under another name": {name: "a.csv", content: zipOf(t, "b.csv", prices), want: prices, inner: "b.csv"},
		"zip by a Mac": {name: "a.zip", inner: "d/a.csv", want: prices,
			content: zipOf(t, "d/", "", "d/a.csv", prices, "__MACOSX/d/._a.csv", "x", "d/.DS_Store", "y")},
		"zip and zeros":  {name: "a.zip", content: zipOf(t, "b.csv", prices) + zeros, want: prices, inner: "b.csv"},
		"zip of nothing": {name: "a.zip", content: zipOf(t), err: "zip: there is no file in it"},
		"zip of folders": {name: "a.zip", content: zipOf(t, "d/", ""), err: "zip: there is no file in it"},
		"zip of several files": {name: "a.zip", content: zipOf(t, "a.csv", "1", "b.csv", "2", "c.csv", "3", "d.csv", "4"),
			err: `zip: there are 4 files in it, such as "a.csv" "b.csv" "c.csv": unpack it, and feed them one by one`},
		"workbook": {name: "a.xlsx", content: zipOf(t, "[Content_Types].xml", "x", "xl/workbook.xml", "x"),
			err: "zip: this is an Excel workbook: save it as CSV or Parquet"},
		"workbook of LibreOffice": {name: "a.ods", content: zipOf(t, "mimetype", "x", "content.xml", "x", "META-INF/manifest.xml", "x"),
			err: "zip: this is a document of LibreOffice or the like: save it as CSV"},
		"zip that is encrypted": {name: "a.zip", content: rawZip(t, zip.FileHeader{Name: "b.csv", Flags: 1}),
			err: `zip: "b.csv" in it is encrypted: unpack it with its password, and feed what is in it`},
		"zip by another method": {name: "a.zip", content: rawZip(t, zip.FileHeader{Name: "b.csv", Method: 9}),
			err: `zip: "b.csv" in it is packed by a method that is not known here (9): unpack it, and feed what is in it`},
		"zip that is cut off": {name: "a.zip", content: zipOf(t, "b.csv", prices)[:60],
			err: "zip: its end is missing, where the table of contents is: the file was cut off, or is damaged"},
		"zip with a wrong checksum": {name: "a.zip", inner: "b.csv", want: prices,
			content: rawZip(t, zip.FileHeader{Name: "b.csv", CRC32: 1}),
			readErr: "zip: wrong checksum: the file is damaged"},

		"gzip in zip":  {name: "a.zip", content: zipOf(t, "b.csv.gz", packed+zeros), want: prices, inner: "b.csv"},
		"zip in gzip":  {name: "a.zip.gz", content: gzipped(t, zipOf(t, "b.csv", prices)), want: prices, inner: "b.csv"},
		"gzip in gzip": {name: "a.csv.gz.gz", content: gzipped(t, packed), want: prices, inner: "a.csv"},
		"bzip2 in zip": {name: "a.zip", content: zipOf(t, "b.bz2", bzip(t, bzPrices)), want: prices, inner: "b"},
		"gzip that is cut off, in zip": {name: "a.zip", content: zipOf(t, "b.csv.gz", packed[:len(packed)-8]), want: prices, inner: "b.csv",
			readErr: "gzip: unexpected end: the file was cut off"},
		"three levels": {name: "a.zip", content: zipOf(t, "b.gz", gzipped(t, packed)),
			err: "this is packed more than 2 times (gzip within others): unpack it, and feed what is in it"},

		"tar in gzip": {name: "a.tgz", content: gzipped(t, strings.Repeat("\x00", 257)+"ustar"),
			err: "this is a tar archive: unpack it first, and feed what is in it"},
		"xz":   {name: "a.xz", content: "\xfd7zXZ\x00", err: "this is an xz file: unpack it first, and feed what is in it"},
		"7z":   {name: "a.7z", content: "7z\xbc\xaf\x27\x1c", err: "this is a 7-Zip archive: unpack it first, and feed what is in it"},
		"RAR":  {name: "a.rar", content: "Rar!\x1a\x07\x00", err: "this is a RAR archive: unpack it first, and feed what is in it"},
		"PDF":  {name: "a.csv", content: "%PDF-1.7", err: "this is a PDF, which has no rows: ask for the prices as CSV"},
		"zstd": {name: "a.zst", content: "\x28\xb5\x2f\xfd", err: "this is a zstd file: unpack it first, and feed what is in it"},
		"old workbook": {name: "a.xls", content: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
			err: "this is an old Excel workbook: save it as CSV"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file")
			require.NoError(t, os.WriteFile(path, []byte(tt.content), 0o600))
			file, err := os.Open(path)
			require.NoError(t, err)
			t.Cleanup(func() { _ = file.Close() })
			for from, r := range map[string]io.Reader{"file": file, "pipe": onlyReader{strings.NewReader(tt.content)}} {
				content, inner, err := unpack(r, tt.name)
				if tt.err != "" {
					require.EqualError(t, err, tt.err, from)
					continue
				}
				require.NoError(t, err, from)
				assert.Equal(t, tt.inner, inner, from)
				got, err := io.ReadAll(content)
				assert.Equal(t, tt.want, string(got), from)
				if tt.readErr != "" {
					assert.EqualError(t, err, tt.readErr, from)
				} else {
					assert.NoError(t, err, from)
				}
			}
		})
	}
}

func TestUnpack_aFileThatIsNotPackedIsItself(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.parquet")
	require.NoError(t, os.WriteFile(path, []byte("PAR1"), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	content, _, err := unpack(file, path)
	require.NoError(t, err)
	assert.Same(t, file, content)
}

func TestUnpack_errorsOfTheFile(t *testing.T) {
	t.Parallel()
	broken := errors.New("the network is down")
	packed := gzipped(t, strings.Repeat(prices, 9999))
	content, _, err := unpack(io.MultiReader(strings.NewReader(packed[:len(packed)/2]), failing{broken}), "a.gz")
	require.NoError(t, err)
	got, err := io.ReadAll(content)
	require.ErrorIs(t, err, broken)
	assert.NotEmpty(t, got)

	_, _, err = unpack(io.MultiReader(strings.NewReader(zipOf(t, "a.csv", prices)), failing{broken}), "a.zip")
	require.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestWhole(t *testing.T) {
	t.Parallel()
	file, size, err := whole(onlyReader{strings.NewReader("12345")}, 5)
	require.NoError(t, err)
	got, err := io.ReadAll(io.NewSectionReader(file, 0, size))
	require.NoError(t, err)
	assert.Equal(t, "12345", string(got))

	_, _, err = whole(onlyReader{strings.NewReader("123456")}, 5)
	require.EqualError(t, err,
		"it is larger than the 5 bytes that are held in memory: save it to a file (unpacked, if it is packed) and feed that")
}

// Whatever is packed comes out as it was; what is cut off gives a beginning of it and an error, never a shorter file.
func TestUnpack_anyContent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[a-f]{0,40}`), 1, 4).Draw(t, "members")
		var file string
		ends := map[int]bool{} // where a member ends, so that the file is whole if it is cut there
		for _, part := range parts {
			file += gzipped(t, part)
			ends[len(file)] = true
		}
		cut := rapid.IntRange(2, len(file)).Draw(t, "cut")
		padding := rapid.IntRange(0, 600).Draw(t, "padding")

		content, _, err := unpack(onlyReader{strings.NewReader(file + strings.Repeat("\x00", padding))}, "")
		require.NoError(t, err)
		got, err := io.ReadAll(content)
		require.NoError(t, err)
		require.Equal(t, strings.Join(parts, ""), string(got))

		content, _, err = unpack(onlyReader{strings.NewReader(file[:cut])}, "")
		require.NoError(t, err)
		got, err = io.ReadAll(content)
		require.True(t, strings.HasPrefix(strings.Join(parts, ""), string(got)))
		require.Equal(t, ends[cut], err == nil, "cut at %d: %v", cut, err)
	})
}

// FuzzUnpack compares with the standard library: what that unpacks without an error comes out the same here, and what begins like
// no archive comes out as it is.
func FuzzUnpack(f *testing.F) {
	packed := gzipped(f, prices)
	f.Add([]byte(prices))
	f.Add([]byte(packed + zeros))
	f.Add([]byte(packed + packed[:12]))
	f.Add([]byte(bzip(f, bzPrices+bzZeros) + zeros))
	f.Add([]byte(zipOf(f, "a.csv", prices)))
	f.Add([]byte(zipOf(f, "a.csv.gz", packed)))
	f.Add([]byte(gzipped(f, zipOf(f, "a.csv", prices, "b.csv", prices))))
	f.Fuzz(func(t *testing.T, file []byte) {
		const enough = 1 << 20 // a few bytes may hold gigabytes
		content, inner, err := unpack(bytes.NewReader(file), "a")
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		got, err := io.ReadAll(io.LimitReader(content, enough))
		if containerOf(file) == nil {
			require.NoError(t, err)
			require.Equal(t, string(file[:min(len(file), enough)]), string(got))
			require.Equal(t, "a", inner)
			return
		}
		reader, gzipErr := gzip.NewReader(bytes.NewReader(file))
		if gzipErr != nil {
			return
		}
		if want, gzipErr := io.ReadAll(io.LimitReader(reader, enough)); gzipErr == nil && containerOf(want) == nil {
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		}
	})
}
