package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/fault"
)

func TestFields(t *testing.T) {
	rule := fault.Field{Pointer: "/price/amount", Code: fault.CodeAmountPrecision, Detail: "too many"}
	form := fault.Field{Pointer: "/x", Code: fault.CodeUnknownField, Detail: "unknown"}
	require.NoError(t, fault.Fields(nil))

	one := fault.Of(fault.Fields([]fault.Field{rule}))
	assert.Equal(t, fault.Invalid, one.Kind)
	assert.Equal(t, fault.CodeAmountPrecision, one.Code)

	several := fault.Of(fault.Fields([]fault.Field{rule, form}))
	assert.Equal(t, fault.Malformed, several.Kind, "the document's form comes first")
	assert.Equal(t, fault.CodeInvalidField, several.Code)
	assert.Len(t, several.Fields, 2)
}

// TestList: what is beyond the first 20 is counted, and decides like the others whether the document's form is wrong.
func TestList(t *testing.T) {
	var l fault.List
	require.NoError(t, l.Err())
	for i := range 21 {
		l.Add(fmt.Sprintf("/%d", i), fault.CodeAmountRange, "x")
	}
	f := fault.Of(l.Err())
	assert.Equal(t, fault.Invalid, f.Kind)
	assert.Equal(t, fault.CodeInvalidField, f.Code)
	require.Len(t, f.Fields, fault.ItemFields)
	assert.Equal(t, fault.Field{Pointer: "/19", Code: fault.CodeAmountRange, Detail: "x"}, f.Fields[19])
	assert.Equal(t, 1, f.More)

	l.Add("/unknown", fault.CodeUnknownField, "x")
	for range 40 {
		l.Add("/rule", fault.CodeAmountRange, "x")
	}
	f = fault.Of(l.Err())
	assert.Equal(t, fault.Malformed, f.Kind, "although the one of another form is not named")
	assert.Equal(t, fault.CodeInvalidField, f.Code)
	assert.Len(t, f.Fields, fault.ItemFields)
	assert.Equal(t, 42, f.More)
}

func TestError_Named(t *testing.T) {
	fields := func(n int) (fields []fault.Field) {
		for i := range n {
			fields = append(fields, fault.Field{Pointer: fmt.Sprintf("/a/%d", i), Code: fault.CodeAmountRange, Detail: "x"})
		}
		return fields
	}
	more := func(n int) fault.Field {
		return fault.Field{Pointer: "/a", Code: fault.CodeInvalidField, Detail: fmt.Sprintf("and %d more", n)}
	}
	tests := map[string]struct {
		fields     int
		most       int
		want       []fault.Field
		wantDetail string
	}{
		"few":           {2, 20, fields(2), "2 rules are broken; errors lists each."},
		"just as many":  {20, 20, fields(20), "20 rules are broken; errors lists each."},
		"one too many":  {21, 20, append(fields(20), more(1)), "21 rules are broken; errors lists the first 20."},
		"more than all": {30, 200, append(fields(20), more(10)), "30 rules are broken; errors lists the first 20."},
		"some":          {3, 1, append(fields(1), more(2)), "3 rules are broken; errors lists the first 1."},
		"none":          {3, 0, []fault.Field{more(3)}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := fault.Of(fault.Fields(fields(tt.fields)))
			got := f.Named(tt.most, "/a")
			assert.Equal(t, tt.want, got.Fields)
			assert.Equal(t, tt.wantDetail, got.Detail)
			assert.Equal(t, fault.Invalid, got.Kind)
			assert.Equal(t, got, got.Named(30, "/b"), "nothing is left out twice")
			assert.Len(t, f.Fields, min(tt.fields, fault.ItemFields), "the fault itself stays")
		})
	}
	one := fault.Of(fault.Fields(fields(1))).Named(0, "/a")
	assert.Equal(t, []fault.Field{{Pointer: "/a", Code: fault.CodeAmountRange, Detail: "and 1 more"}}, one.Fields)
	plain := fault.New(fault.NotFound, fault.CodeUnknownProduct, "x")
	assert.Equal(t, plain, plain.Named(0, ""), "it is not about fields")
}

func TestOf(t *testing.T) {
	cause := errors.New("connection reset")
	f := fault.New(fault.Unavailable, fault.CodeThrottled, "Try again.").Because(cause)
	wrapped := fmt.Errorf("record: %w", f)
	assert.Same(t, f, fault.Of(wrapped), "the kind survives wrapping")
	assert.True(t, fault.Is(wrapped, fault.Unavailable))
	require.ErrorIs(t, wrapped, cause)
	assert.Contains(t, wrapped.Error(), "connection reset", "for the log")

	assert.Equal(t, fault.Internal, fault.Of(cause).Kind, "an error nobody classified is ours")
	assert.NotContains(t, fault.Of(cause).Detail, "connection")
	assert.Nil(t, fault.Of(nil))
	assert.False(t, fault.Is(nil, fault.Internal))
	assert.False(t, fault.Is(wrapped, fault.Conflict))
	assert.Equal(t, "throttled: Try again.: connection reset", f.Error())
	assert.Equal(t, "forbidden: No.", fault.New(fault.Forbidden, fault.CodeForbidden, "No.").Error())
}
