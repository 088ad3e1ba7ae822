package rows

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func anyHeader([]string) error { return nil }

// readAll reads a CSV file.
func readAll(content string, form csvForm) ([]call, error) {
	each, calls := collect()
	err := readCSV(strings.NewReader(content), 1, form, anyHeader, each)
	return *calls, err
}

//nolint:lll // data rows: files and their rows
func TestReadCSV(t *testing.T) {
	tests := map[string]struct {
		content string
		form    csvForm
		want    []string
	}{
		"plain":                   {"a,b\n1,2\n3,4\n", csvForm{}, []string{`2-2 {"a":"1","b":"2"}`, `3-3 {"a":"3","b":"4"}`}},
		"no last line end":        {"a,b\n1,2", csvForm{}, []string{`2-2 {"a":"1","b":"2"}`}},
		"CR LF and LF":            {"a,b\r\n1,2\r\n3,4\n5,6\r", csvForm{}, []string{`2-2 {"a":"1","b":"2"}`, `3-3 {"a":"3","b":"4"}`, `4-4 {"a":"5","b":"6"}`}},
		"blank lines":             {"\n \na,b\n\n1,2\n\r\n  \n3,4\n\n", csvForm{}, []string{`5-5 {"a":"1","b":"2"}`, `8-8 {"a":"3","b":"4"}`}},
		"only a header":           {"a,b\n", csvForm{}, []string{}},
		"empty is left out":       {"a,b,c\n,2,\n\"\",,3\n,,\n", csvForm{}, []string{`2-2 {"b":"2"}`, `3-3 {"c":"3"}`, `4-4 {}`}},
		"a nameless column":       {",b, \n1,2,3\n", csvForm{}, []string{`2-2 {"b":"2"}`}},
		"quoted":                  {"a,b\n\"x,\"\"y\"\"\",\"2\"\n", csvForm{}, []string{`2-2 {"a":"x,\"y\"","b":"2"}`}},
		"a quoted header":         {"\"a\"\"\",\"b\nc\"\n1,2\n", csvForm{}, []string{`3-3 {"a\"":"1","b\nc":"2"}`}},
		"escapes":                 {"a\\,b<\nx\\y,\t\x01<>&ü\u2028\n", csvForm{}, []string{`2-2 {"a\\":"x\\y","b<":"\t\u0001<>&ü` + "\u2028" + `"}`}},
		"a CR within a field":     {"a,b\n1\r2,\"\r\"\n", csvForm{}, []string{`2-2 {"a":"1\u000d2","b":"\u000d"}`}},
		"several lines":           {"a,b\n1,\"x\r\n\r\ny\"\n3,4\n", csvForm{}, []string{`2-4 {"a":"1","b":"x\n\ny"}`, `5-5 {"a":"3","b":"4"}`}},
		"in the first column":     {"a,b\n\"x\ny\",2\n", csvForm{}, []string{`2-3 {"a":"x\ny","b":"2"}`}},
		"twice in a row":          {"a,b\n\"x\ny\",\"z\n\"\n", csvForm{}, []string{`2-4 {"a":"x\ny","b":"z\n"}`}},
		"its end looks like more": {"a,b,c\n1,\"Cheese\n200g, sliced\",3\n", csvForm{}, []string{`2-3 {"a":"1","b":"Cheese\n200g, sliced","c":"3"}`}},
		"a mark for inches":       {"a,b\nTV 55\",2\n5' 3\",\"\"\n", csvForm{}, []string{`2-2 {"a":"TV 55\"","b":"2"}`, `3-3 {"a":"5' 3\""}`}},
		"a separator":             {"a;b\n1,5;2\n", csvForm{separator: ';'}, []string{`2-2 {"a":"1,5","b":"2"}`}},
		"a long separator":        {"a§b\n1§\"2§\"\n", csvForm{separator: '§'}, []string{`2-2 {"a":"1","b":"2§"}`}},
		"tabs":                    {"a\tb\n1\t2\n\t\n\n", csvForm{separator: '\t'}, []string{`2-2 {"a":"1","b":"2"}`, `3-3 {}`}},
		"plain quotes":            {"a\tb\n\"1\t2\"\n", csvForm{separator: '\t', plainQuotes: true}, []string{`2-2 {"a":"\"1","b":"2\""}`}},
		"sep=":                    {"sep=;\na;b\n1;2\n", csvForm{}, []string{`3-3 {"a":"1","b":"2"}`}},
		"sep= in quotes, CR LF":   {"\"SEP=\t\"\r\na\tb\r\n1\t2\r\n", csvForm{}, []string{`3-3 {"a":"1","b":"2"}`}},
		"sep=, but another said":  {"sep=;\na|b\n1|2\n", csvForm{separator: '|'}, []string{`3-3 {"a":"1","b":"2"}`}},
		"sep= is a column":        {"sep=ab\n1\n", csvForm{}, []string{`2-2 {"sep=ab":"1"}`}},

		"too few and too many columns": {"a,b\n1\n1,2,3\n4,5\n", csvForm{}, []string{"2-2 columns: 1", "3-3 columns: 1,2,3", `4-4 {"a":"4","b":"5"}`}},
		"text after a mark":            {"a,b\n\"x\"y,2\n3,4\n", csvForm{}, []string{"2-2 malformed-csv: \"x\"y,2", `3-3 {"a":"3","b":"4"}`}},
		"never closed":                 {"a,b\n\"x,2\n3,4\n5,6", csvForm{}, []string{"2-2 malformed-csv: \"x,2", `3-3 {"a":"3","b":"4"}`, `4-4 {"a":"5","b":"6"}`}},
		"never closed at the end":      {"a,b\n1,2\n3,\"", csvForm{}, []string{`2-2 {"a":"1","b":"2"}`, "3-3 malformed-csv: 3,\""}},
		"rows by themselves":           {"a,b\nx,\"2\n3,4\n5\"\n", csvForm{}, []string{"2-2 malformed-csv: x,\"2", `3-3 {"a":"3","b":"4"}`, "4-4 columns: 5\""}},
		"two marks for inches": {"a,b,c\n1,\"55,3\n4,TV 55\",6\n7,8,9\n", csvForm{},
			[]string{"2-2 malformed-csv: 1,\"55,3", "3-3 malformed-csv: 4,TV 55\",6", `4-4 {"a":"7","b":"8","c":"9"}`}},
		"a row that is cut": {"a,b,c,d,e\n,\"\n,2,,\",,;\",\n", csvForm{}, []string{"2-2 malformed-csv: ,\"", `3-3 {"b":"2","d":",,;"}`}},
		"other columns":     {"a,b\n\"x\ny,\"\n3,4\n", csvForm{}, []string{"2-2 malformed-csv: \"x", "3-3 malformed-csv: y,\"", `4-4 {"a":"3","b":"4"}`}},
		"the rest of a row, not a row": {"a,b,c\n\"the \"best\"\ncheese\",2,3\n\"x\"\"\",TV 5\",6\n4,5,6\nx\",8,9\n", csvForm{}, []string{
			"2-2 malformed-csv: \"the \"best\"", "3-3 malformed-csv: cheese\",2,3", "4-4 malformed-csv: \"x\"\"\",TV 5\",6",
			`5-5 {"a":"4","b":"5","c":"6"}`, `6-6 {"a":"x\"","b":"8","c":"9"}`}},
		"not UTF-8":              {"a,b\n1,\xff\n\"x\n\xff\",3\n4,5\n", csvForm{}, []string{"2-2 malformed-csv: 1,\xff", "3-4 malformed-csv: \"x\n\xff\",3", `5-5 {"a":"4","b":"5"}`}},
		"not UTF-8, but ignored": {"a,\n1,\xff\n", csvForm{}, []string{`2-2 {"a":"1"}`}},
		"the longest row":        {"a\n" + strings.Repeat("x", maxLine-8), csvForm{}, []string{`2-2 {"a":"` + strings.Repeat("x", maxLine-8) + `"}`}},
		"a byte more":            {"a\n" + strings.Repeat("x", maxLine-7) + "\n1", csvForm{}, []string{`2-2 line-too-long: ` + strings.Repeat("x", maxLine-7), `3-3 {"a":"1"}`}},
		"too long over several lines": {"a,b\n1,\"" + strings.Repeat("x\n", maxLine/2) + "\"\n1,2\n", csvForm{}, []string{
			fmt.Sprintf("2-%d line-too-long: 1,\"%s", 2+maxLine/2, strings.Repeat("x\n", maxLine/2)[:maxLine-3]),
			fmt.Sprintf(`%d-%[1]d {"a":"1","b":"2"}`, 3+maxLine/2)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			calls, err := readAll(tt.content, tt.form)
			require.NoError(t, err)
			assert.Equal(t, tt.want, texts(calls))
		})
	}
}

