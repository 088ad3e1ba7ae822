package rows

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestRead_bomb: a small packed file that unpacks to a line of 16 MiB is refused, and never held in memory.
func TestRead_bomb(t *testing.T) { // not parallel: it looks at what the process allocates
	const size = 16 << 20
	for _, filling := range []string{"\x00", "a"} {
		text := strings.Repeat(filling, size)
		for name, content := range map[string]string{
			"a.csv.gz":       gzipped(t, text),
			"header.csv.gz":  gzipped(t, prices+text),
			"quoted.csv.gz":  gzipped(t, prices+"\""+text),
			"a.ndjson.gz":    gzipped(t, text),
			"rows.ndjson.gz": gzipped(t, `{"id":"1"}`+"\n"+`{"id":"`+text),
			"a.json.gz":      gzipped(t, `[{"id":"`+text),
			"a.gz":           gzipped(t, text),
			"twice.csv.gz":   gzipped(t, gzipped(t, text)),
			"a.csv.zip":      zipOf(t, "a.csv", text),
		} {
			assert.Less(t, len(content), 1<<20, name)
			each, calls := collect()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := Read(strings.NewReader(content), name, Form{}, func(string, []string) error { return nil }, each)
			runtime.ReadMemStats(&after)
			refused := err != nil
			for _, c := range *calls {
				refused = refused || c.err != nil
			}
			assert.True(t, refused, "%s of %q", name, filling)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), "%s of %q", name, filling)
		}
	}
}
