package jsondoc_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// refusal reads a document as the adapter reads an object with the members clientId and sku, and returns the code and
// pointer of its first fault.
func refusal(text string) (code, pointer string) {
	n, err := jsondoc.Parse([]byte(text))
	if err != nil {
		return fault.Of(err).Code, ""
	}
	var r jsondoc.Reader
	m, _ := r.At(n, "").Object("clientId", "sku")
	m.Optional("clientId").String()
	m.Optional("sku").String()
	if len(r.Fields) == 0 {
		return "", ""
	}
	return r.Fields[0].Code, r.Fields[0].Pointer
}

// The rows are the inputs that encoding/json takes, or takes for something else.
func TestStrictIntake(t *testing.T) {
	tests := map[string]struct {
		text        string
		wantCode    string
		wantPointer string
	}{
		"a good document":                          {`{"clientId":"a","sku":"b"}`, "", ""},
		"a name twice":                             {`{"clientId":"a","clientId":"b"}`, fault.CodeDuplicateField, "/clientId"},
		"a name twice, once escaped":               {`{"clientId":"a","client\u0049d":"b"}`, fault.CodeDuplicateField, "/clientId"},
		"another case":                             {`{"CLIENTID":"a"}`, fault.CodeUnknownField, "/CLIENTID"},
		"another case after the right name":        {`{"clientId":"a","ClientID":"b"}`, fault.CodeUnknownField, "/ClientID"},
		"a long s folded by Unicode (U+017F)":      {"{\"\u017fku\":\"a\"}", fault.CodeUnknownField, "/\u017fku"},
		"a Kelvin sign folded by Unicode (U+212A)": {"{\"s\u212au\":\"a\"}", fault.CodeUnknownField, "/s\u212au"},
		"an unknown name":                          {`{"x~/y":1}`, fault.CodeUnknownField, "/x~0~1y"},
		"invalid UTF-8":                            {"{\"sku\":\"\xff\"}", fault.CodeMalformedJSON, ""},
		"an overlong form":                         {"{\"sku\":\"\xc0\xaf\"}", fault.CodeMalformedJSON, ""},
		"a lone high surrogate":                    {`{"sku":"\ud800"}`, fault.CodeMalformedJSON, ""},
		"a lone low surrogate":                     {`{"sku":"\udc00"}`, fault.CodeMalformedJSON, ""},
		"a lone surrogate in a name":               {`{"\ud800":1}`, fault.CodeMalformedJSON, ""},
		"surrogates the wrong way round":           {`{"sku":"\udc00\ud800"}`, fault.CodeMalformedJSON, ""},
		"a high surrogate before another escape":   {`{"sku":"\ud800\n"}`, fault.CodeMalformedJSON, ""},
		"a surrogate pair":                         {`{"sku":"\ud83d\ude00"}`, "", ""},
		"a number where text is wanted":            {`{"sku":1.5}`, fault.CodeWrongType, "/sku"},
		"null where text is wanted":                {`{"sku":null}`, fault.CodeWrongType, "/sku"},
		"nesting too deep":                         {strings.Repeat("[", 21) + strings.Repeat("]", 21), fault.CodeMalformedJSON, ""},
		"nesting of a million":                     {strings.Repeat("[", 1_000_000), fault.CodeMalformedJSON, ""},
		"two documents":                            {`{"sku":"a"}{"sku":"b"}`, fault.CodeMalformedJSON, ""},
		"a stray bracket behind":                   {`{"sku":"a"}]`, fault.CodeMalformedJSON, ""},
		"a byte-order mark":                        {"\ufeff{}", fault.CodeMalformedJSON, ""},
		"NaN":                                      {`{"sku":NaN}`, fault.CodeMalformedJSON, ""},
		"a leading zero":                           {`{"sku":01}`, fault.CodeMalformedJSON, ""},
		"a trailing comma":                         {`{"sku":"a",}`, fault.CodeMalformedJSON, ""},
		"a raw control character":                  {"{\"sku\":\"a\nb\"}", fault.CodeMalformedJSON, ""},
		"nothing":                                  {"", fault.CodeMalformedJSON, ""},
		"white space":                              {" \n", fault.CodeMalformedJSON, ""},
		"no object":                                {`[]`, fault.CodeWrongType, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, pointer := refusal(tt.text)
			assert.Equal(t, tt.wantCode, code)
			assert.Equal(t, tt.wantPointer, pointer)
		})
	}
}