//nolint:lll // data rows: files and their rows
func TestReadCSV_refusal(t *testing.T) {
	tests := map[string]struct{ content, detail, column string }{
		"columns":    {"a,b\n1", "The row has 1 columns, the header 2.", ""},
		"not UTF-8":  {"a,b\n1,\xff", "Column 2 has bytes that are no text in the file's encoding. Was the file saved in another one (-encoding)?", "b"},
		"text after": {"a,b\n1,\"x\"y", `Column 2 begins with a quotation mark that is closed before "y"; within quotation marks, a quotation mark is written twice.`, "b"},
		"later text after": {"a,b\n1,\"x\n\n3,\"ok\"\n",
			`Column 2 begins with a quotation mark that is closed on line 4 before "ok\""; perhaps it is not meant as one.`, "b"},
		"never closed":   {"a,b\n\"x\n\n", "Column 1 begins with a quotation mark that is never closed.", "a"},
		"no such column": {"a\n1,\"x\n\n", "Column 2 begins with a quotation mark that is never closed.", ""},
		"too far": {"a,b\n1,\"x\n" + strings.Repeat("\n", maxSkip) + "\"\n",
			"Column 2 begins with a quotation mark that is not closed within 1048576 bytes.", "b"},
		"other columns": {"a,b\n\"x\ny,\"\n",
			"Column 1 begins with a quotation mark that is closed on line 3; read as one row, these lines have 1 columns, the header 2.", "a"},
		"a mark within": {"a,b,c\n1,\"x\ny\",2\"\n",
			"Column 2 begins with a quotation mark that is closed on line 3, but then there is one within column 3, so that it is perhaps not meant as one.", "b"},
		"a row within": {"a,b\n1,\"x\n3,4\n5,6\ny\"\n",
			"Column 2 begins with a quotation mark that is closed on line 5, but line 4 is a row by itself.", "b"},
		"two rows": {"a,b,c\n1,\"55,3\n4,55\",6\n",
			"Column 2 begins with a quotation mark that is closed on line 3, but both lines are rows by themselves if the marks stand for inches or the like.", "b"},
		"after damage": {"a,b\n\"x\"y,1\nz\",2\n1,2\nz\",2\n", `There is a quotation mark within column 1, and the quotation marks of the row before are wrong: ` +
			`this line is perhaps the rest of it.`, "a"},
		"too long": {"a,b\n" + strings.Repeat("x", maxLine) + ",1\n", "The row is longer than 262144 bytes.", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			calls, err := readAll(tt.content, csvForm{})
			require.NoError(t, err)
			var got RowError
			for _, c := range calls { // the last one
				errors.As(c.err, &got)
			}
			if name != "after damage" {
				require.ErrorAs(t, calls[0].err, &got)
			}
			assert.Equal(t, tt.detail, got.Detail)
			assert.Equal(t, tt.column, got.Column)
			assert.Equal(t, got.Code+": "+tt.detail, got.Error())
		})
	}
}

