package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"
)

// call is one call of Each.
type call struct {
	line, last int
	text       string
	err        error
}

// String is the call as the tables of the tests have it: line-last text, and code or detail of what was refused.
func (c call) String() string {
	var r Refusal
	if errors.As(c.err, &r) {
		return fmt.Sprintf("%d-%d %s: %s", c.line, c.last, r.Code, c.text)
	}
	return fmt.Sprintf("%d-%d %s", c.line, c.last, c.text)
}

// collect returns an Each, and the calls that it has had.
func collect() (Each, *[]call) {
	calls := &[]call{}
	return func(r Row, err error) error {
		*calls = append(*calls, call{r.Line, r.Last, string(r.Text), err})
		return nil
	}, calls
}

// texts are calls as text.
func texts(calls []call) []string {
	all := []string{}
	for _, c := range calls {
		all = append(all, c.String())
	}
	return all
}

// requireCovered requires that the calls are in order and disjoint, and that they cover exactly the lines of content from first on
// that are not blank.
func requireCovered(t require.TestingT, content string, first int, calls []call) {
	last := first - 1
	covered := map[int]bool{}
	for _, c := range calls {
		require.Greater(t, c.line, last, "in order and disjoint")
		require.GreaterOrEqual(t, c.last, c.line)
		for n := c.line; n <= c.last; n++ {
			covered[n] = true
		}
		last = c.last
	}
	for i, line := range strings.Split(content, "\n") {
		if n := i + 1; n >= first && strings.TrimSpace(line) != "" {
			require.True(t, covered[n], "line %d: %q", n, line)
			delete(covered, n)
		}
	}
	for n := range covered { // blank lines may be within a row, and at neither end of it
		for _, c := range calls {
			require.False(t, n == c.line || n == c.last, "line %d is blank", n)
		}
	}
}

func compact(t require.TestingT, text string) string {
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(text)), text)
	return b.String()
}
