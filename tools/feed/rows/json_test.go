package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// jsonCalls reads a JSON stream.
func jsonCalls(content string) ([]call, error) {
	each, calls := collect()
	err := readJSON(strings.NewReader(content), 1, each)
	return *calls, err
}

func TestReadLines(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", maxLine-8) + `"}`
	each, calls := collect()
	content := "{\"a\":1}\n\n \t{\"a\":2} \r\n" + long + "\n" + long + "x\n{\"a\":\"\xff\"}\nno object\n{\"a\":3}"
	require.NoError(t, readLines(strings.NewReader(content), 4, each))
	assert.Equal(t, []string{`4-4 {"a":1}`, `6-6 {"a":2}`, "7-7 " + long, "8-8 line-too-long: " + long,
		"9-9 malformed-json: {\"a\":\"\xff\"}", "10-10 no object", `11-11 {"a":3}`}, texts(*calls))

	t.Run("the file breaks off", func(t *testing.T) {
		each, calls := collect()
		broken := errors.New("broken off")
		err := readLines(io.MultiReader(strings.NewReader("{}\n{\"a\":1}"), iotest.ErrReader(broken)), 1, each)
		require.ErrorIs(t, err, broken)
		require.EqualError(t, err, "line 2: broken off")
		assert.Equal(t, []string{"1-1 {}"}, texts(*calls))
	})
	t.Run("lines without an end", func(t *testing.T) {
		err := readLines(strings.NewReader("{}\n"+strings.Repeat("x", 3*maxSkip)), 1, each)
		require.ErrorIs(t, err, errNoLines)
	})
	t.Run("long lines in a row", func(t *testing.T) {
		each, calls := collect()
		line := strings.Repeat("x", maxSkip-1) + "\n"
		require.NoError(t, readLines(strings.NewReader(strings.Repeat(line, 5)), 1, each))
		assert.Len(t, *calls, 5)
	})
	t.Run("by the caller", func(t *testing.T) {
		enough := errors.New("enough")
		require.ErrorIs(t, readLines(strings.NewReader("{}\n{}\n"), 1, func(Row, error) error { return enough }), enough)
	})
}

func TestIsJSONStream(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, " \n": false, "[": true, "\n [{}]": true, "{\n": true, "\r\n{ \r\n\"a\":1}": true, "{": true,
		`{"a":1}`: false, "{}\n{\n": false, "a,b": false,
	} {
		assert.Equal(t, want, isJSONStream([]byte(text)), text)
	}
}

//nolint:lll // data rows: files and their rows
func TestReadJSON(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", maxLine-8) + `"}`
	tests := map[string]struct {
		content string
		want    []string
	}{
		"nothing":                {"", []string{}},
		"white space":            {" \n\r\n", []string{}},
		"an empty array":         {"[\n]\n", []string{}},
		"an array":               {"[{\"a\":1},\r\n {\"a\":2}\n, {}]\n", []string{`1-1 {"a":1}`, `2-2 {"a":2}`, "3-3 {}"}},
		"pretty":                 {"[\n  {\n    \"a\": [1, {}]\n  },\n\n  {\n  }\n]", []string{"2-4 {\n    \"a\": [1, {}]\n  }", "6-7 {\n  }"}},
		"one after another":      {"{\n\"a\": 1\n}\n{\n}{}\n", []string{"1-3 {\n\"a\": 1\n}", "4-5 {\n}", "5-5 {}"}},
		"brackets within texts":  {`[{"]}\"\\":"{"},{}]`, []string{`1-1 {"]}\"\\":"{"}`, "1-1 {}"}},
		"no objects":             {"[1, \"a,]\", [{}, 2], null, {}, true]", []string{"1-1 wrong-type: 1", "1-1 wrong-type: \"a,]\"", "1-1 wrong-type: [{}, 2]", "1-1 wrong-type: null", "1-1 {}", "1-1 wrong-type: true"}},
		"syntax is for a parser": {"[{a:+1 2},{}]", []string{"1-1 {a:+1 2}", "1-1 {}"}},
		"not UTF-8":              {"[{\"a\":\"\xff\"},{}]", []string{"1-1 malformed-json: {\"a\":\"\xff\"}", "1-1 {}"}},
		"long":                   {"[" + long + "," + strings.Replace(long, "x", "xx", 1) + ",{}]", []string{"1-1 " + long, "1-1 line-too-long: " + strings.TrimSuffix(strings.Replace(long, "x", "xx", 1), "}"), "1-1 {}"}},

		"a missing comma":             {"[{}\n{}]", []string{"1-1 {}", "2-2 malformed-json: ", "2-2 {}"}},
		"commas too many":             {"[,{},,{},]", []string{"1-1 malformed-json: ", "1-1 {}", "1-1 malformed-json: ", "1-1 {}", "1-1 malformed-json: "}},
		"commas without an array":     {"{},\n{}", []string{"1-1 {}", "1-1 malformed-json: ", "2-2 {}"}},
		"no end":                      {"[{},\n{}\n", []string{"1-1 {}", "2-2 {}", "2-2 malformed-json: "}},
		"nothing but a beginning":     {"[", []string{"1-1 malformed-json: "}},
		"text after the end":          {"[{}]\n\nmore {}", []string{"1-1 {}", "3-3 malformed-json: "}},
		"a comma and no end":          {"[{},\n", []string{"1-1 {}", "1-1 malformed-json: "}},
		"cut off":                     {"[{},\n{\"a\":[1,\n", []string{"1-1 {}", "2-2 malformed-json: {\"a\":[1,\n"}},
		"cut off in a text":           {"{}\n{\"a\\", []string{"1-1 {}", "2-2 malformed-json: {\"a\\"}},
		"a bracket too many":          {"[\n {},\n {}},\n {}\n]", []string{"2-2 {}", "3-3 {}", "3-3 malformed-json: ", "4-4 {}"}},
		"a text without an end":       {"[\n {},\n {\n  \"a\": \"x,\n  \"b\": {\n  }\n },\n\n {}\n]", []string{"2-2 {}", "3-7 malformed-json: {\n  \"a\": \"x,\n", "9-9 {}"}},
		"a missing bracket":           {"[\n {\n  \"a\": 1,\n {},\n {}\n]", []string{"2-3 malformed-json: {\n  \"a\": 1,\n", "4-4 {}", "5-5 {}"}},
		"a missing bracket, no comma": {"[\n {\n  \"a\": [1,\n {\n  \"a\": 1\n {}\n]", []string{"2-3 malformed-json: {\n  \"a\": [1,\n", "4-5 malformed-json: {\n  \"a\": 1\n", "6-6 {}"}},
		"brackets missing, then cut":  {"[\n {},\n {\n  \"a\": [1,\n {},\n {}", []string{"2-2 {}", "3-4 malformed-json: {\n  \"a\": [1,\n", "5-5 {}", "6-6 {}", "6-6 malformed-json: "}},
		"the other bracket":           {"[\n {\"a\": [1},\n {}\n]", []string{"2-2 malformed-json: {\"a\": [1}", "3-3 {}"}},
		"no bracket at all":           {"[\n {},\n \"a\": 1\n },\n {}\n]", []string{"2-2 {}", "3-4 malformed-json: \"a\"", "5-5 {}"}},
		"one object a line":           {"{}\n{\"a:1}\n{}\nx\n{}", []string{"1-1 {}", "2-2 malformed-json: {\"a:1}\n", "3-3 {}", "4-4 malformed-json: x", "5-5 {}"}},
		"an array after objects":      {"{}\n[\n 1, {}\n]\n{}\n", []string{"1-1 {}", "2-4 malformed-json: [\n 1, {}\n]", "5-5 {}"}},
		"the first in the line of [":  {"[{\"a:1},\n{},\n{}]", []string{"1-1 malformed-json: {\"a:1},\n", "2-2 {}", "3-3 {}"}},
		"nested rows are no rows":     {"[\n{\n\"a\":[\n{}\n]\n},\n{\n\"a:[\n{}\n]\n},\n{}\n]", []string{"2-6 {\n\"a\":[\n{}\n]\n}", "7-13 malformed-json: {\n\"a:[\n"}},
		"all in one line":             {`[{},{"a:1},{"a":1}]`, []string{"1-1 {}", `1-1 malformed-json: {"a:1},{"a":1}]`}},
		"the last one":                {"[\n{},\n{\"a:1}\n]\n", []string{"2-2 {}", "3-4 malformed-json: {\"a:1}\n"}},
		"deep":                        {"[\n{\"a\":" + strings.Repeat("[", 64) + "},\n{}]", []string{"2-2 malformed-json: {\"a\":" + strings.Repeat("[", 64), "3-3 {}"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			calls, err := jsonCalls(tt.content)
			require.NoError(t, err)
			assert.Equal(t, tt.want, texts(calls))
		})
	}
}

