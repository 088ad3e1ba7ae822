package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"pricing/client"
)

// sent is what became of the requests.
type sent struct {
	latency, lag []time.Duration // from when a request was due: until its answer had come, until it was sent
	statuses     map[int]int     // 0: no answer
	outcomes     map[string]int  // of observations
	throttled    map[string]int  // requests refused as throttled, by status and what the refusal says
	failures     map[string]int  // requests, by what is wrong
	acknowledged []bool          // by observation
}

func newSent(observations int) sent {
	return sent{statuses: map[int]int{}, outcomes: map[string]int{}, throttled: map[string]int{}, failures: map[string]int{},
		acknowledged: make([]bool, observations)}
}

// schedule is a pacer of known times: hit n is due at times[n].
type schedule struct {
	times []time.Duration
	began time.Time
}

// Pace waits until the next hit is due; it is called by one goroutine, and first for hit 0.
func (s *schedule) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	if hits == 0 && s.began.IsZero() {
		s.began = time.Now().Add(-elapsed)
	}
	if hits >= uint64(len(s.times)) {
		return 0, true
	}
	return max(s.times[hits]-elapsed, 0), false
}

// Rate is for reports of vegeta's that are not used here.
func (s *schedule) Rate(time.Duration) float64 { return 0 }

// load is what is sent where.
type load struct {
	url, token string
	run        string
	due        []time.Duration
	items      int
	single     bool
	all        []sighting // items for each request
}

// correlation leads from an answer to its request: requests are not made in the order in which they are due. It is written as
// HTTP/2 spells it, since the gateway's refusals know it under that name alone.
const correlation = "x-correlation-id"

// attack sends everything when it is due, waiting for no answer: an API that becomes slow gets no less to do.
// It stops early when ctx ends.
func (l load) attack(ctx context.Context) sent {
	var mu sync.Mutex
	next := 0
	path := "/v1/observations/batch"
	if l.single {
		path = "/v1/observations"
	}
	target := func(t *vegeta.Target) error {
		mu.Lock()
		n := next
		next++
		mu.Unlock()
		text, err := body(l.run, l.all[n*l.items:(n+1)*l.items], l.single)
		t.Method, t.URL, t.Body = http.MethodPost, l.url+path, text
		t.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + l.token},
			correlation: {l.run + "-" + strconv.Itoa(n)}}
		return err
	}
	pacer := &schedule{times: l.due}
	s := newSent(len(l.all))
	attacker := vegeta.NewAttacker(vegeta.Redirects(vegeta.NoFollow))
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	for r := range attacker.Attack(target, pacer, 0, "") {
		due := pacer.began.Add(l.due[r.Seq])
		s.lag = append(s.lag, r.Timestamp.Sub(due))
		s.latency = append(s.latency, r.Timestamp.Add(r.Latency).Sub(due))
		s.count(l, r)
	}
	return s
}

// count counts an answer.
func (s *sent) count(l load, r *vegeta.Result) {
	s.statuses[int(r.Code)]++
	if r.Code == 0 {
		s.failures["no answer: "+r.Error]++
		return
	}
	n, err := strconv.Atoi(strings.TrimPrefix(r.Headers.Get(correlation), l.run+"-"))
	if err != nil || n < 0 || n >= len(l.due) {
		s.failures[fmt.Sprintf("%d without the request's %s", r.Code, correlation)]++
		return
	}
	outcomes, err := read(r, l.single)
	if err == nil && outcomes == nil {
		s.refused(r, l.items)
		return
	}
	if err == nil && len(outcomes) != l.items {
		err = fmt.Errorf("%d results for %d observations", len(outcomes), l.items)
	}
	if err != nil {
		s.failures[fmt.Sprintf("%d %v", r.Code, err)]++
		return
	}
	for i, outcome := range outcomes {
		s.outcomes[outcome]++
		switch outcome {
		case "created", "changed", "unchanged", "late", "duplicate":
			s.acknowledged[n*l.items+i] = true
		case "throttled":
		default:
			s.failures["observation "+outcome]++
		}
	}
}

// refused counts an answer to a whole request of so many observations.
func (s *sent) refused(r *vegeta.Result, observations int) {
	var p client.Problem
	_ = json.Unmarshal(r.Body, &p) // what is no problem document is named by its status alone
	code := strings.TrimPrefix(p.Type, "urn:problem-type:pricing:")
	if code == "throttled" && (r.Code == http.StatusTooManyRequests || r.Code == http.StatusServiceUnavailable) {
		s.throttled[fmt.Sprintf("%d %s", r.Code, p.Detail)]++
		s.outcomes["throttled"] += observations
		return
	}
	s.failures[strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, code))]++
}

// read reads the outcomes of an answer, in the order of the request; there are none if the request was refused as a whole. A
// batch has results under every status.
func read(r *vegeta.Result, single bool) ([]string, error) {
	success := r.Code == http.StatusOK || r.Code == http.StatusCreated
	if single {
		if !success {
			return nil, nil
		}
		var one client.Recorded
		err := json.Unmarshal(r.Body, &one)
		return []string{one.Outcome}, err
	}
	var many client.BatchRecorded
	if err := json.Unmarshal(r.Body, &many); err != nil && success {
		return nil, err
	}
	var outcomes []string
	for i, result := range many.Results {
		if result.Index != i {
			return nil, fmt.Errorf("result %d has the index %d", i, result.Index)
		}
		outcomes = append(outcomes, result.Outcome)
	}
	return outcomes, nil
}
