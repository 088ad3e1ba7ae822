package faultproxy

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever a body is, reading it does not fail; and a batch that is divided loses and doubles nothing.
func FuzzDivide(f *testing.F) {
	f.Add(`{"RequestItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}},{"DeleteRequest":{"Key":{"pk":{"S":"b"}}}}]}}`, 0.5)
	f.Add(`{"RequestItems":{"t":{"Keys":[{"pk":{"S":"a"}},{"pk":{"S":"b"}}],"ConsistentRead":true},"u":{"Keys":[]}}}`, 0.5)
	f.Add(`{"TransactItems":[{"Put":{"TableName":"t","Item":{}}}]}`, 1.0)
	f.Fuzz(func(t *testing.T, body string, keep float64) {
		if !within(keep, 1) {
			return // no rule has it
		}
		c := read(&http.Request{Header: http.Header{"X-Amz-Target": {"DynamoDB_20120810.BatchGetItem"}}}, []byte(body))
		entries := func(b map[string]json.RawMessage) (all []string) {
			for _, table := range (request{RequestItems: b}).tables() {
				_, some, err := entriesOf(b[table])
				require.NoError(t, err)
				for _, e := range some {
					var v any
					require.NoError(t, json.Unmarshal(e, &v))
					canonical, err := json.Marshal(v)
					require.NoError(t, err)
					all = append(all, table+string(canonical))
				}
			}
			return all
		}
		first, rest, err := c.request.divide(keep)
		if err != nil {
			return
		}
		whole := entries(c.request.RequestItems)
		assert.Len(t, entries(first), int(keep*float64(len(whole))))
		assert.ElementsMatch(t, whole, append(entries(first), entries(rest)...))
	})
}