// TestReadJSON_notClosed reads an array whose second row lacks the end of an array, so that all later rows could be in it.
func TestReadJSON_notClosed(t *testing.T) {
	const count = 10_000
	for _, end := range []string{"]", ""} {
		calls, err := jsonCalls("[\n {\n  \"a\": []\n },\n {\n  \"a\": [\n" + strings.Repeat(" {\n  \"a\": []\n },\n", count) + " {}\n" + end)
		require.NoError(t, err)
		require.Equal(t, "5-6 malformed-json: {\n  \"a\": [\n", calls[1].String())
		rows := 0
		for _, c := range calls {
			if c.err == nil {
				rows++
			}
		}
		require.Equal(t, 1+count+1, rows)
	}
}

func TestReadJSON_refusal(t *testing.T) {
	tests := map[string]struct{ content, want string }{
		"a missing comma":    {"[{}{}]", "A comma is missing before this row."},
		"a comma too many":   {"[{},,{}]", "There is a comma without a row before it."},
		"a trailing comma":   {"[{},]", "There is a comma after the last row."},
		"no end":             {"[{}", "The file ends before the ] that ends its array: perhaps it is cut off."},
		"more":               {"[{}] x", "After the ] that ends the array, there is more. It was not read."},
		"cut off":            {"[{\"a\":", "The file ends within this row: perhaps it is cut off."},
		"no object":          {"[1]", "The row is not a JSON object."},
		"text":               {"x\n{}", "A row should begin here, with a {. Reading goes on at line 2."},
		"not resumed":        {"[{\"a\n},{}]", "A text is not closed before its line ends. Nothing after it was read."},
		"a bracket too many": {"[{}},\n{}]", `'}' stands where a comma should. Reading goes on at line 2.`},
		"the other bracket":  {"[{]},\n{}]", `']' stands where '{' is still open. Reading goes on at line 2.`},
		"a missing bracket":  {"[{\"a\":1\n{}]", "The row is not closed before the next one begins. Reading goes on at line 2."},
		"a missing colon": {"[{\"a\"{}},\n{}]",
			`'{' stands where it cannot: perhaps a bracket or a comma is missing before it. Reading goes on at line 2.`},
		"deep": {"[{\"a\":" + strings.Repeat("[", 64), "There are more than 64 brackets within each other. Nothing after it was read."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			calls, err := jsonCalls(tt.content)
			require.NoError(t, err)
			details := []string{}
			for _, c := range calls {
				var r RowError
				if errors.As(c.err, &r) {
					details = append(details, r.Detail)
				}
			}
			assert.Equal(t, []string{tt.want}, details)
		})
	}
}