func TestReadCSV_header(t *testing.T) {
	tests := map[string]struct {
		content string
		form    csvForm
		want    string
	}{
		"nothing at all":     {"", csvForm{}, "CSV header: there is none: the file has no line with a text"},
		"nothing after sep=": {"sep=;\n\n", csvForm{}, "CSV header: there is none: the file has no line with a text"},
		"not UTF-8":          {"a,\xff\n", csvForm{}, "CSV header: the name of column 2 has bytes that are no text"},
		"twice":              {"a,b,a,b\n", csvForm{}, `CSV header: "a" is there twice, "b" is there twice`},
		"text after a mark":  {"\n\"a\"b\n", csvForm{}, `CSV header: line 2: Column 1 begins with a quotation mark that is closed before "b"`},
		"never closed":       {"a,\"b\n1,2\n", csvForm{}, "CSV header: line 1: Column 2 begins with a quotation mark that is never closed."},
		"far too long":       {strings.Repeat("x", 2*maxSkip), csvForm{}, "CSV header: line 1: no end of line within 1048576 bytes"},
		"old Mac":            {"a,b\r1,2\r3,4\r", csvForm{}, "CSV header: the line ends of the file are CR only"},
		"the caller's":       {"a,,b\n", csvForm{}, `CSV header: wrong ["a" "" "b"]`},
		"a mark separates":   {"a\n", csvForm{separator: '"'}, `CSV header: '"' cannot separate the columns`},
		"a line end":         {"a\n", csvForm{separator: '\n'}, `CSV header: '\n' cannot separate the columns`},
		"broken off":         {"a,b", csvForm{}, "CSV header: line 1: broken off"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			each, calls := collect()
			r := io.Reader(strings.NewReader(tt.content))
			if name == "broken off" {
				r = io.MultiReader(r, iotest.ErrReader(errors.New("broken off")))
			}
			err := readCSV(r, 1, tt.form, func(names []string) error { return fmt.Errorf("wrong %q", names) }, each)
			require.ErrorContains(t, err, tt.want)
			require.ErrorIs(t, err, ErrHeader)
			assert.Empty(t, *calls)
		})
	}
}

