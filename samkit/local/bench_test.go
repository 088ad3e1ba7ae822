package main

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// timed is the source of a function that works for a moment and says for how long.
const timed = `package main

import (
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		started := time.Now()
		for block := make([]byte, 1<<16); time.Since(started) < 200*time.Microsecond; {
			_ = sha256.Sum256(block)
		}
		own := strconv.FormatInt(time.Since(started).Nanoseconds(), 10)
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "{}", Headers: map[string]string{"X-Own-Nanoseconds": own}}, nil
	})
}
`

// BenchmarkRequest measures a warm request over HTTP, and the gateway's share of it: all but the function's own time. In
// "16 at once" each client has a connection of its own.
func BenchmarkRequest(b *testing.B) {
	dir := foreign(b, map[string]string{"a/main.go": timed}, map[string]string{"A": "a"})
	for _, mode := range []struct {
		name    string
		watch   bool
		clients int
	}{{"warm", false, 1}, {"warm,watch", true, 1}, {"16 at once", false, 16}, {"16 at once,watch", true, 16}} {
		b.Run(mode.name, func(b *testing.B) {
			s := serveProject(b, dir, func(o *options) { o.watch = mode.watch })
			defer s.stop()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: mode.clients}}
			defer client.CloseIdleConnections()
			atOnce(b, client, s.url, mode.clients, 20*mode.clients) // until enough processes are warm
			b.ResetTimer()
			all, overhead := atOnce(b, client, s.url, mode.clients, b.N)
			for name, times := range map[string][]time.Duration{"request": all, "overhead": overhead} {
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds()), name+"-p50-µs")
				b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), name+"-p99-µs")
			}
		})
	}
}

// atOnce sends n requests from so many clients and returns how long each took, with the function's own time and without.
func atOnce(b *testing.B, client *http.Client, url string, clients, n int) (all, overhead []time.Duration) {
	b.Helper()
	all, overhead = make([]time.Duration, n), make([]time.Duration, n)
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := c; i < n && errs[c] == nil; i += clients {
				var own time.Duration
				started := time.Now()
				own, errs[c] = callTimed(client, url)
				all[i] = time.Since(started)
				overhead[i] = all[i] - own
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(b, err)
	}
	return all, overhead
}

func callTimed(client *http.Client, url string) (own time.Duration, err error) {
	resp, err := client.Get(url + "/A")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	nanoseconds, err := strconv.ParseInt(resp.Header.Get("X-Own-Nanoseconds"), 10, 64)
	return time.Duration(nanoseconds), err // without the header the gateway or the function has failed
}
