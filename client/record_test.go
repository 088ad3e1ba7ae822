package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/client"
)

// raw is n observations that differ in their productId: the place of each.
func raw(n int) []json.RawMessage {
	var all []json.RawMessage
	for i := range n {
		all = append(all, json.RawMessage(fmt.Sprintf(`{"productId":"%d"}`, i)))
	}
	return all
}

func submissions(n int) []client.Submission {
	var all []client.Submission
	for i := range n {
		all = append(all, client.Submission{ProductID: fmt.Sprint(i), ObservedAt: now})
	}
	return all
}

// products are those of a batch, in its order.
func products(t require.TestingT, r request) []string {
	var batch struct {
		Observations []struct{ ProductID string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &batch))
	var ids []string
	for _, o := range batch.Observations {
		ids = append(ids, o.ProductID)
	}
	return ids
}

func (s *server) batches(t *testing.T) [][]string {
	t.Helper()
	var all [][]string
	for _, r := range s.requests() {
		all = append(all, products(t, r))
	}
	return all
}

// outcomes answers a batch as the API does, with one outcome for each item.
func outcomes(path string, list ...string) answer {
	counts := map[string]int{"received": len(list), "created": 0, "conflict": 0, "rejected": 0, "throttled": 0, "failed": 0}
	results := []any{}
	for i, outcome := range list {
		counts[outcome]++
		r := map[string]any{"index": i, "outcome": outcome, "status": 201, "retryable": false, "productId": nil, "warnings": []string{}}
		if status, bad := map[string]int{"conflict": 409, "rejected": 422, "throttled": 503, "failed": 500}[outcome]; bad {
			r["status"], r["retryable"] = status, status >= 500
			r["problem"] = map[string]any{"type": "urn:problem-type:pricing:" + outcome, "status": status,
				"errors": []any{map[string]any{"pointer": fmt.Sprintf("/observations/%d/price", i), "code": outcome}}}
		} else if strings.Contains(path, "results=problems") {
			continue
		}
		results = append(results, r)
	}
	text, err := json.Marshal(map[string]any{"counts": counts, "results": results})
	if err != nil {
		panic(err)
	}
	return answer{status: 207, body: string(text)}
}

// withStatus is an answer of another status.
func withStatus(status int, a answer) answer {
	a.status = status
	return a
}

// created answers that every item is stored.
func created(t require.TestingT, r request) answer {
	return outcomes(r.path, slices.Repeat([]string{"created"}, len(products(t, r)))...)
}

// said is what became of each item, by its place: of one that has no result, "counted" if it is stored.
func said(results []client.Result) (list []string) {
	for i, r := range results {
		if r.Index != i {
			list = append(list, fmt.Sprintf("%d at %d", r.Index, i))
			continue
		}
		list = append(list, r.Outcome)
	}
	return list
}

