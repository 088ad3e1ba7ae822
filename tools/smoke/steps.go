package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// step is one thing that must hold. It returns what was seen, in a few words.
type step struct {
	name    string
	gateway bool // the answer is the gateway's own
	do      func(context.Context, *checker) (seen string, err error)
}

// checker is what the steps share.
type checker struct {
	http     *http.Client
	base     string
	token    string
	commit   string
	emulator bool
	attempts int
	now      func() time.Time
	seller   string // of the offer that is written

	written string // observedAt of the write
	id      string // its observationId
	body    string
}

const (
	product = "self-check-smoke"
	sellers = 60 // of its offers
)

var steps = []step{
	{"health", false, health},
	{"no token", true, refused(http.MethodGet, "/v1/competitors", "", "", http.StatusUnauthorized, "unauthorized")},
	{"unknown token", true, refused(http.MethodGet, "/v1/competitors", "Bearer cpi_nobody", "", http.StatusUnauthorized, "unauthorized")},
	{"wrong scope", true, refused(http.MethodPut, "/v1/competitors/self-check", own, competitor, http.StatusForbidden, "forbidden")},
	{"bad body", true, refused(http.MethodPost, "/v1/observations", own, `{"price":`, http.StatusBadRequest, "malformed-json")},
	{"unknown route", true, refused(http.MethodGet, "/v1/nothing-here", own, "", http.StatusForbidden, "forbidden")},
	{"write", false, write},
	{"the same write again", false, again},
	{"read back", false, readBack},
}

const (
	own        = "own" // stands for the token of the checker
	competitor = `{"name":"x","kind":"retailer"}`
)

type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request, and repeats it while the service cannot be reached or says that it is busy.
func (c *checker) call(ctx context.Context, method, path, authorization, body string) (answer, error) {
	var last error
	for attempt := range c.attempts {
		if attempt > 0 {
			select {
			case <-time.After(time.Duration(attempt) * time.Second):
			case <-ctx.Done():
				return answer{}, errors.Join(ctx.Err(), last)
			}
		}
		a, err := c.once(ctx, method, path, authorization, body)
		if err == nil && a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable {
			return a, nil
		}
		if last = err; err == nil {
			last = fmt.Errorf("%s %s answered %d: %.300s", method, path, a.status, a.body)
		}
	}
	return answer{}, fmt.Errorf("after %d attempts: %w", c.attempts, last)
}

func (c *checker) once(ctx context.Context, method, path, authorization, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return answer{}, err
	}
	switch authorization {
	case "":
	case own:
		req.Header.Set("Authorization", "Bearer "+c.token)
	default:
		req.Header.Set("Authorization", authorization)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer{resp.StatusCode, resp.Header, b}, err
}

// want reads an answer that must have one of the statuses.
func want[T any](a answer, statuses ...int) (T, error) {
	var v T
	for _, status := range statuses {
		if a.status == status {
			if err := json.Unmarshal(a.body, &v); err != nil {
				return v, fmt.Errorf("the answer is no JSON: %w: %.300s", err, a.body)
			}
			return v, nil
		}
	}
	return v, fmt.Errorf("status %d, not %v: %.300s", a.status, statuses, a.body)
}

func health(ctx context.Context, c *checker) (string, error) {
	a, err := c.call(ctx, http.MethodGet, "/v1/health", "", "")
	if err != nil {
		return "", err
	}
	h, err := want[struct{ Status, Version, Environment string }](a, http.StatusOK)
	switch {
	case err != nil:
		return "", err
	case h.Status != "ok":
		return "", fmt.Errorf("status is %q", h.Status)
	case h.Version != c.commit:
		return "", fmt.Errorf("version is %s, not %s: another build is deployed", h.Version, c.commit)
	}
	return h.Environment + " " + h.Version, nil
}