func TestReadJSON_oneObject(t *testing.T) {
	pretty := "{\n \"page\": 1,\n \"meta\": {\"ids\": [1, 2], \"more\": [{}]},\n \"items\": [\n  {\"a\": 1},\n  {\"a\": 2}\n ]\n}\n"
	for name, content := range map[string]string{
		"small":                pretty,
		"large":                strings.Replace(pretty, "\"a\": 1", "\"a\": \""+strings.Repeat("x", maxLine)+"\"", 1),
		"large and broken off": strings.Replace(pretty, "\"a\": 1", "\"a\": \""+strings.Repeat("x", maxLine)+"\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			calls, err := jsonCalls(content)
			require.EqualError(t, err, `the file is one JSON object, and its rows are in the member "items": `+
				`save that array alone, with jq '.["items"]' or the like`)
			assert.Empty(t, calls)
		})
	}
	t.Run("two objects are rows", func(t *testing.T) {
		calls, err := jsonCalls(pretty + pretty)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 9}, []int{calls[0].line, calls[1].line})
	})
	t.Run("one row", func(t *testing.T) {
		calls, err := jsonCalls(`{"a": [1, {}], "b": []}`)
		require.NoError(t, err)
		assert.Equal(t, []string{`1-1 {"a": [1, {}], "b": []}`}, texts(calls))
	})
	t.Run("too long", func(t *testing.T) {
		calls, err := jsonCalls(`{"a": "` + strings.Repeat("x", maxLine) + `"} {}`)
		require.NoError(t, err)
		require.Len(t, calls, 2)
		require.ErrorIs(t, calls[0].err, errLineTooLong)
		assert.Equal(t, "1-1 {}", calls[1].String())
	})
}