func TestParse_SaysWhere(t *testing.T) {
	deepest := strings.Repeat("[", jsondoc.MaxDepth) + strings.Repeat("]", jsondoc.MaxDepth)
	for text, want := range map[string]string{
		"{\n  \"a\": 1,\n  x}":   "Line 3, column 3: ",
		"{\"ü\": \"\xff\"}":      "Line 1, column 8: ",
		"{\"ü\":\n \"\\ud800\"}": "Line 2, column 3: ",
		"x":                      "Line 1, column 1: ",
		"":                       "Line 1, column 1: the body is empty.",
		"\xff":                   "Line 1, column 1: the text is not valid UTF-8.",
		"{\"\ufffd\": \"\xff\"}": "Line 1, column 8: the text is not valid UTF-8.",
		"\n\xe4":                 "Line 2, column 1: the text is not valid UTF-8.",
		"\x1f\x8b":               "Line 1, column 1: the body is not text",
		"[1, 2":                  "Line 1, column 5: unexpected end of JSON input.",
		strings.Repeat("[", 30):  "Line 1, column 30: unexpected end of JSON input.",
		"[" + deepest + "]":      "Line 1, column 21: nested more than 20 levels deep.",
	} {
		_, err := jsondoc.Parse([]byte(text))
		require.Error(t, err)
		assert.True(t, strings.HasPrefix(fault.Of(err).Detail, want), "%q: %s", text, fault.Of(err).Detail)
		assert.True(t, fault.Is(err, fault.Malformed))
	}
}

// TestParse_Compressed: gzip begins with the bytes 1f 8b; of these the gateway has replaced the second before we see them.
func TestParse_Compressed(t *testing.T) {
	for _, text := range []string{"\x1f\x8b\b\x00\x00", "\x1f\ufffd\b\x00\x00"} {
		_, err := jsondoc.Parse([]byte(text))
		assert.Equal(t, fault.CodeMalformedJSON, fault.Of(err).Code)
		assert.Contains(t, fault.Of(err).Detail, "perhaps compressed")
	}
	_, err := jsondoc.Parse([]byte("\x1f{}"))
	assert.NotContains(t, fault.Of(err).Detail, "compressed")
}

