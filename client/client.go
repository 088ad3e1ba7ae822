// Package client calls the API from Go: it sends prices, and reads offers and history.
//
//	api, err := client.New("https://prices.example.com", token) // or the stack's output ApiUrl
//	results, err := api.RecordObservations(ctx, client.RecordObservationsParams{}, observations)
//	for offer, err := range api.Offers(ctx, "ZU-1042", client.ListOffersParams{}) { ... }
//	for entry, err := range api.OffersOf(ctx, client.OffersQuery{ProductIDs: products}) { ... }
//
// Every request of the API may be repeated without harm, so the client does that by itself: after a lost connection, an answer
// that makes no sense, and the statuses 408, 429 and 5xx, it waits as long as Retry-After says and a random time more, a
// bounded number of times. What the API refuses is returned at once as a *Problem.
//
// A zero value is an absent one: in requests it is left out, in answers it is what the API calls null. Only objects are
// pointers, such as a price that may be unknown. Words of an answer that this package does not know are read like any other.
//
// The end of a context ends waits and reads. A write that is under way is finished first, since its outcome would be unknown
// without its answer: that takes 30 seconds at most.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	attemptTimeout  = 30 * time.Second // the API answers or gives up before that
	firstBackoff    = 250 * time.Millisecond
	maxBackoff      = 20 * time.Second
	maxRetryAfter   = 5 * time.Minute // no longer, even if the server asks for more
	maxAnswer       = 8 << 20         // the API's answers are below 5 MiB
	defaultAttempts = 8
	defaultInFlight = 4
	jsonMedia       = "application/json"
)

// Client calls one API with one token. Its methods may be used at the same time.
type Client struct {
	base     string
	token    string
	http     *http.Client
	attempts int
	inFlight int
	items    int
	wait     func(context.Context, Retry) error
}

// Option changes what New sets.
type Option func(*Client)

// WithTransport sends requests by another transport than that of net/http, for example one that counts them.
func WithTransport(t http.RoundTripper) Option { return func(c *Client) { c.http.Transport = t } }

// WithAttempts sets how many times a request is sent, at most; 8 without it.
func WithAttempts(n int) Option { return func(c *Client) { c.attempts = max(n, 1) } }

// WithInFlight sets how many batches are sent at the same time, 4 without it.
func WithInFlight(n int) Option { return func(c *Client) { c.inFlight = max(n, 1) } }

// WithBatchItems sets how many observations a batch has, at most; BatchItems without it.
func WithBatchItems(n int) Option { return func(c *Client) { c.items = min(max(n, 1), BatchItems) } }

// WithWait replaces the wait before a request is repeated. If it returns an error, the request is not repeated.
func WithWait(wait func(context.Context, Retry) error) Option {
	return func(c *Client) { c.wait = wait }
}

// Retry is a repetition that is about to be made.
type Retry struct {
	Attempts int           // that were made
	Err      error         // why the last one was not enough
	Asked    time.Duration // what the server asks to wait for, 0 if it does not
	Backoff  time.Duration // the longest that the client adds to it, chosen at random
}

// New returns a client of the API at an address, without /v1: the stack's output ApiUrl. The gateway's own address ends with the stage, a
// domain name of ours has none. Without a token only GetHealth works.
func New(baseURL, token string, options ...Option) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%q is not an address like https://host or https://host/stage", baseURL)
	}
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the API has none
	c := &Client{
		base: strings.TrimRight(baseURL, "/"), token: token, http: &http.Client{Timeout: attemptTimeout, CheckRedirect: noRedirects},
		attempts: defaultAttempts, inFlight: defaultInFlight, items: BatchItems, wait: sleep,
	}
	for _, option := range options {
		option(c)
	}
	if c.http.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = c.inFlight
		c.http.Transport = transport
	}
	return c, nil
}

// sleep waits for a repetition, or until ctx ends.
func sleep(ctx context.Context, r Retry) error {
	timer := time.NewTimer(r.Asked + rand.N(r.Backoff+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// call makes a request, whose answer is JSON.
func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (*T, error) {
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = encode(body); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	var answer *T
	err := c.repeat(ctx, method, path, query, jsonMedia, encoded, func(r reply) error {
		answer = new(T)
		return r.decode(answer)
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// repeat makes a request, and repeats it while that may help. read takes in the answer, unless it is a refusal; an error of it
// means that the answer makes no sense. The error of the last attempt is returned.
func (c *Client) repeat(
	ctx context.Context, method, path string, query url.Values, accept string, body []byte, read func(reply) error,
) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for attempt := 1; ; attempt++ {
		r, err := c.attempt(ctx, method, path, accept, body)
		if err == nil {
			err = r.refusal()
		}
		if err == nil {
			err = read(r)
		}
		if err == nil || !retryable(err) {
			return err
		}
		if ended := c.pause(ctx, attempt, r.header, err); ended != nil {
			return fmt.Errorf("%w (%w)", err, ended)
		}
	}
}

// encode is json.Marshal, but leaves texts as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// reply is an answer whose body has been read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, method, path, accept string, body []byte) (reply, error) {
	if method != http.MethodGet {
		ctx = context.WithoutCancel(ctx) // without its answer, the outcome would be unknown
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", accept)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", jsonMedia)
	}
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

// decode reads the JSON of an answer. Into bytes it is copied as it is: no answer in JSON is bytes.
func (r reply) decode(into any) error {
	if raw, ok := into.(*[]byte); ok {
		*raw = r.body
		return nil
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("the answer of status %d makes no sense: %w: %q", r.status, err, r.beginning())
	}
	return nil
}

// beginning is enough of an answer to recognise it.
func (r reply) beginning() string {
	return strings.ToValidUTF8(string(r.body[:min(len(r.body), 200)]), "")
}

// pause waits before the next attempt: exponential backoff with full jitter, in addition to what the server asks for. An
// error says that there must be no next attempt.
func (c *Client) pause(ctx context.Context, attempts int, header http.Header, why error) error {
	if attempts >= c.attempts {
		return fmt.Errorf("given up after %d attempts", attempts)
	}
	if err := c.wait(ctx, Retry{
		Attempts: attempts, Err: why,
		Asked: min(retryAfter(header), maxRetryAfter), Backoff: min(firstBackoff<<min(attempts-1, 10), maxBackoff),
	}); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// retryAfter reads both forms of Retry-After, seconds and a date. Anything else is 0. A date is taken by the server's clock, as
// ours may differ.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(at.Sub(now), 0)
}

// set adds a parameter to q, unless it has its zero value.
func set(q url.Values, name string, value any) {
	text := fmt.Sprint(value)
	switch v := value.(type) {
	case *bool:
		if v == nil {
			return
		}
		text = strconv.FormatBool(*v)
	case time.Time:
		if v.IsZero() {
			return
		}
		text = v.Format(time.RFC3339Nano)
	default:
		if text == "" || text == "0" || text == "false" {
			return
		}
	}
	q.Set(name, text)
}

// retryable says whether the same request may succeed later. An error that is no Problem is a lost or foreign answer.
func retryable(err error) bool {
	p, ok := errors.AsType[*Problem](err)
	return !ok || p.Retryable()
}
