package rows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"
)

//nolint:lll // data rows: files and what is said of them
func TestSniff(t *testing.T) {
	csv, ndjson, asJSON := reading{format: "csv"}, reading{format: "ndjson"}, reading{format: "json"}
	utf16 := func(endianness unicode.Endianness, text string) string {
		encoded, err := unicode.UTF16(endianness, unicode.IgnoreBOM).NewEncoder().String(text)
		require.NoError(t, err)
		return encoded
	}
	tests := map[string]struct {
		content string
		as      reading
		want    string // "": nothing is told
	}{
		"nothing":             {"", csv, ""},
		"blank lines":         {"\n\n", ndjson, ""},
		"CSV":                 {"a,b\n1,2\n3\n", csv, ""},
		"CSV of a row":        {"a,b\n1,2,3\n", csv, ""},
		"CSV of a column":     {"a\n1\n2\n", csv, ""},
		"CSV as said":         {"a;b\n1;2\n", reading{format: "csv", separator: ';'}, ""},
		"CSV with sep=":       {"sep=;\na;b\n1;2\n3;4\n", csv, ""},
		"CSV with text":       {"a,b\n1,\"x\ny,z\"\n3,4\n", csv, ""},
		"CSV with nothing":    {"sep=;\n", csv, ""},
		"a row is short":      {"a,b\n1\n3,4\n5,6\n", csv, ""},
		"NDJSON":              {"{\"a\":1}\n{\"a\":[{}]}\n", ndjson, ""},
		"NDJSON, damaged":     {"{\"a\n{}\n", ndjson, ""},
		"NDJSON, line 1":      {"x\n{\"a\":1}\n", ndjson, ""},
		"a JSON array":        {"[\n{\"a\":1}\n]\n", asJSON, ""},
		"UTF-8":               {"a,b\nü,€\n", csv, ""},
		"UTF-8 and damage":    {"a,b\nü,\xff\n", csv, ""},
		"UTF-8 with a mark":   {"\xef\xbb\xbfa,b\n1,\xff\n", csv, ""},
		"UTF-16 with a mark":  {"\xff\xfe" + utf16(unicode.LittleEndian, "a,b\n1,2\n"), csv, ""},
		"the encoding said":   {"a,b\n1,\xfc\n", reading{format: "csv", encoding: "windows-1252"}, ""},
		"cut in a character":  {strings.Repeat("a,b\n", sniffSize/4-1) + "ab\xe2\x82", csv, ""},
		"cut in a line":       {"a;b\n" + strings.Repeat("x;y\n", sniffSize/4-2) + "1;2;", reading{format: "csv", separator: ';'}, ""},
		"a CR at the end":     {"{\"a\":1}\r", ndjson, ""},
		"an unknown encoding": {"a", reading{format: "csv", encoding: "x"}, `the encoding "x" is not known`},

		"XML":             {"\xef\xbb\xbf<?xml version=\"1.0\"?>\n", csv, "the file is XML"},
		"XML, 2":          {" <rss>\n", ndjson, "the file is XML"},
		"HTML":            {"\n<!DOCTYPE HTML>\n", csv, "the file is a web page (HTML)"},
		"HTML, in UTF-16": {"\xff\xfe" + utf16(unicode.LittleEndian, "<html>"), csv, "the file is a web page (HTML)"},
		"zeros":           {"a\x00\x00\x00b\x00\x00\x00", csv, "the file is not text: it is full of zero bytes"},
		"UTF-16LE":        {utf16(unicode.LittleEndian, "a,b\n1,2\n"), csv, "the file is UTF-16 without a byte order mark: -encoding UTF-16LE"},
		"UTF-16BE":        {utf16(unicode.BigEndian, "a,テレビ\n1,2\n"), csv, "the file is UTF-16 without a byte order mark: -encoding UTF-16BE"},
		"windows-125x": {"sku,cijena\nA-1,Konzum \xc8akovec\n", csv, "line 2 is not UTF-8 text; files from Windows are often windows-1252 (Western Europe) or " +
			"windows-1250 (Central Europe): -encoding windows-1252 if \"Èakovec\" is right there, -encoding windows-1250 if it is \"Čakovec\""},
		"a sign":  {"{\"a\":\"\x80\"}", ndjson, `which both have "€" there`},
		"old Mac": {"a,b\r1,2\r3,4\r", csv, "the line ends of the file are CR only, as on old Macs: save it with LF or CR LF"},

		"a header":                 {"a,b,\"c,d\",e\n1,2,3,4\n", ndjson, "the first line is not JSON and looks like a header with 4 columns: -format csv?"},
		"a header with semicolons": {"a;b\n1,5;2\n", asJSON, "the first line is not JSON and looks like a header with 2 columns: -format csv -separator ';'?"},
		"a header with tabs":       {"a\tb\n", ndjson, "the first line is not JSON and looks like a header with 2 columns: -format csv -separator tab?"},
		"text":                     {"hello\n", ndjson, "the first line is not JSON: -format csv?"},
		"an API's answer":          {"{\"page\":1,\"items\":[{\"a\":1},{\"a\":2}]}\n", ndjson, "the file is one JSON object, and its rows are in the member \"items\""},
		"a long answer":            {"{\"items\":[{\"a\":1}" + strings.Repeat(",{}", sniffSize/3), ndjson, "the member \"items\""},
		"NDJSON as CSV":            {"{\"a\":1,\"b\":2}\n", csv, "the first line is a JSON object: -format ndjson?"},
		"JSON as CSV":              {"[\n{\"a\":1}]\n", csv, "the file is JSON: -format json?"},
		"JSON in a line as CSV":    {"[{\"a\":1}]\n", csv, "the file is JSON: -format json?"},
		"pretty JSON as CSV":       {"{\n\"a\":1}\n", csv, "the file is JSON: -format json?"},
		"semicolons":               {"a;b;c;d;e;f;g;h\n1;2;3;4;5;6;7;8\n", csv, "the header is one column with 7 semicolons in it: -separator ';'?"},
		"semicolons and commas":    {"a;b\n1,5;2\n2,5;3\n", csv, "the header is one column with 1 semicolon in it: -separator ';'?"},
		"semicolons and damage":    {"a;b\n1;2\n2\n", csv, "the header is one column with 1 semicolon in it: -separator ';'?"},
		"a pipe in a line before":  {"Prices | today\na,b\n1,2\n3,4\n", csv, "the header is perhaps in line 2, since line 1 has fewer columns (1)"},
		"tabs":                     {"a\tb\n", csv, "the header is one column with 1 tab in it: -separator tab?"},
		"pipes":                    {"a|b\n", csv, "the header is one column with 1 pipe in it: -separator '|'?"},
		"a line before":            {"Prices\na,b\n1,2\n", csv, "the header is perhaps in line 2, since line 1 has fewer columns (1) than those from there on (2): -skip 1?"},
		"lines before":             {"Prices\n\nof, today\na,b,c\n1,2,3\n4,5,6\n", csv, "the header is perhaps in line 4, since line 3 has fewer columns (2) than those from there on (3): -skip 3?"},
		"a line before semicolons": {"Extracted on 2026-11-20\na;b\n1;2\n", csv, "-skip 1 -separator ';'?"},
		"a line before, separator": {"Prices\na;b\n1;2\n", reading{format: "csv", separator: ';'}, "-skip 1?"},
		"too few skipped":          {"Prices\nof today\na,b\n1,2\n", reading{format: "csv", skip: 1}, "the header is perhaps in line 3, since line 2 has fewer columns (1) than those from there on (2): -skip 2?"},
		"a line before, skipped":   {"Prices\na,b\n1,2\n", reading{format: "csv", skip: 1}, ""},
		"rows that end in a comma": {"a,b\n1,2,\n3,4,\n", csv, "the header is perhaps in line 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := sniff([]byte(tt.content), tt.as)
			if tt.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tt.want)
			}
		})
	}
}

func TestRowsMember(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "[{}]": "", "{}": "", `{"a":1}`: "", `{"a":[1]}`: "", `{"a":[]}`: "", `{"a":[{}]}`: "a", `{"a":"b","c":[{`: "c",
		`{"a":{"b":[{}]},"c":[[{}]],"d":[[1],{}],"e":[{}]}`: "e", `{"a":["b",{}],"c":[`: "", `{"a`: "", `[[{}]]`: "", `[{"a":[{}]}]`: "",
	} {
		assert.Equal(t, want, rowsMember([]byte(text)), text)
	}
}