func TestRecordObservations_Divides(t *testing.T) {
	t.Parallel()
	t.Run("500 items", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(_ int, r request) answer { return created(t, r) })
		c, _ := connect(t, s, client.WithInFlight(1))
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{DryRun: true}, submissions(1001))
		require.NoError(t, err)
		assert.Equal(t, slices.Repeat([]string{"created"}, 1001), said(results))
		var sizes []int
		for _, batch := range s.batches(t) {
			sizes = append(sizes, len(batch))
		}
		assert.Equal(t, []int{500, 500, 1}, sizes)
		assert.Equal(t, "/v1/observations/batch?dryRun=true&results=all", s.requests()[0].path)
	})
	t.Run("fewer", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(_ int, r request) answer { return created(t, r) })
		c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(2))
		_, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(5))
		require.NoError(t, err)
		assert.Equal(t, [][]string{{"0", "1"}, {"2", "3"}, {"4"}}, s.batches(t))
	})
	t.Run("what cannot be is set right", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(_ int, r request) answer { return created(t, r) })
		for n, want := range map[int]int{0: 1, 1: 1, 2: 2, 500: 500, 501: 500} {
			c, _ := connect(t, s, client.WithInFlight(0), client.WithBatchItems(n))
			before := len(s.requests())
			_, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(want+1))
			require.NoError(t, err)
			assert.Len(t, s.batches(t)[before], want)
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t))
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, nil)
		require.NoError(t, err)
		assert.Empty(t, results)
	})
	// 33 items fill a batch to its last byte: 32 of 30,000 bytes and one of what is left for it.
	text := func(length int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", length-2) + `"`) }
	rest := 1<<20 - len(`{"observations":[]}`) - 32*30_001
	for name, tt := range map[string]struct {
		last int
		want []int
	}{
		"exactly 1 MiB":  {rest, []int{1 << 20}},
		"one byte more":  {rest + 1, []int{1<<20 - rest - 1, rest + 1 + 19}},
		"an item alone":  {2 << 20, []int{1<<20 - rest - 1, 2<<20 + 19}},
		"one byte fewer": {rest - 1, []int{1<<20 - 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(_ int, r request) answer {
				return outcomes("", slices.Repeat([]string{"created"}, strings.Count(r.body, `,`)+1)...)
			})
			c, _ := connect(t, s, client.WithInFlight(1))
			all := append(slices.Repeat([]json.RawMessage{text(30_000)}, 32), text(tt.last))
			for _, err := range c.StreamObservations(t.Context(), client.RecordObservationsParams{}, slices.Values(all)) {
				require.NoError(t, err)
			}
			var sizes []int
			for _, r := range s.requests() {
				sizes = append(sizes, len(r.body))
			}
			assert.Equal(t, tt.want, sizes)
		})
	}
	t.Run("nothing but an item that is too long", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(int, request) answer { return answer{status: 413, body: `{"type":"urn:a"}`} })
		c, _ := connect(t, s)
		var answers []client.Answer
		one := []json.RawMessage{text(2 << 20)}
		for a, err := range c.StreamObservations(t.Context(), client.RecordObservationsParams{}, slices.Values(one)) {
			require.NoError(t, err)
			answers = append(answers, a)
		}
		p := &client.Problem{Type: "urn:a", Status: 413, Instance: "request-1"}
		assert.Equal(t, []client.Answer{{Items: []int{0}, Counts: map[string]int{"rejected": 1}, Refused: p,
			Results: []client.Result{{Status: 413, Outcome: "rejected", Problem: p}}}}, answers)
	})
	t.Run("several in flight", func(t *testing.T) {
		t.Parallel()
		arrived := make(chan struct{})
		all := make(chan struct{})
		s := serve(t, func(_ int, r request) answer {
			arrived <- struct{}{}
			<-all // answers only when three are here at once
			return created(t, r)
		})
		go func() {
			for range 3 {
				<-arrived
			}
			close(all)
		}()
		c, _ := connect(t, s, client.WithInFlight(3), client.WithBatchItems(1))
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(3))
		require.NoError(t, err)
		assert.Len(t, results, 3)
	})
}

func TestRecordObservations_Repeats(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answers []answer
		batches [][]string
		want    []string
		wantErr string
	}{
		"only what may succeed": {
			[]answer{outcomes("", "created", "throttled", "conflict", "throttled"), outcomes("", "throttled", "late"), outcomes("", "duplicate")},
			[][]string{{"0", "1", "2", "3"}, {"1", "3"}, {"1"}}, []string{"created", "duplicate", "conflict", "late"}, "",
		},
		"what failed, once": {
			[]answer{outcomes("", "failed", "failed", "throttled"), outcomes("", "failed", "throttled", "failed"),
				outcomes("", "failed", "created")},
			[][]string{{"0", "1", "2"}, {"0", "1", "2"}, {"1", "2"}}, []string{"failed", "failed", "created"}, "",
		},
		"what failed, of answers of 500": {
			[]answer{withStatus(500, outcomes("", "failed", "rejected")), withStatus(500, outcomes("", "failed"))},
			[][]string{{"0", "1"}, {"0"}}, []string{"failed", "rejected"}, "",
		},
		"all after a lost connection": {
			[]answer{{lost: true}, outcomes("", "duplicate", "duplicate")},
			[][]string{{"0", "1"}, {"0", "1"}}, []string{"duplicate", "duplicate"}, "",
		},
		"up to a number": {
			[]answer{outcomes("", "created", "throttled", "rejected"), outcomes("", "throttled"), {status: 503, body: busy}},
			[][]string{{"0", "1", "2"}, {"1"}, {"1"}}, []string{"created", "throttled", "rejected"},
			"503 Service Unavailable: throttled: Try again (request id-7) (given up after 3 attempts)",
		},
		"single items up to a number": {
			[]answer{outcomes("", "created", "throttled"), outcomes("", "throttled"), outcomes("", "throttled")},
			[][]string{{"0", "1"}, {"1"}, {"1"}}, []string{"created", "throttled"},
			"1 of 1 observations could not be stored now (given up after 3 attempts)",
		},
		"nothing of a wrong token": {
			[]answer{{status: 401}}, [][]string{{"0", "1"}}, []string{"throttled", "throttled"}, "401 Unauthorized",
		},
		"an outcome that we do not know": {[]answer{outcomes("", "quarantined")}, [][]string{{"0"}}, []string{"quarantined"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script(t, tt.answers...)
			c, w := connect(t, s, client.WithAttempts(3))
			results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(len(tt.want)))
			assert.Equal(t, tt.want, said(results))
			assert.Equal(t, tt.batches, s.batches(t))
			assert.Len(t, w.list, len(tt.batches)-1)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
		})
	}
	t.Run("a problem points into its observation", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t, outcomes("", "created", "throttled", "throttled"), outcomes("", "created", "rejected")))
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(3))
		require.NoError(t, err)
		assert.Equal(t, "/price", results[2].Problem.Errors[0].Pointer)
	})
}

// TestRecordObservations_Nonsense: an answer that does not account for each item says nothing of any.
func TestRecordObservations_Nonsense(t *testing.T) {
	t.Parallel()
	both := outcomes("", "created", "created").body
	for name, body := range map[string]string{
		"not the API's":                     `<html>`,
		"empty":                             ``,
		"another document":                  `{"status":"ok"}`,
		"no counts":                         `{"results":[]}`,
		"no results":                        `{"counts":{"received":2,"created":2}}`,
		"an item too few":                   outcomes("", "created").body,
		"an item too many":                  outcomes("", "created", "created", "created").body,
		"a result too few":                  `{"counts":{"received":2,"created":2},"results":[{"index":0,"status":201,"outcome":"created"}]}`,
		"an index twice":                    strings.Replace(both, `"index":1`, `"index":0`, 1),
		"an index of none":                  strings.Replace(both, `"index":1`, `"index":2`, 1),
		"an index below none":               strings.Replace(both, `"index":1`, `"index":-1`, 1),
		"counted otherwise":                 strings.Replace(both, `"outcome":"created"`, `"outcome":"late"`, 1),
		"more received":                     strings.Replace(both, `"received":2`, `"received":3`, 1),
		"a count below zero":                `{"counts":{"received":2,"created":3,"late":-1},"results":[]}`,
		"refused ones are not listed":       `{"counts":{"received":2,"created":1,"rejected":1},"results":[]}`,
		"throttled ones are not listed":     `{"counts":{"received":2,"created":1,"throttled":1},"results":[]}`,
		"failed ones are not listed":        `{"counts":{"received":2,"created":1,"failed":1},"results":[]}`,
		"some of a kind that are not named": `{"counts":{"received":2,"odd":2},"results":[{"index":0,"status":422,"outcome":"odd"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, params := range []client.RecordObservationsParams{{}, {Results: client.RecordObservationsParamsResultsProblems}} {
				s := script(t, answer{status: 200, body: body}, answer{status: 200, body: body})
				c, _ := connect(t, s, client.WithAttempts(2))
				for a, err := range c.StreamObservations(t.Context(), params, slices.Values(raw(2))) {
					if name == "a result too few" && params.Results != "" {
						continue // of a stored one
					}
					require.ErrorContains(t, err, "makes no sense")
					require.ErrorContains(t, err, "given up after 2 attempts")
					assert.Equal(t, []int{0, 1}, a.Items)
				}
			}
		})
	}
}