func TestReadJSON_ends(t *testing.T) {
	t.Run("the file breaks off", func(t *testing.T) {
		for content, want := range map[string][]string{
			"[{},\n{\"a\":": {"1-1 {}"},
			"[{},\n{}":      {"1-1 {}", "2-2 {}"},
			"[{},\n":        {"1-1 {}"},
			"{}\n1":         {"1-1 {}"},
		} {
			each, calls := collect()
			broken := errors.New("broken off")
			err := readJSON(io.MultiReader(strings.NewReader(content), iotest.ErrReader(broken)), 1, each)
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, ": broken off")
			assert.Equal(t, want, texts(*calls))
		}
	})
	t.Run("by the caller", func(t *testing.T) {
		enough := errors.New("enough")
		for _, content := range []string{"[{},{}]", "[,", "[", "[{}]x", "[{},]", "[1,{}]", "[{}{}]", "[{}x]"} {
			left := strings.Count(content, "{}")
			err := readJSON(strings.NewReader(content), 1, func(_ Row, err error) error {
				if left--; err != nil || left <= 0 {
					return enough
				}
				return nil
			})
			require.ErrorIs(t, err, enough, content)
		}
	})
}

// genRow is a row of a JSON file.
func genRow() *rapid.Generator[map[string]any] {
	leaf := rapid.OneOf(rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		rapid.SampledFrom([]any{"{", "]", `\"`, ",", "\n  {", []any{}, map[string]any{}, []any{map[string]any{"a": []any{1, 2}}, 3}}))
	return rapid.MapOfN(rapid.StringMatching(`[a-z"\\{]{1,3}`), leaf, 0, 4)
}

func TestReadJSON_layouts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(genRow(), 2, 6).Draw(t, "rows") // a single row with an array of objects is told
		want := []string{}
		var lines, stream bytes.Buffer
		for _, row := range rows {
			text, err := json.Marshal(row)
			require.NoError(t, err)
			want = append(want, string(text))
			fmt.Fprintf(&lines, "%s\r\n", text)
			require.NoError(t, json.Indent(&stream, text, "", "\t"))
		}
		array, err := json.Marshal(rows)
		require.NoError(t, err)
		pretty, err := json.MarshalIndent(rows, "", "  ")
		require.NoError(t, err)

		each, calls := collect()
		require.NoError(t, readLines(&lines, 1, each))
		read := [][]call{*calls}
		for _, content := range []string{string(array), string(pretty), stream.String()} {
			calls, err := jsonCalls(content)
			require.NoError(t, err)
			read = append(read, calls)
		}
		for _, calls := range read {
			got := []string{}
			for _, c := range calls {
				require.NoError(t, c.err)
				got = append(got, compact(t, c.text))
			}
			require.Equal(t, want, got)
		}
	})
}

