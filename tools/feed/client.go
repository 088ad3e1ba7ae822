package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	attemptTimeout = 30 * time.Second // the API answers or gives up before that
	firstBackoff   = 250 * time.Millisecond
	maxBackoff     = 20 * time.Second
	maxRetryAfter  = 5 * time.Minute // no longer, even if the server asks for more
	maxAnswer      = 8 << 20
	// After this many batches in a row that failed as a whole, the API is considered unreachable.
	hopeless = 8
)

// errHopeless ends the run.
var errHopeless = errors.New("the API does not answer")

// client talks to the API. It repeats what may be repeated and nothing else.
type client struct {
	http     *http.Client
	base     string
	token    string
	attempts int
	wait     func(context.Context, time.Duration) error
	jitter   func(most time.Duration) time.Duration
	now      func() time.Time
	report   *report
	state    *state       // of the file that is being sent; nil: none is kept
	failures atomic.Int32 // batches in a row that failed as a whole
}

// reply is an answer whose body has been read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call makes one attempt. The end of ctx does not cut it short: without its answer, the outcome would be unknown.
func (c *client) call(ctx context.Context, method, path string, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.report.request()
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end or is given up
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(content) > maxAnswer {
		return reply{}, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return reply{resp.StatusCode, resp.Header, content}, nil
}

// retryable says whether the same request may succeed later.
func retryable(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500
}

// pause waits before the next attempt: exponential backoff with full jitter, in addition to what the server asks for. An
// error says that there must be no next attempt.
func (c *client) pause(ctx context.Context, attempt int, header http.Header) error {
	if attempt >= c.attempts {
		return fmt.Errorf("given up after %d attempts", attempt)
	}
	backoff := c.jitter(min(firstBackoff<<min(attempt-1, 10), maxBackoff))
	asked := min(retryAfter(header.Get("Retry-After"), c.now()), maxRetryAfter)
	c.report.repeat(asked)
	return c.wait(ctx, asked+backoff)
}

// retryAfter reads both forms of the header, seconds and a date. Anything else is 0.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// do makes a request that is answered as a whole, and repeats it while that may help. It returns the error of the last attempt.
func (c *client) do(ctx context.Context, method, path string, body []byte) (reply, error) {
	for attempt := 1; ; attempt++ {
		r, err := c.call(ctx, method, path, body)
		if err == nil && !retryable(r.status) {
			if r.status >= 300 {
				err = errors.New(r.String())
			}
			return r, err
		}
		if err == nil {
			err = errors.New(r.String())
		}
		if p := c.pause(ctx, attempt, r.header); p != nil {
			return r, fmt.Errorf("%w (%w)", err, p)
		}
	}
}

// String is the answer in one line: the status and, if it is a problem, its code and detail.
func (r reply) String() string {
	s := fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))
	p := r.problem()
	if code := problemCode(p); code != "" {
		s += ": " + code
	}
	var d struct{ Detail, Title string }
	if json.Unmarshal(p, &d) == nil && d.Title+d.Detail != "" {
		s += ": " + strings.TrimSpace(d.Title+" "+d.Detail)
	}
	return s
}

// problem returns the problem document of the answer, or one made from its status if there is none.
func (r reply) problem() json.RawMessage {
	var p struct{ Type string }
	if json.Unmarshal(r.body, &p) == nil && p.Type != "" {
		return bytes.TrimSpace(r.body)
	}
	text := strings.ToValidUTF8(string(r.body[:min(len(r.body), 200)]), "")
	return problem("about:blank", http.StatusText(r.status), r.status, text)
}

// batchAnswer is the API's answer to a batch. With results=problems, only items that were not stored have a result.
type batchAnswer struct {
	Counts  map[string]int `json:"counts"`
	Results []struct {
		Index     int             `json:"index"`
		Status    int             `json:"status"`
		Outcome   string          `json:"outcome"`
		Retryable bool            `json:"retryable"`
		Problem   json.RawMessage `json:"problem"`
	} `json:"results"`
}

// parseBatch reads the answer to a batch of n items. It returns false if the body is something else. An error says that it is
// the answer to a batch but does not account for every item, so nothing may be concluded from it.
func parseBatch(text []byte, n int) (batchAnswer, bool, error) {
	var a batchAnswer
	if err := json.Unmarshal(text, &a); err != nil || a.Counts == nil || a.Results == nil {
		return a, false, nil
	}
	sum, failed := 0, 0
	for outcome, count := range a.Counts {
		if outcome != "received" {
			sum += count
		}
		if count < 0 {
			return a, true, fmt.Errorf("count of %s is %d", outcome, count)
		}
	}
	seen := make([]bool, n)
	for _, r := range a.Results {
		if r.Index < 0 || r.Index >= n || seen[r.Index] {
			return a, true, fmt.Errorf("result with index %d of %d items", r.Index, n)
		}
		seen[r.Index] = true
		if r.Status >= 300 {
			failed++
		}
	}
	refused := a.Counts["conflict"] + a.Counts["rejected"] + a.Counts["throttled"]
	if sum != n || a.Counts["received"] != n || failed != refused {
		return a, true, fmt.Errorf("it counts %d received, %d in total and %d not stored, for %d items and %d results that are not stored",
			a.Counts["received"], sum, refused, n, failed)
	}
	return a, true, nil
}