func TestStreamObservations_Problems(t *testing.T) {
	t.Parallel()
	s := serve(t, func(n int, r request) answer {
		if n == 1 {
			return outcomes(r.path, "created", "rejected", "late", "throttled", "created")
		}
		return outcomes(r.path, "duplicate")
	})
	c, _ := connect(t, s)
	var answers []client.Answer
	params := client.RecordObservationsParams{Results: client.RecordObservationsParamsResultsProblems}
	for a, err := range c.StreamObservations(t.Context(), params, slices.Values(raw(5))) {
		require.NoError(t, err)
		answers = append(answers, a)
	}
	require.Len(t, answers, 2, "one for each answer of the API")
	assert.Equal(t, []int{0, 1, 2, 4}, answers[0].Items)
	assert.Equal(t, map[string]int{"created": 2, "late": 1, "rejected": 1, "conflict": 0, "throttled": 0, "failed": 0}, answers[0].Counts)
	require.Len(t, answers[0].Results, 1)
	assert.Equal(t, 1, answers[0].Results[0].Index)
	assert.Equal(t, []int{3}, answers[1].Items)
	assert.Equal(t, 1, answers[1].Counts["duplicate"])
	assert.Equal(t, "/v1/observations/batch?results=problems", s.requests()[0].path)
}

