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

	"pricing/client"
)

// step is one thing that must hold. It returns what was seen, in a few words.
type step struct {
	name    string
	gateway bool // the answer is the gateway's own
	do      func(context.Context, *checker) (seen string, err error)
}

// checker is what the steps share.
type checker struct {
	api      *client.Client
	anyone   *client.Client // has no token
	http     *http.Client   // for requests that the client would not make
	base     string
	token    string
	commit   string
	emulator bool
	attempts int
	now      func() time.Time
	seller   string // of the offer that is written

	sent client.Submission // what is written
	id   string            // its observationId
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
	{"catalogue", false, catalogue},
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

// patience repeats what the service says is to be repeated, after a second, then two and so on: no fault of it stays unseen.
func patience(ctx context.Context, r client.Retry) error {
	if p, ok := errors.AsType[*client.Problem](r.Err); ok && !busy(p.Status) {
		return errors.New("which is not repeated")
	}
	select {
	case <-time.After(max(time.Duration(r.Attempts)*time.Second, r.Asked)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// call sends a request, and repeats it while the service cannot be reached or says that it is busy.
func (c *checker) call(ctx context.Context, method, path, authorization, body string) (answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.once(ctx, method, path, authorization, body)
		if err == nil && !busy(a.status) {
			return a, nil
		}
		if err == nil {
			err = fmt.Errorf("%s %s answered %d: %.300s", method, path, a.status, a.body)
		}
		if attempt == c.attempts {
			return answer{}, fmt.Errorf("after %d attempts: %w", attempt, err)
		}
		if ended := patience(ctx, client.Retry{Attempts: attempt}); ended != nil {
			return answer{}, errors.Join(ended, err)
		}
	}
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

func health(ctx context.Context, c *checker) (string, error) {
	h, err := c.anyone.GetHealth(ctx)
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

// catalogue reads a page of the catalogue, whatever is in it: the index and the right to query it are the table's last part.
func catalogue(ctx context.Context, c *checker) (string, error) {
	page, err := c.api.ListProducts(ctx, client.ListProductsParams{Limit: 1})
	if err != nil {
		return "", err
	}
	return strconv.Itoa(len(page.Products)) + " products", nil
}

// refused is a step that must be refused with a problem document.
func refused(method, path, authorization, body string, status int, code string) func(context.Context, *checker) (string, error) {
	return func(ctx context.Context, c *checker) (string, error) {
		a, err := c.call(ctx, method, path, authorization, body)
		if err != nil {
			return "", err
		}
		if a.status != status {
			return "", fmt.Errorf("status %d, not %d: %.300s", a.status, status, a.body)
		}
		if c.emulator {
			return fmt.Sprintf("%d, its form is not checked", a.status), nil
		}
		var p client.Problem
		err = json.Unmarshal(a.body, &p)
		kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		switch {
		case err != nil:
			return "", fmt.Errorf("the answer is no JSON: %w: %.300s", err, a.body)
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

func write(ctx context.Context, c *checker) (string, error) {
	c.sent = client.Submission{
		ProductID: product, CompetitorID: "self-check", SellerID: c.seller, Availability: client.AvailabilityInStock,
		Price: &client.Money{Amount: "1.00", Currency: "EUR"}, Source: client.Source{ID: "smoke", Kind: client.SourceKindManual},
		ObservedAt: c.now().UTC().Truncate(time.Millisecond),
	}
	r, err := c.api.RecordObservation(ctx, client.RecordObservationParams{}, c.sent)
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
	r, err := c.api.RecordObservation(ctx, client.RecordObservationParams{}, c.sent)
	if err != nil {
		return "", err
	}
	if r.Outcome != "duplicate" || r.ObservationID != c.id {
		return "", fmt.Errorf("the outcome is %q of %s, not duplicate of %s", r.Outcome, r.ObservationID, c.id)
	}
	return r.Outcome, nil
}

func readBack(ctx context.Context, c *checker) (string, error) {
	page, err := c.api.ListOffers(ctx, product, client.ListOffersParams{CompetitorID: "self-check", SellerID: c.seller})
	switch {
	case err != nil:
		return "", err
	case len(page.Offers) != 1:
		return "", fmt.Errorf("there are %d offers of %s, not one", len(page.Offers), c.seller)
	}
	offer := page.Offers[0]
	switch {
	case offer.ObservationID == c.id:
		return c.id + " of " + c.seller, nil
	case offer.ObservedAt.After(c.sent.ObservedAt): // by a run at the same time, or one whose clock was ahead
		return offer.ObservationID + " of " + c.seller + ", which is newer", nil
	}
	return "", fmt.Errorf("the offer of %s is %s, not %s", c.seller, offer.ObservationID, c.id)
}
