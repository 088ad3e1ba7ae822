package jsondoc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// parsed returns the value of a text and the reader of its faults.
func parsed(t *testing.T, text string) (jsondoc.Value, *jsondoc.Reader) {
	t.Helper()
	n, err := jsondoc.Parse([]byte(text))
	require.NoError(t, err)
	r := &jsondoc.Reader{}
	return r.At(n, "/at"), r
}

// TestValue_Types: each kind of value is read as what it is; read as anything else it is of a wrong type, which is recorded
// once, and comes back as nothing. What is absent is nothing without a fault.
func TestValue_Types(t *testing.T) {
	readers := map[string]func(jsondoc.Value) (any, bool){
		"object": func(v jsondoc.Value) (any, bool) { m, ok := v.Object("a"); return !m.Absent(), ok },
		"array":  func(v jsondoc.Value) (any, bool) { e, ok := v.Array(); return len(e), ok },
		"string": func(v jsondoc.Value) (any, bool) { return v.String() },
		"number": func(v jsondoc.Value) (any, bool) { return v.Number() },
		"boolean": func(v jsondoc.Value) (any, bool) {
			return v.Bool()
		},
	}
	texts := map[string]struct {
		text string
		want any
	}{
		"object": {`{"a":1}`, true}, "array": {"[1,2]", 2}, "string": {`"x"`, "x"}, "number": {"1.50", "1.50"}, "boolean": {"true", true},
		"null": {"null", nil},
	}
	nothing := map[string]any{"object": false, "array": 0, "string": "", "number": "", "boolean": false}
	for as, read := range readers {
		for is, tt := range texts {
			v, r := parsed(t, tt.text)
			got, ok := read(v)
			if as == is {
				assert.True(t, ok, as)
				assert.Equal(t, tt.want, got, as)
				require.NoError(t, r.Err(), as)
				continue
			}
			assert.False(t, ok, "%s read as %s", is, as)
			assert.Equal(t, nothing[as], got, "%s read as %s", is, as)
			wrong := fault.Field{Pointer: "/at", Code: fault.CodeWrongType, Detail: "Must be of type " + as + ", not " + is + "."}
			assert.Equal(t, []fault.Field{wrong}, r.Fields)
		}
		r := &jsondoc.Reader{}
		got, ok := read(r.At(nil, "/at"))
		assert.False(t, ok, as)
		assert.Equal(t, nothing[as], got, as)
		require.NoError(t, r.Err(), as)
	}
	v, _ := parsed(t, "false")
	yes, ok := v.Bool()
	assert.True(t, ok)
	assert.False(t, yes)
}

// TestValue_Object: which names are there is told once for each name, and what a misspelt one may mean.
func TestValue_Object(t *testing.T) {
	long := strings.Repeat("x", 63) + "ü"
	v, r := parsed(t, `{"a":1,"b":2,"B":3,"c":4,"c":5,"c":6,"a":7,"~/":8,"`+long+`":9,"`+long[:63]+`":10}`)
	m, ok := v.Object("a", "b")
	require.True(t, ok)
	assert.Equal(t, []fault.Field{
		{Pointer: "/at/B", Code: fault.CodeUnknownField, Detail: `"B" is not a known field; names are case-sensitive, did you mean "b"?`},
		{Pointer: "/at/c", Code: fault.CodeUnknownField, Detail: `"c" is not a known field.`},
		{Pointer: "/at/c", Code: fault.CodeDuplicateField, Detail: `"c" stands more than once.`},
		{Pointer: "/at/a", Code: fault.CodeDuplicateField, Detail: `"a" stands more than once.`},
		{Pointer: "/at/~0~1", Code: fault.CodeUnknownField, Detail: `"~/" is not a known field.`},
		{Pointer: "/at/" + long[:63], Code: fault.CodeUnknownField, Detail: `"` + long[:63] + `…" is not a known field.`},
		{Pointer: "/at/" + long[:63], Code: fault.CodeUnknownField, Detail: `"` + long[:63] + `" is not a known field.`},
	}, r.Fields)
	first, ok := m.Optional("a").Number()
	assert.True(t, ok)
	assert.Equal(t, "1", first, "the first of them")

	v, r = parsed(t, `{"`+strings.Repeat("é", 32)+`":1}`)
	v.Object()
	assert.Equal(t, "/at/"+strings.Repeat("é", 32), r.Fields[0].Pointer, "64 bytes are not cut")
	assert.Equal(t, `"`+strings.Repeat("é", 32)+`" is not a known field.`, r.Fields[0].Detail)
	v, r = parsed(t, `{"`+strings.Repeat("é", 33)+`":1}`)
	v.Object()
	assert.Equal(t, "/at/"+strings.Repeat("é", 32), r.Fields[0].Pointer)
	assert.Equal(t, `"`+strings.Repeat("é", 32)+`…" is not a known field.`, r.Fields[0].Detail)
}