// TestStreamObservations_Refused: a request that is refused as a whole refuses each of its items, and no other.
func TestStreamObservations_Refused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 409, 413, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(n int, r request) answer {
				if n == 1 {
					return answer{status: status, body: `{"type":"urn:problem-type:pricing:malformed-json","title":"T.","errors":[
						{"pointer":"/observations/1/price","code":"b"},{"pointer":"/observations/10","code":"k"},{"pointer":"/defaults","code":"d"}]}`}
				}
				return created(t, r)
			})
			c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(2))
			results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(3))
			require.NoError(t, err)
			assert.Equal(t, []string{"rejected", "rejected", "created"}, said(results))
			assert.Equal(t, status, results[1].Status)
			assert.Equal(t, "malformed-json", results[1].Problem.Code())
			of := func(r client.Result) (all []string) {
				for _, e := range r.Problem.Errors {
					all = append(all, e.Code+" "+e.Pointer)
				}
				return all
			}
			assert.Equal(t, []string{"d /defaults"}, of(results[0]), "what is wrong with another item is not its own fault")
			assert.Equal(t, []string{"b /price", "d /defaults"}, of(results[1]), "pointers begin at the observation")
		})
	}
}

func TestStreamObservations_Ends(t *testing.T) {
	t.Parallel()
	stream := func(ctx context.Context, c *client.Client, n int) iter.Seq2[client.Answer, error] {
		return c.StreamObservations(ctx, client.RecordObservationsParams{}, slices.Values(raw(n)))
	}
	t.Run("after a batch that was given up others are sent", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(n int, r request) answer {
			if n <= 2 {
				return answer{status: 503}
			}
			return created(t, r)
		})
		c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(1), client.WithAttempts(2))
		var without, with []int
		for a, err := range stream(t.Context(), c, 3) {
			if err != nil {
				without = append(without, a.Items...)
				continue
			}
			with = append(with, a.Items...)
		}
		assert.Equal(t, []int{0}, without)
		assert.Equal(t, []int{1, 2}, with)
	})
	t.Run("RecordObservations does not try the others", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(int, request) answer { return answer{status: 503} })
		c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(1), client.WithAttempts(2))
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(20))
		require.ErrorContains(t, err, "given up after 2 attempts")
		assert.Len(t, results, 20)
		assert.LessOrEqual(t, len(s.requests()), 4, "the next batch may be under way already")
	})
	t.Run("a wrong token ends it", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(int, request) answer { return answer{status: 401} })
		c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(1))
		var errs []error
		for _, err := range stream(t.Context(), c, 20) {
			errs = append(errs, err)
		}
		require.NotEmpty(t, errs)
		require.ErrorContains(t, errs[0], "401 Unauthorized")
		assert.NotContains(t, errs, nil)
		assert.LessOrEqual(t, len(s.requests()), 2)
	})
	t.Run("the caller leaves", func(t *testing.T) {
		t.Parallel()
		s := serve(t, func(_ int, r request) answer { return created(t, r) })
		c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(1))
		taken := 0
		observations := func(yield func(json.RawMessage) bool) {
			for _, one := range raw(20) {
				if taken++; !yield(one) {
					return
				}
			}
		}
		for _, err := range c.StreamObservations(t.Context(), client.RecordObservationsParams{}, observations) {
			require.NoError(t, err)
			break
		}
		assert.LessOrEqual(t, taken, 4)
		assert.LessOrEqual(t, len(s.requests()), 3, "what was under way is answered, and nothing else sent")
	})
	t.Run("the context ends: what is under way is heard", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		s := serve(t, func(n int, r request) answer {
			if n == 2 {
				cancel(errors.New("enough"))
			}
			return created(t, r)
		})
		c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(1))
		var with []int
		var last error
		for a, err := range stream(ctx, c, 20) {
			if last = err; err == nil {
				with = append(with, a.Items...)
			}
		}
		assert.Subset(t, with, []int{0, 1})
		assert.LessOrEqual(t, len(with), 3)
		require.EqualError(t, last, "enough")
	})
	t.Run("the context ends when all is said", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		c, _ := connect(t, serve(t, func(_ int, r request) answer { cancel(); return created(t, r) }))
		results, err := c.RecordObservations(ctx, client.RecordObservationsParams{}, submissions(2))
		require.NoError(t, err)
		assert.Equal(t, []string{"created", "created"}, said(results))
	})
	t.Run("the caller panics: nothing is left running", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var arrived sync.WaitGroup
			arrived.Add(4)
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				arrived.Done()
				arrived.Wait() // so that three have something to say when nobody listens any more
				text, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				body := io.NopCloser(strings.NewReader(created(t, request{body: string(text)}).body))
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
			})
			c, err := client.New("https://prices.example", "", client.WithTransport(transport), client.WithBatchItems(1), client.WithInFlight(4))
			require.NoError(t, err)
			assert.Panics(t, func() {
				for range c.StreamObservations(t.Context(), client.RecordObservationsParams{}, slices.Values(raw(20))) { //nolint:errcheck // see above
					panic("enough")
				}
			})
		})
	})
	t.Run("the context ends while it waits", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		s := serve(t, func(int, request) answer {
			cancel(errors.New("enough"))
			return answer{status: 503, body: busy}
		})
		c, _ := connect(t, s)
		results, err := c.RecordObservations(ctx, client.RecordObservationsParams{}, submissions(2))
		require.ErrorContains(t, err, "throttled: Try again (request id-7) (enough)")
		assert.Equal(t, []string{"throttled", "throttled"}, said(results))
		assert.Len(t, s.requests(), 1)
	})
	t.Run("the context has ended", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		c, _ := connect(t, script(t))
		_, err := c.RecordObservations(ctx, client.RecordObservationsParams{}, submissions(2))
		require.EqualError(t, err, "enough")
	})
	t.Run("the context ends before all is sent: the rest stands in no answer", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(_ int, r request) answer { cancel(); return created(t, r) })
		c, _ := connect(t, s, client.WithInFlight(1), client.WithBatchItems(1))
		var items []int
		for a := range stream(ctx, c, 20) { //nolint:errcheck // it says that the context has ended
			items = append(items, a.Items...)
		}
		assert.Len(t, items, len(s.requests()), "what was sent, and nothing else")
	})
	t.Run("an observation that is no JSON", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, serve(t, func(_ int, r request) answer { return created(t, r) }))
		bad := submissions(3)
		bad[1].ObservedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, bad)
		require.ErrorContains(t, err, "encode item 1: ")
		assert.Equal(t, []string{"created", "throttled", "throttled"}, said(results))
	})
}