func TestNumbersStayAsWritten(t *testing.T) {
	for _, text := range []string{"9007199254740993", "1e400", "-0.10", "1E+2"} {
		n, err := jsondoc.Parse([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, jsondoc.Number, n.Kind)
		assert.Equal(t, text, n.Text)
	}
}

func TestReader_TellsAbsentNullAndEmptyApart(t *testing.T) {
	n, err := jsondoc.Parse([]byte(`{"null":null,"empty":"","list":[{"a":1},2],"yes":true}`))
	require.NoError(t, err)
	var r jsondoc.Reader
	m, ok := r.At(n, "/root").Object("null", "empty", "list", "absent", "yes")
	require.True(t, ok)
	assert.True(t, m.Optional("absent").Absent())
	assert.True(t, m.Optional("absent").Null())
	assert.False(t, m.Optional("null").Absent())
	assert.True(t, m.Optional("null").Null())
	assert.True(t, m.Optional("null").NotNull().Absent())
	empty, ok := m.Optional("empty").String()
	assert.True(t, ok)
	assert.Empty(t, empty)
	yes, ok := m.Optional("yes").Bool()
	assert.True(t, ok && yes)
	require.NoError(t, r.Err())

	list, ok := m.Optional("list").Array()
	require.True(t, ok)
	_, ok = list[1].Object("a")
	assert.False(t, ok)
	m.Required("absent")
	assert.Equal(t, []fault.Field{
		{Pointer: "/root/list/1", Code: fault.CodeWrongType, Detail: "Must be of type object, not number."},
		{Pointer: "/root/absent", Code: fault.CodeMissingField, Detail: `"absent" is required.`},
	}, r.Fields)
	assert.True(t, fault.Is(r.Err(), fault.Malformed))
}

// TestParse_Values: every value counts, whatever it is and wherever it stands; names do not.
func TestParse_Values(t *testing.T) {
	const each = `,{},[],"a",1,true,false,null,{"a":[{"b":0}]}` // 11 values
	for before, after := range map[string]string{"[0": "]", `{"a":0,"b":[0`: "]}"} {
		n, err := jsondoc.Parse([]byte(before + after))
		require.NoError(t, err)
		left := jsondoc.MaxValues - values(*n)
		most := before + strings.Repeat(each, left/11) + strings.Repeat(",0", left%11)
		_, err = jsondoc.Parse([]byte(most + after))
		require.NoError(t, err)
		_, err = jsondoc.Parse([]byte(most + ",0" + after))
		assert.True(t, fault.Is(err, fault.TooLarge))
		assert.Equal(t, "The document has more than 100000 JSON values; at most that many are taken.", fault.Of(err).Detail)
	}
}

func values(n jsondoc.Node) int {
	count := 1
	for _, element := range n.Elems {
		count += values(element)
	}
	for _, member := range n.Members {
		count += values(member.Value)
	}
	return count
}

// TestParse_Depth: the deepest document that is taken, in arrays and in objects, and the next.
func TestParse_Depth(t *testing.T) {
	for open, closing := range map[string]string{"[": "]", `{"a":`: "}", `[{"a":`: "}]"} {
		levels := strings.Count(open, "[") + strings.Count(open, "{")
		n := jsondoc.MaxDepth / levels
		deepest := strings.Repeat(open, n-1) + strings.TrimSuffix(open, `"a":`) + closing + strings.Repeat(closing, n-1)
		_, err := jsondoc.Parse([]byte(deepest))
		require.NoError(t, err, deepest)
		_, err = jsondoc.Parse([]byte("[" + deepest + "]"))
		assert.Equal(t, fault.CodeMalformedJSON, fault.Of(err).Code)
		assert.Contains(t, err.Error(), "nested more than 20 levels deep")
	}
}

// TestParse_Escapes: every escape sequence, alone and among other text.
func TestParse_Escapes(t *testing.T) {
	for text, want := range map[string]string{
		`\"`: `"`, `\\`: `\`, `\/`: "/", `\b`: "\b", `\f`: "\f", `\n`: "\n", `\r`: "\r", `\t`: "\t", `\u00fc`: "ü", `\u00FC`: "ü",
		`\u0000`: "\x00", `\ud83d\ude00`: "😀", `\uFFFD`: "\ufffd", `\\u0041`: `\u0041`,
	} {
		for _, around := range []string{"", "ü"} {
			n, err := jsondoc.Parse([]byte(`"` + around + text + around + `"`))
			require.NoError(t, err, text)
			assert.Equal(t, around+want+around, n.Text, text)
		}
	}
}

// TestParse_WhiteSpace: each kind of it, wherever JSON allows some.
func TestParse_WhiteSpace(t *testing.T) {
	want, err := jsondoc.Parse([]byte(`{"a":[1,2,true,null,"x"],"b":{},"c":[]}`))
	require.NoError(t, err)
	for _, space := range []string{" ", "\t", "\n", "\r", "\r\n\t "} {
		text := strings.Join([]string{"", "{", `"a"`, ":", "[", "1", ",", "2", ",", "true", ",", "null", ",", `"x"`, "]", ",",
			`"b"`, ":", "{", "}", ",", `"c"`, ":", "[", "]", "}", ""}, space)
		got, err := jsondoc.Parse([]byte(text))
		require.NoError(t, err, "%q", space)
		assert.Equal(t, want, got, "%q", space)
	}
}

// encode writes a tree back; members keep their order.
func encode(n jsondoc.Node) string {
	quote := func(s string) string {
		text, _ := json.Marshal(s) // a text
		return string(text)
	}
	var parts []string
	switch n.Kind {
	case jsondoc.Null:
		return "null"
	case jsondoc.String:
		return quote(n.Text)
	case jsondoc.Array:
		for _, e := range n.Elems {
			parts = append(parts, encode(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case jsondoc.Object:
		for _, m := range n.Members {
			parts = append(parts, quote(m.Name)+":"+encode(m.Value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return n.Text
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,-0],"b":"\ud83d\ude00\n","c":{"d":null},"e":true}`, "[]", `""`, `{"a":1,"a":2}`, "\"\xff\"",
		`"\ud800"`, "{", " 1 ", `{"a" : [ ] }`, "{\r\n\t\"a\"\t:\t1}", `"\b\f\r\t\/\\\""`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := jsondoc.Parse(text)
		if err != nil {
			if !fault.Is(err, fault.Malformed) && !fault.Is(err, fault.TooLarge) {
				t.Fatalf("not the client's fault: %v", err)
			}
			return
		}
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Fatal("accepted what is no JSON in UTF-8")
		}
		again, err := jsondoc.Parse([]byte(encode(*n)))
		if err != nil || encode(*again) != encode(*n) {
			t.Fatalf("does not survive being written: %v", err)
		}
		var want, got any
		if json.Unmarshal(text, &want) == nil && json.Unmarshal([]byte(encode(*n)), &got) == nil {
			assert.Equal(t, want, got)
		}
	})
}
