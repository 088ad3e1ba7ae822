package rows

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"pgregory.net/rapid"
)

// decoded is what decode makes of a text.
func decoded(t require.TestingT, content, name string) string {
	r, err := decode(strings.NewReader(content), name)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

func TestDecode(t *testing.T) {
	tests := map[string]struct{ content, name, want string }{
		"nothing":                   {"", "", ""},
		"one byte":                  {"a", "windows-1252", "a"},
		"UTF-8":                     {"Čaj\xff\ufffd", "", "Čaj\xff\ufffd"},
		"UTF-8 by its name":         {"Čaj\xff\ufffd", "utf-8", "Čaj\xff\ufffd"},
		"utf8":                      {"Čaj\xff", "utf8", "Čaj\xff"},
		"UTF-8 by its mark":         {"\xef\xbb\xbfČaj\xff", "", "Čaj\xff"},
		"a mark against a name":     {"\xef\xbb\xbfČaj", "windows-1250", "Čaj"},
		"UTF-16 by its mark, LE":    {"\xff\xfea\x00\x0c\x01", "", "aČ"},
		"UTF-16 by its mark, BE":    {"\xfe\xff\x00a\x01\x0c", "windows-1250", "aČ"},
		"UTF-16LE":                  {"a\x00\x0c\x01", "utf-16le", "aČ"},
		"UTF-16BE with a mark":      {"\xfe\xff\x00a", "UTF-16BE", "a"},
		"UTF-16 and a mark":         {"\xfe\xff\x00a", "utf-16", "a"},
		"half a pair, half a unit":  {"\xff\xfe\x3d\xd8a\x00b\x00c", "", "\xffab\xff"},
		"almost U+FFFD":             {"\xff\xfe\x01\xfb\xfe\xff\xfd\xff", "", "ﬁ\ufffe\xff"},
		"much without a character":  {strings.Repeat("a\x81", 10_000), "windows-1252", strings.Repeat("a\xff", 10_000)},
		"a pair":                    {"\xff\xfe\x3d\xd8\x00\xde", "", "😀"},
		"windows-1250":              {"\xc8aj \x80\x81", "Windows-1250", "Čaj €\xff"},
		"windows-1252":              {"\xfc\x80\x8d", "windows-1252", "ü€\xff"},
		"cp1252":                    {"\x80", "cp1252", "€"},
		"ISO-8859-1 is what it is":  {"\xfc\xa4", "iso-8859-1", "ü¤"},
		"latin1":                    {"\xfc", "Latin1", "ü"},
		"ISO-8859-15":               {"\xa4", "ISO-8859-15", "€"},
		"ISO-8859-3 without a byte": {"a\xa5b", "ISO-8859-3", "a\xffb"},
		"US-ASCII":                  {"a\xfcb", "us-ascii", "a\xffb"},
		"Shift_JIS":                 {"\x83\x65\x83\x8c\x83\x72,\xff", "shift_jis", "テレビ,\xff"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, decoded(t, tt.content, tt.name))
			r, err := decode(iotest.OneByteReader(strings.NewReader(tt.content)), tt.name)
			require.NoError(t, err)
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(text), "byte for byte")
		})
	}
	for name, tt := range map[string]struct{ content, name, want string }{
		"unknown":             {"a", "windows-1255x", `the encoding "windows-1255x" is not known: it may be UTF-8, UTF-16LE`},
		"known, not had":      {"a", "UTF-7", `the encoding "UTF-7" is not known`},
		"a trap of browsers":  {"a", "ISO-2022-KR", `the encoding "ISO-2022-KR" is not known`},
		"unknown, and a mark": {"\xef\xbb\xbf", "x", `the encoding "x" is not known`},
		"UTF-16, no mark":     {"a\x00", "UTF-16", "the file has no byte order mark: -encoding UTF-16LE"},
		"UTF-32LE":            {"\xff\xfe\x00\x00a\x00\x00\x00", "", "this is UTF-32"},
		"UTF-32BE":            {"\x00\x00\xfe\xff\x00\x00\x00a", "windows-1252", "this is UTF-32"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(strings.NewReader(tt.content), tt.name)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestMissing(t *testing.T) {
	const content = "a\ufffdﬁ\xef\ufffd\xef\xbf"
	text, err := io.ReadAll(transform.NewReader(iotest.OneByteReader(strings.NewReader(content)), missing{}))
	require.NoError(t, err)
	assert.Equal(t, "a\xffﬁ\xef\xff\xef\xbf", string(text))
}

// TestDecode_sameRows checks that a file gives the same rows in each encoding that has its characters.
func TestDecode_sameRows(t *testing.T) {
	encodings := map[string]encoding.Encoding{
		"windows-1250": charmap.Windows1250, "windows-1252": charmap.Windows1252, "ISO-8859-2": charmap.ISO8859_2, "Shift_JIS": japanese.ShiftJIS,
		"UTF-16LE": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16BE": unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	}
	rapid.Check(t, func(t *rapid.T) {
		content := "a,b\n" + rapid.StringOf(rapid.RuneFrom([]rune("a1,\"\r\n äöČš€ßテ😀"))).Draw(t, "content")
		want, err := readAll(content, csvForm{})
		require.NoError(t, err)
		name := rapid.SampledFrom([]string{"windows-1250", "windows-1252", "ISO-8859-2", "Shift_JIS", "UTF-16LE", "UTF-16BE"}).Draw(t, "encoding")
		encoded, err := encodings[name].NewEncoder().Bytes([]byte(content))
		if err != nil {
			return // it does not have a character
		}
		got, err := readAll(decoded(t, string(encoded), name), csvForm{})
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// FuzzDecode checks, for any bytes in any encoding, that what has no character is refused, wherever it is cut to be read, and that
// looking at the beginning has no effect but an error.
func FuzzDecode(f *testing.F) {
	names := []string{"", "UTF-16LE", "UTF-16BE", "windows-1252", "windows-1250", "Shift_JIS", "GB18030", "ISO-2022-JP", "US-ASCII"}
	f.Add([]byte("a,b\n1,\x81\xef\xbf\xbd\n"), uint8(3), "csv")
	f.Add([]byte("\xff\xfea\x00\xfd\xff\x3d\xd8"), uint8(0), "ndjson")
	f.Add([]byte("Extracted\na;b\n1;2\n"), uint8(0), "csv")
	f.Add([]byte("{\"items\":[{}]}"), uint8(0), "json")
	f.Fuzz(func(t *testing.T, content []byte, encoding uint8, format string) {
		name := names[int(encoding)%len(names)]
		r, err := decode(bytes.NewReader(content), name)
		if err != nil {
			require.ErrorContains(t, err, "UTF-32")
			return
		}
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		if name != "" {
			require.NotContains(t, string(text), "\ufffd")
			rest := strings.ReplaceAll(string(text), "\xff", "")
			require.True(t, utf8.ValidString(rest) || bytes.HasPrefix(content, []byte("\xef\xbb\xbf")))
		}
		r, err = decode(iotest.HalfReader(bytes.NewReader(content)), name)
		require.NoError(t, err)
		again, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, text, again)

		before := bytes.Clone(content)
		if err := sniff(content, reading{format: format, encoding: name}); err != nil {
			require.True(t, utf8.ValidString(err.Error()), err)
		}
		require.Equal(t, before, content)
	})
}
