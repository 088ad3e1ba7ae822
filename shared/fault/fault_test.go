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
}
