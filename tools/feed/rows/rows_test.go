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
	var r RowError
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
// that are not blank. White space that separates is not blank.
func requireCovered(t require.TestingT, content string, first int, separator string, calls []call) {
	lines := strings.Split(content, "\n")
	blank := func(n int) bool {
		return strings.TrimSpace(lines[n-1]) == "" && !strings.Contains(lines[n-1], separator)
	}
	next := first
	for _, c := range calls {
		for ; next < c.line; next++ {
			if !blank(next) {
				require.Fail(t, "a line is left out", "line %d: %q", next, lines[next-1])
			}
		}
		if c.line != next || c.last < c.line || c.last > len(lines) || blank(c.line) {
			require.Fail(t, "not a row of lines that are free", "%v", c)
		}
		next = c.last + 1
	}
	for ; next <= len(lines); next++ {
		require.True(t, blank(next), "line %d: %q", next, lines[next-1])
	}
}

func compact(t require.TestingT, text string) string {
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(text)), text)
	return b.String()
}
