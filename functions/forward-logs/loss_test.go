package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/forward"
)

var (
	seeds = flag.Int("seeds", 40, "how many runs of TestForward_NoLoss")
	first = flag.Uint64("seed", 1, "the first of them")
)

// TestForward_NoLoss: whatever the peer does, every event is one document in the end, and no other, byte for byte. Around the function is
// what Lambda does with it: three attempts, then the queue, and its messages again until the function keeps none.
//
//	go test ./functions/forward-logs -run NoLoss -seeds 1000 -v
func TestForward_NoLoss(t *testing.T) {
	t.Parallel()
	met, events, repeated, queued := map[fault]int{}, 0, 0, 0
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		dice := rand.New(rand.NewPCG(seed, 0))
		want, deliveries := traffic(t, dice)
		p := startPeer(t, dice, dice.IntN(12))
		waiting := run(t, p, deliveries)
		p.stop()
		require.Len(t, p.stored, len(want), "seed %d: ids", seed)
		require.True(t, maps.Equal(want, p.stored), "seed %d: bytes", seed)
		require.Empty(t, p.differ, "seed %d", seed)
		require.Empty(t, p.spoilt, "seed %d", seed)
		for f, n := range p.met {
			met[f] += n
		}
		events, repeated, queued = events+len(want), repeated+p.repeated, queued+waiting
	}
	t.Logf("%d runs, %d events, %d deliveries in the queue, %d documents sent again, faults %v", *seeds, events, queued, repeated, met)
	for f := takes + 1; f < faults; f++ {
		assert.Positive(t, met[f], "fault %d was never met", f)
	}
	assert.Positive(t, queued)
	assert.Positive(t, repeated)
}

// run hands deliveries to the function as Lambda does, until all are gone from the queue, and returns how many were there.
func run(t *testing.T, p *peer, deliveries [][]byte) (queued int) {
	t.Helper()
	sender, err := forward.NewSender(p.url(), "")
	require.NoError(t, err)
	h := &handler{
		forwarder: forward.Forwarder{Sender: sender, Own: "/aws/lambda/own"}, now: time.Now, log: slog.New(slog.DiscardHandler),
	}
	call := func(event []byte) ([]byte, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p.mu.Lock()
		p.stalled = cancel
		p.mu.Unlock()
		return h.serve(ctx, event)
	}
	queue := map[string]string{}
	for i, event := range deliveries {
		for attempt := 1; ; attempt++ {
			_, err := call(event)
			if err == nil {
				break
			}
			if attempt == 3 {
				body, err := json.Marshal(map[string]any{"version": "1.0", "requestPayload": json.RawMessage(event)})
				require.NoError(t, err)
				queue[fmt.Sprint(i)] = string(body)
				break
			}
		}
	}
	queued = len(queue)
	for range 100 {
		if len(queue) == 0 {
			return queued
		}
		type message struct {
			ID   string `json:"messageId"`
			Body string `json:"body"`
		}
		var in struct {
			Records []message
		}
		for id, body := range queue {
			in.Records = append(in.Records, message{id, body})
		}
		event, err := json.Marshal(in)
		require.NoError(t, err)
		out, err := call(event)
		require.NoError(t, err)
		var answer again
		require.NoError(t, json.Unmarshal(out, &answer))
		kept := map[string]string{}
		for _, f := range answer.Failures {
			require.Contains(t, queue, f.ID)
			kept[f.ID] = queue[f.ID]
		}
		queue = kept
	}
	require.Empty(t, queue, "the peer has been well for long")
	return queued
}

// traffic makes 1 to 10,000 events, in deliveries of several log groups, and the documents that they are to be.
func traffic(t *testing.T, dice *rand.Rand) (want map[string]string, deliveries [][]byte) {
	t.Helper()
	want = map[string]string{}
	left := int(math.Round(math.Exp(dice.Float64() * math.Log(10000))))
	for n := 0; left > 0; left -= n {
		n = min(left, 1+dice.IntN(10000))
		group := []string{"/aws/lambda/pricing-dev-list-offers", "/aws/apigateway/pricing-dev"}[dice.IntN(2)]
		stream := fmt.Sprintf("2026/07/06/[7]%08x", dice.Uint32())
		var events []map[string]any
		for range n {
			at := time.UnixMilli(1783329245112 + dice.Int64N(60000)).UTC()
			id := fmt.Sprintf("%056d", len(want)+1+1000000*dice.IntN(2)) // ids may be far apart, or follow each other
			for want[id] != "" {
				id = "1" + id[1:]
			}
			message, members := content(dice, group == "/aws/apigateway/pricing-dev")
			events = append(events, map[string]any{"id": id, "timestamp": at.UnixMilli(), "message": message})
			want[id] = fmt.Sprintf(`{"_id":"%s","@timestamp":"%s","log_group":"%s","log_stream":"%s",%s}`+"\n",
				id, at.Format("2006-01-02T15:04:05.000Z"), group, stream, members)
		}
		deliveries = append(deliveries, delivery(t, map[string]any{
			"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": group, "logStream": stream,
			"subscriptionFilters": []string{"pricing-dev-forward-logs"}, "logEvents": events,
		}))
	}
	return want, deliveries
}

// content is a message and the members that its document has of it. Few differ, since equal messages are to stay apart.
func content(dice *rand.Rand, access bool) (message, members string) {
	n := dice.IntN(5)
	switch kind := dice.IntN(4); {
	case access:
		return fmt.Sprintf(`{"requestId":"%d","status":"20%d","responseLatency":"%d","integrationStatus":"-","clientId":"crawler-a"}`, n, n, n*7),
			fmt.Sprintf(`"requestId":"%d","status":20%d,"responseLatency":%d,"clientId":"crawler-a"`, n, n, n*7)
	case kind == 0:
		return fmt.Sprintf(`{"level":"INFO","message":"request","units":%d.50,"big":12345678901234567890,"note":"a<b & ü \u0041 -",`+
				`"_aws":{"Timestamp":1},"nested":{"a":[1, 2]}}`, n),
			fmt.Sprintf(`"level":"INFO","message":"request","units":%d.50,"big":12345678901234567890,"note":"a<b & ü \u0041 -",`+
				`"nested":{"a":[1, 2]}`, n)
	case kind == 1:
		return fmt.Sprintf(`{"_id":"%d","log_group":"mine","status":"-"}`, n),
			fmt.Sprintf(`"status":"-","body":{"_id":"%d","log_group":"mine"}`, n)
	case kind == 2:
		return fmt.Sprintf("panic: %d\n\tgoroutine 1 [running]: \"main\"", n),
			fmt.Sprintf(`"message":"panic: %d\n\tgoroutine 1 [running]: \"main\""`, n)
	}
	return fmt.Sprintf("(%d) Extended Request Id: KHn2hG4wDoEFt9A= Грüße", n),
		fmt.Sprintf(`"message":"(%d) Extended Request Id: KHn2hG4wDoEFt9A= Грüße"`, n)
}

// delivery packs what CloudWatch Logs sends into the event that Lambda calls with.
func delivery(tb testing.TB, content any) []byte {
	tb.Helper()
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	require.NoError(tb, e.Encode(content))
	return packed(tb, text.Bytes())
}

func packed(tb testing.TB, text []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.NoCompression) // so that events/forward-logs stay as they are with another version of Go
	require.NoError(tb, err)
	_, err = w.Write(text)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	event, err := json.Marshal(map[string]any{"awslogs": map[string]any{"data": b.Bytes()}})
	require.NoError(tb, err)
	return event
}