func TestReadCSV_ends(t *testing.T) {
	t.Run("the file breaks off", func(t *testing.T) {
		each, calls := collect()
		broken := errors.New("broken off")
		r := io.MultiReader(strings.NewReader("a,b\n1,2\n3,\"4\n5,6\n7,8.9"), iotest.ErrReader(broken))
		err := readCSV(r, 1, csvForm{}, anyHeader, each)
		require.ErrorIs(t, err, broken)
		require.EqualError(t, err, "line 5: broken off")
		assert.Equal(t, []string{`2-2 {"a":"1","b":"2"}`, "3-3 malformed-csv: 3,\"4", `4-4 {"a":"5","b":"6"}`}, texts(*calls),
			"half a price is none")
	})
	t.Run("by the caller", func(t *testing.T) {
		enough := errors.New("enough")
		n := 0
		err := readCSV(strings.NewReader("a\n1\n2\n3\n"), 1, csvForm{}, anyHeader, func(Row, error) error { n++; return enough })
		require.ErrorIs(t, err, enough)
		assert.Equal(t, 1, n)
	})
	t.Run("lines without an end", func(t *testing.T) {
		calls, err := readAll("a\n1\n"+strings.Repeat("x", maxSkip+1), csvForm{})
		require.EqualError(t, err, "line 3: no end of line within 1048576 bytes: this is not a text file, and the rest of it was not read")
		assert.Equal(t, []string{`2-2 {"a":"1"}`}, texts(calls))
	})
	t.Run("the first line has a number", func(t *testing.T) {
		each, calls := collect()
		r, err := skipLines(strings.NewReader("one\r\n\"two\nsep=;\na;b\n1;2\n"), 2)
		require.NoError(t, err)
		require.NoError(t, readCSV(r, 3, csvForm{}, anyHeader, each))
		assert.Equal(t, []string{`5-5 {"a":"1","b":"2"}`}, texts(*calls))
	})
	t.Run("fewer lines than to skip", func(t *testing.T) {
		_, err := skipLines(strings.NewReader("one\ntwo"), 3)
		require.EqualError(t, err, "the file has 2 lines, and 3 were to be skipped (-skip)")
		broken := errors.New("broken off")
		_, err = skipLines(iotest.ErrReader(broken), 1)
		assert.ErrorIs(t, err, broken)
	})
}