// TestReadJSON_damageStaysWhereItIs damages one line of a pretty array. It is not in the first row, which shows that the rows' lines
// are indented.
func TestReadJSON_damageStaysWhereItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(2, 6).Draw(t, "rows")
		rows := []map[string]any{}
		for i := range count {
			rows = append(rows, map[string]any{"id": i, "offers": []any{map[string]any{"price": "1.50"}, 2}, "z": "x"})
		}
		pretty, err := json.MarshalIndent(rows, "", " ")
		require.NoError(t, err)
		undamaged, err := jsonCalls(string(pretty))
		require.NoError(t, err)
		require.Len(t, undamaged, count)

		damaged := rapid.IntRange(1, count-1).Draw(t, "row")
		row := undamaged[damaged]
		lines := strings.Split(string(pretty), "\n")
		at := rapid.IntRange(row.line, row.last-1).Draw(t, "line") // from 0, and not the row's first
		lines[at] = genDamage(t, lines[at])
		calls, err := jsonCalls(strings.Join(lines, "\n"))
		require.NoError(t, err)
		for i, want := range undamaged {
			if i != damaged {
				require.Contains(t, calls, want, strings.Join(lines, "\n"))
			}
		}
		last := 0
		for _, c := range calls {
			require.GreaterOrEqual(t, c.line, last)
			last = c.last
		}
	})
}

func FuzzReadLines(f *testing.F) {
	f.Add("{\"a\":1}\r\n\n {}\n\xff\n")
	f.Fuzz(func(t *testing.T, content string) {
		each, calls := collect()
		require.NoError(t, readLines(strings.NewReader(content), 1, each))
		requireCovered(t, content, 1, "{", *calls)
	})
}

// FuzzReadJSON checks, for any text, that what is valid JSON comes out whole, and that nothing is left out without a refusal.
func FuzzReadJSON(f *testing.F) {
	f.Add("[{\"a\":[1,{}]},\n{}\n]")
	f.Add("{\n\"a\":\"}\\\"\"}\n{}")
	f.Add("[\n {\"a:1},\n {},,\n {}} x\n {}\n")
	f.Add("{\"items\":[{}]}")
	f.Add("[1,\"a\",[],null]x")
	f.Fuzz(func(t *testing.T, content string) {
		calls, err := jsonCalls(content)
		if err != nil {
			require.NotEmpty(t, rowsMember([]byte(content)))
			require.Empty(t, calls)
			return
		}
		whole := true
		rows := []string{}
		for i, c := range calls {
			require.LessOrEqual(t, c.line, c.last)
			require.True(t, i == 0 || c.line >= calls[i-1].line, "in order")
			require.LessOrEqual(t, c.last, 1+strings.Count(content, "\n"))
			if c.err != nil {
				whole = false
				continue
			}
			require.Equal(t, byte('{'), c.text[0])
			require.Equal(t, byte('}'), c.text[len(c.text)-1])
			rows = append(rows, c.text)
		}
		if whole { // the rows are the text, but for white space and what is between them
			rest := content
			for _, row := range rows {
				before, after, found := strings.Cut(rest, row)
				require.True(t, found)
				require.Empty(t, strings.Trim(before, " \t\r\n[,"))
				rest = after
			}
			require.Empty(t, strings.Trim(rest, " \t\r\n[]"))
		}
		var elements []json.RawMessage
		if json.Unmarshal([]byte(content), &elements) == nil && elements != nil { // an array
			require.Len(t, calls, len(elements))
			for i, c := range calls {
				if c.err == nil {
					require.Equal(t, string(elements[i]), c.text)
				}
			}
		}
	})
}