// TestRecordObservations_Property: whatever a server does, the client says of each item what is true.
func TestRecordObservations_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		var mu sync.Mutex
		stored := map[string]bool{}
		s := serve(t, func(_ int, r request) answer {
			mu.Lock()
			defer mu.Unlock()
			if random.IntN(6) == 0 {
				return answer{status: 503}
			}
			var list []string
			for _, id := range products(t, r) {
				list = append(list, []string{"created", "created", "late", "rejected", "throttled", "failed"}[random.IntN(6)])
				if last := &list[len(list)-1]; stored[id] {
					*last = "duplicate"
				} else if *last == "created" || *last == "late" {
					stored[id] = true
				}
			}
			a := outcomes(r.path, list...)
			a.lost = random.IntN(6) == 0
			if random.IntN(6) == 0 {
				a.body = a.body[:random.IntN(len(a.body))]
			}
			return a
		})
		defer s.Close()
		c, _ := connect(t, s, client.WithInFlight(2), client.WithBatchItems(1+random.IntN(4)), client.WithAttempts(3))
		n := rapid.IntRange(0, 12).Draw(rt, "items")
		results, err := c.RecordObservations(t.Context(), client.RecordObservationsParams{}, submissions(n))
		require.Len(rt, results, n)
		mu.Lock()
		defer mu.Unlock()
		for i, r := range results {
			require.Equal(rt, i, r.Index)
			switch r.Outcome {
			case "created", "late", "duplicate":
				require.True(rt, stored[fmt.Sprint(i)], "%d is not stored", i)
			case "rejected", "failed":
				require.False(rt, stored[fmt.Sprint(i)], "%d is stored", i)
				require.NotNil(rt, r.Problem)
			default:
				require.Equal(rt, client.Result{Index: i, Status: 503, Outcome: "throttled", Retryable: true}, r)
				require.Error(rt, err)
			}
		}
	})
}