// TestMembers_RightValuesCostNothing: only a fault has its pointer built.
func TestMembers_RightValuesCostNothing(t *testing.T) {
	v, r := parsed(t, `{"a":"1","b":true,"c":1,"d":{}}`)
	m, _ := v.Object("a", "b", "c", "d")
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		m.Required("a").String()
		m.Required("b").Bool()
		m.Optional("c").NotNull().Number()
		m.Optional("d").NotEmpty(jsondoc.Object)
		m.Optional("e")
	}))
	require.NoError(t, r.Err())
}

// TestMembers: a member that is missing is told where there is an object to have it, and only there.
func TestMembers(t *testing.T) {
	v, r := parsed(t, `{"a":{"b":[{"c":null}]}}`)
	m, _ := v.Object("a", "x")
	assert.Equal(t, "/at/x", m.Required("x").Pointer())
	assert.Equal(t, "/at/y", m.Optional("y").Pointer())
	a, _ := m.Required("a").Object("b")
	b, _ := a.Required("b").Array()
	require.Len(t, b, 1)
	c, _ := b[0].Object("c")
	assert.Equal(t, "/at/a/b/0/c", c.Required("c").Pointer())
	assert.True(t, c.Required("c").Null())
	assert.Equal(t, []fault.Field{{Pointer: "/at/x", Code: fault.CodeMissingField, Detail: `"x" is required.`}}, r.Fields)

	v, r = parsed(t, "1")
	m, ok := v.Object("a")
	assert.False(t, ok)
	assert.Equal(t, "/at/a", m.Required("a").Pointer())
	m.Required("a").Fault(fault.CodeInvalidField, "x")
	require.Len(t, r.Fields, 2, "its wrong type, and what was asked for")
	assert.Equal(t, "/at/a", r.Fields[1].Pointer)

	for _, text := range []string{"1", "[]", "null", `"{}"`} {
		v, r = parsed(t, text)
		assert.True(t, v.Members().Absent(), text)
		assert.True(t, v.Members().Optional("a").Absent(), text)
		require.NoError(t, r.Err(), "%s is not judged", text)
	}
	v, r = parsed(t, `{"a":1,"a":2}`)
	n, ok := v.Members().Optional("a").Number()
	assert.True(t, ok)
	assert.Equal(t, "1", n)
	require.NoError(t, r.Err(), "it is not judged")
	assert.True(t, r.At(nil, "").Members().Absent())
}

// TestValue_NotEmpty: an optional member may be null, or empty, and is absent then.
func TestValue_NotEmpty(t *testing.T) {
	for text, absent := range map[string][3]bool{ // as NotNull, as a NotEmpty text, as a NotEmpty object
		"null": {true, false, false}, `""`: {false, true, false}, `"a"`: {}, "{}": {false, false, true}, `{"a":1}`: {}, "[]": {},
		"0": {}, "false": {},
	} {
		v, r := parsed(t, text)
		assert.Equal(t, absent[0], v.NotNull().Absent(), text)
		assert.Equal(t, absent[1], v.NotEmpty(jsondoc.String).Absent(), text)
		assert.Equal(t, absent[2], v.NotEmpty(jsondoc.Object).Absent(), text)
		assert.Equal(t, "/at", v.NotNull().Pointer())
		assert.Equal(t, "/at", v.NotEmpty(jsondoc.String).Pointer())
		require.NoError(t, r.Err())
	}
	var r jsondoc.Reader
	assert.True(t, r.At(nil, "").NotNull().Absent())
	assert.True(t, r.At(nil, "").NotEmpty(jsondoc.String).Absent())
}

// TestValue_With: faults go to the reader that was given last.
func TestValue_With(t *testing.T) {
	v, r := parsed(t, `{"a":1}`)
	var own jsondoc.Reader
	m, _ := v.With(&own).Object()
	m.Optional("a").String()
	m.Child("b/c").Fault(fault.CodeInvalidField, "x")
	require.NoError(t, r.Err())
	require.Len(t, own.Fields, 3)
	assert.Equal(t, "/at/b~1c", own.Fields[2].Pointer)
}