// refused is a step that must be refused with a problem document.
func refused(method, path, authorization, body string, status int, code string) func(context.Context, *checker) (string, error) {
	return func(ctx context.Context, c *checker) (string, error) {
		a, err := c.call(ctx, method, path, authorization, body)
		if err != nil {
			return "", err
		}
		if c.emulator {
			if a.status != status {
				return "", fmt.Errorf("status %d, not %d: %.300s", a.status, status, a.body)
			}
			return fmt.Sprintf("%d, its form is not checked", a.status), nil
		}
		p, err := want[struct {
			Type     string
			Status   int
			Instance string
		}](a, status)
		kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		switch {
		case err != nil:
			return "", err
		case kind != "application/problem+json":
			return "", fmt.Errorf("Content-Type is %q, not application/problem+json: %.300s", kind, a.body)
		case p.Type != "urn:problem-type:pricing:"+code:
			return "", fmt.Errorf("the problem is %q, not %s", p.Type, code)
		case p.Status != status && p.Status != 0 || p.Instance == "": // the gateway's for several statuses names none
			return "", fmt.Errorf("the problem has status %d and instance %q", p.Status, p.Instance)
		case a.header.Get("X-Request-Id") != p.Instance:
			return "", fmt.Errorf("x-request-id is %q, not the problem's instance", a.header.Get("X-Request-Id"))
		}
		return strconv.Itoa(status) + " " + code, nil
	}
}

type result struct {
	Outcome       string `json:"outcome"`
	ObservationID string `json:"observationId"`
}

func write(ctx context.Context, c *checker) (string, error) {
	c.written = c.now().UTC().Format("2006-01-02T15:04:05.000Z")
	c.body = fmt.Sprintf(`{"productId":%q,"competitorId":"self-check","sellerId":%q,"availability":"InStock",`+
		`"price":{"amount":"1.00","currency":"EUR"},"source":{"id":"smoke","kind":"manual"},"observedAt":%q}`, product, c.seller, c.written)
	a, err := c.call(ctx, http.MethodPost, "/v1/observations", own, c.body)
	if err != nil {
		return "", err
	}
	r, err := want[result](a, http.StatusCreated, http.StatusOK)
	if err != nil {
		return "", err
	}
	switch r.Outcome {
	case "created", "changed", "unchanged":
	case "duplicate": // the first attempt was stored, but its answer was lost
	case "late": // the clock of an earlier smoke test was ahead of this one
	default:
		return "", fmt.Errorf("the outcome is %q", r.Outcome)
	}
	c.id = r.ObservationID
	return r.Outcome + " " + c.id, nil
}

func again(ctx context.Context, c *checker) (string, error) {
	a, err := c.call(ctx, http.MethodPost, "/v1/observations", own, c.body)
	if err != nil {
		return "", err
	}
	r, err := want[result](a, http.StatusOK)
	if err == nil && (r.Outcome != "duplicate" || r.ObservationID != c.id) {
		err = fmt.Errorf("the outcome is %q of %s, not duplicate of %s", r.Outcome, r.ObservationID, c.id)
	}
	return r.Outcome, err
}

func readBack(ctx context.Context, c *checker) (string, error) {
	a, err := c.call(ctx, http.MethodGet, "/v1/products/"+product+"/offers?competitorId=self-check&sellerId="+c.seller, own, "")
	if err != nil {
		return "", err
	}
	page, err := want[struct {
		Offers []struct{ ObservationID, ObservedAt string }
	}](a, http.StatusOK)
	switch {
	case err != nil:
		return "", err
	case len(page.Offers) != 1:
		return "", fmt.Errorf("there are %d offers of %s, not one: %.300s", len(page.Offers), c.seller, a.body)
	}
	offer := page.Offers[0]
	switch {
	case offer.ObservationID == c.id:
		return c.id + " of " + c.seller, nil
	case offer.ObservedAt > c.written: // by a run at the same time, or one whose clock was ahead
		return offer.ObservationID + " of " + c.seller + ", which is newer", nil
	}
	return "", fmt.Errorf("the offer of %s is %s, not %s: %.300s", c.seller, offer.ObservationID, c.id, a.body)
}