func TestReadCSV_strayQuote(t *testing.T) {
	var content strings.Builder
	content.WriteString("sku,title,price,when\n")
	for i := 1; i <= 30; i++ {
		title := fmt.Sprintf(`"TV %d inch"`, i)
		switch i {
		case 11:
			title = `"TV 55`
		case 25:
			title = `"ok"`
		}
		fmt.Fprintf(&content, "T-%03d,%s,%d.00,2026-11-20T10:00:00Z\n", i, title, 199+i)
	}
	calls, err := readAll(content.String(), csvForm{})
	require.NoError(t, err)
	require.Len(t, calls, 30)
	for i, c := range calls {
		assert.Equal(t, i+2, c.line)
		assert.Equal(t, i+2, c.last)
		assert.Equal(t, c.line == 12, c.err != nil)
	}
	assert.Equal(t, `T-011,"TV 55,210.00,2026-11-20T10:00:00Z`, calls[10].text)
}

// TestReadCSV_linear reads files in which each line opens a quotation mark anew. It would take an hour if each were followed to its end.
func TestReadCSV_linear(t *testing.T) {
	for name, line := range map[string]string{"never closed": `1,x","y` + "\n", "one mark": `"` + "\n", "three marks": `1,"""x` + "\n"} {
		t.Run(name, func(t *testing.T) {
			lines := 1 << 19 / len(line)
			content := "a,b,c,d\n" + strings.Repeat(line, lines)
			calls, err := readAll(content, csvForm{})
			require.NoError(t, err)
			requireCovered(t, content, 2, ",", calls)
		})
	}
}

// genField is a field of a clean file.
func genField() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[a-z0-9. ]{0,8}`), rapid.StringOfN(rapid.RuneFrom([]rune(",;\"\n\r\t\\a1 üß€")), 0, 6, -1))
}

// genTable is a header and rows. Fields over several lines are in the first column only, and have no separators: other texts may
// have lines that are rows by themselves.
func genTable(t *rapid.T) [][]string {
	columns := rapid.IntRange(2, 5).Draw(t, "columns")
	table := [][]string{{}}
	for i := range columns {
		table[0] = append(table[0], fmt.Sprintf("c%d", i))
	}
	for range rapid.IntRange(0, 12).Draw(t, "rows") {
		row := []string{}
		for i := range columns {
			field := genField().Draw(t, "field")
			if i > 0 {
				field = strings.ReplaceAll(field, "\n", "")
			} else if strings.Contains(field, "\n") {
				field = strings.ReplaceAll(field, ",", "")
			}
			row = append(row, field)
		}
		table = append(table, row)
	}
	return table
}

func writeCSV(t require.TestingT, table [][]string, crlf bool) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = crlf
	require.NoError(t, w.WriteAll(table))
	return b.String()
}

// object is a row as encoding/csv has read it.
func object(header, row []string) map[string]string {
	o := map[string]string{}
	for i, value := range row {
		if value != "" {
			o[header[i]] = value
		}
	}
	return o
}

func TestReadCSV_cleanFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := writeCSV(t, genTable(t), rapid.Bool().Draw(t, "crlf"))
		in := csv.NewReader(strings.NewReader(content))
		want := []map[string]string{}
		wantLines := []int{}
		header, err := in.Read()
		require.NoError(t, err)
		for {
			record, err := in.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			line, _ := in.FieldPos(0)
			want, wantLines = append(want, object(header, record)), append(wantLines, line)
		}
		calls, err := readAll(content, csvForm{})
		require.NoError(t, err)
		got := []map[string]string{}
		gotLines := []int{}
		for _, c := range calls {
			require.NoError(t, c.err, content)
			row := map[string]string{}
			require.NoError(t, json.Unmarshal([]byte(c.text), &row))
			got, gotLines = append(got, row), append(gotLines, c.line)
		}
		require.Equal(t, want, got)
		require.Equal(t, wantLines, gotLines)
	})
}

// genDamage damages a line.
func genDamage(t *rapid.T, line string) string {
	at := rapid.IntRange(0, len(line)).Draw(t, "at")
	switch rapid.SampledFrom([]string{"mark", "cut", "byte", "separators", "CR", "gone"}).Draw(t, "damage") {
	case "mark":
		return line[:at] + `"` + line[at:]
	case "cut":
		return line[:at]
	case "byte":
		return line[:at] + "\xff" + line[at:]
	case "separators":
		return line + ",,"
	case "CR":
		return line + "\r"
	}
	return ""
}