// send sends a batch until each of its items has an outcome or the attempts are used up, and reports every item. It sends
// again only items that may succeed later. An error ends the whole run.
func (c *client) send(ctx context.Context, pending []item) error {
	for attempt := 1; ; attempt++ {
		r, err := c.call(ctx, http.MethodPost, "/v1/observations/batch?results=problems", body(pending))
		why := ""
		if err != nil {
			why = err.Error()
		} else if a, ok, err := parseBatch(r.body, len(pending)); err != nil {
			why = "the answer makes no sense: " + err.Error()
		} else if ok {
			if a.Counts["throttled"] < len(pending) {
				c.failures.Store(0)
			}
			if pending, err = c.settle(a, pending); err != nil {
				return err
			}
			why = "throttled"
		} else if retryable(r.status) || r.status < 300 { // a success that does not answer the batch came from something in between
			why = r.String()
		} else {
			return c.refuseAll(r, pending)
		}
		if len(pending) == 0 {
			return nil
		}
		if p := c.pause(ctx, attempt, r.header); p != nil {
			c.report.fail(pending, fmt.Sprintf("%s (%v)", why, p))
			if ctx.Err() == nil && c.failures.Add(1) >= hopeless {
				return fmt.Errorf("%w: %s", errHopeless, why)
			}
			return nil
		}
	}
}

// settle reports and acknowledges the items that have an outcome, and returns the others.
func (c *client) settle(a batchAnswer, batch []item) (again []item, err error) {
	err = c.state.acknowledge(c.report, func() (done []item, rejected int) {
		again, rejected = c.sort(a, batch)
		retry := map[int]bool{}
		for _, i := range again {
			retry[i.index] = true
		}
		for _, i := range batch {
			if !retry[i.index] {
				done = append(done, i)
			}
		}
		return done, rejected
	})
	return again, err
}

// sort reports the items that have an outcome, counts those that were refused, and returns the others.
func (c *client) sort(a batchAnswer, batch []item) (again []item, rejected int) {
	for outcome, count := range a.Counts {
		switch outcome {
		case "received", "conflict", "rejected", "throttled":
		default:
			c.report.count(outcome, count)
		}
	}
	for _, r := range a.Results {
		switch {
		case r.Status < 300:
		case r.Retryable:
			again = append(again, batch[r.Index])
		default:
			p := r.Problem
			if p == nil {
				p = problem("urn:problem-type:pricing:"+r.Outcome, r.Outcome, r.Status, "")
			}
			c.report.reject(r.Outcome, batch[r.Index].row, p)
			rejected++
		}
	}
	return again, rejected
}

// refuseAll reports a batch that was refused as a whole. It ends the run if any other batch would be refused as well.
func (c *client) refuseAll(r reply, batch []item) error {
	switch r.status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		c.report.say("a batch of %d rows (first line %d) was refused: %s", len(batch), batch[0].line, r)
		return c.state.acknowledge(c.report, func() ([]item, int) {
			for _, i := range batch {
				c.report.reject("rejected", i.row, r.problem())
			}
			return batch, len(batch)
		})
	default:
		c.report.unsent(len(batch))
		return errors.New(r.String())
	}
}

// register registers the competitors (names by id) that the API does not know yet.
func (c *client) register(ctx context.Context, wanted map[string]string, like Competitors) error {
	known := map[string]bool{}
	for cursor := ""; ; {
		path := "/v1/competitors"
		if cursor != "" {
			path += "?cursor=" + url.QueryEscape(cursor)
		}
		r, err := c.do(ctx, http.MethodGet, path, nil)
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		var page struct {
			Competitors []struct {
				CompetitorID string `json:"competitorId"`
			} `json:"competitors"`
			Next *string `json:"next"`
		}
		if err := json.Unmarshal(r.body, &page); err != nil {
			return fmt.Errorf("read the list: %w", err)
		}
		for _, one := range page.Competitors {
			known[one.CompetitorID] = true
		}
		if page.Next == nil || *page.Next == "" {
			break
		}
		cursor = *page.Next
	}
	if like.Kind == "" {
		like.Kind = "retailer"
	}
	registered := 0
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if known[id] {
			continue
		}
		body, err := marshal(struct {
			Name string `json:"name"`
			Competitors
		}{wanted[id], like})
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if _, err := c.do(ctx, http.MethodPut, "/v1/competitors/"+url.PathEscape(id), body); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		registered++
	}
	c.report.say("%d competitors registered, %d were known already", registered, len(wanted)-registered)
	return nil
}