func TestReadCSV_everyLineOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		header, content, _ := strings.Cut(writeCSV(t, genTable(t), rapid.Bool().Draw(t, "crlf")), "\n")
		lines := strings.Split(content, "\n")
		for i := range lines {
			for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "damages") {
				lines[i] = genDamage(t, lines[i])
			}
		}
		content = header + "\n" + strings.Join(lines, "\n")
		calls, err := readAll(content, csvForm{})
		require.NoError(t, err)
		requireCovered(t, content, 2, ",", calls)
	})
}

func TestReadCSV_damageStaysWhereItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := genTable(t)
		table = slices.DeleteFunc(table, func(row []string) bool { return strings.Contains(row[0], "\n") })
		for i, row := range table { // lines that are blank are no rows
			row[1] += fmt.Sprint("x", i)
		}
		content := writeCSV(t, table, false)
		undamaged, err := readAll(content, csvForm{})
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
		require.Len(t, lines, len(table))
		if len(lines) == 1 {
			return
		}
		at := rapid.IntRange(1, len(lines)-1).Draw(t, "line")
		lines[at] = genDamage(t, lines[at])
		calls, err := readAll(strings.Join(lines, "\n"), csvForm{})
		require.NoError(t, err)
		for _, want := range undamaged {
			if want.line != at+1 {
				require.Contains(t, calls, want, strings.Join(lines, "\n"))
			}
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add("a,b\n1,2\n", uint8(','), false)
	f.Add("sep=;\na;b\r\n1;\"x\r\n\r\n\"\"\"\n\n\"x\n", uint8(0), false)
	f.Add("a\tb\n\"\t\xff\n,x\",\"y\n,x\",\"y\n", uint8('\t'), true)
	f.Add("a,b,c\n1,\"55,3\n4,TV 55\",6\n7,8,9\n", uint8(0), false)
	f.Fuzz(func(t *testing.T, content string, separator uint8, plain bool) {
		form := csvForm{rune(separator), plain}
		calls, err := readAll(content, form)
		if err != nil {
			require.ErrorIs(t, err, ErrHeader)
			require.Empty(t, calls)
			return
		}
		if separator == 0 {
			form.separator = ','
		}
		content = fmt.Sprintf("a%cb\n%s", form.separator, content)
		calls, err = readAll(content, form)
		require.NoError(t, err)
		requireCovered(t, content, 2, string(form.separator), calls)
		for _, c := range calls {
			if c.err != nil {
				require.ErrorAs(t, c.err, new(RowError))
				continue
			}
			require.LessOrEqual(t, len(c.text), maxLine)
			require.True(t, utf8.ValidString(c.text))
			var row map[string]string
			require.NoError(t, json.Unmarshal([]byte(c.text), &row), c.text)
			for name, value := range row {
				require.Contains(t, []string{"a", "b"}, name)
				require.NotEmpty(t, value)
			}
		}
	})
}

// benchmarkFile is a file like a shop's.
func benchmarkFile() string {
	var b strings.Builder
	b.WriteString("sku,title,brand,price,currency,availability,url,seen\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, "A-%06d,\"Green tea, %d bags\",Farm & Söhne,%d.99,EUR,in stock,https://shop.example/p/%d,2026-11-20T10:00:00Z\n",
			i, i%50, i%90, i)
	}
	return b.String()
}

// BenchmarkReadCSV is the reading of a file; BenchmarkEncodingCSV is that of the standard library, which makes no JSON.
func BenchmarkReadCSV(b *testing.B) {
	content := benchmarkFile()
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		err := readCSV(strings.NewReader(content), 1, csvForm{}, anyHeader, func(_ Row, err error) error { return err })
		require.NoError(b, err)
	}
}

func BenchmarkEncodingCSV(b *testing.B) {
	content := benchmarkFile()
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		in := csv.NewReader(strings.NewReader(content))
		in.ReuseRecord = true
		for {
			if _, err := in.Read(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}
