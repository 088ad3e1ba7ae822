package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/client"
)

// answer is what a server says once.
type answer struct {
	status     int
	retryAfter string
	body       string
	lost       bool // the connection is closed instead
}

// request is what a server was sent.
type request struct {
	method, path, authorization, contentType, body, accept string
}

// server answers the n-th request, from 1, as a test wants, and remembers what it was sent.
type server struct {
	*httptest.Server
	mu  sync.Mutex
	got []request
}

// now is the time of the server, which is not ours.
var now = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func serve(t *testing.T, respond func(n int, r request) answer) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if !assert.NoError(t, err) {
			return
		}
		one := request{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body),
			r.Header.Get("Accept")}
		s.mu.Lock()
		s.got = append(s.got, one)
		n := len(s.got)
		s.mu.Unlock()
		a := respond(n, one)
		if a.lost {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Date", now.Format(http.TimeFormat))
		w.Header().Set("X-Request-Id", fmt.Sprintf("request-%d", n))
		if a.retryAfter != "" {
			w.Header().Set("Retry-After", a.retryAfter)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	return s
}

// script answers one after the other.
func script(t *testing.T, answers ...answer) *server {
	t.Helper()
	return serve(t, func(n int, _ request) answer {
		if !assert.LessOrEqual(t, n, len(answers), "a request too many") {
			return answer{status: 418}
		}
		return answers[n-1]
	})
}

func (s *server) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.got...)
}

// waits are the waits of a client, none of which takes any time.
type waits struct {
	mu   sync.Mutex
	list [][2]time.Duration // what the server asked for, and the longest that the client adds
	why  []string
}

func (w *waits) wait(ctx context.Context, r client.Retry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, [2]time.Duration{r.Asked, r.Backoff})
	w.why = append(w.why, fmt.Sprint(r.Attempts, " ", r.Err))
	return context.Cause(ctx)
}

func connect(t *testing.T, s *server, options ...client.Option) (*client.Client, *waits) {
	t.Helper()
	w := &waits{}
	c, err := client.New(s.URL+"/", "secret", append([]client.Option{client.WithWait(w.wait)}, options...)...)
	require.NoError(t, err)
	return c, w
}

const (
	healthy = `{"status":"ok","version":"1","environment":"dev","limits":{"batchItems":500}}`
	busy    = `{"type":"urn:problem-type:pricing:throttled","title":"Try again","status":503,"instance":"id-7","errors":[]}`
)

func TestCall_Repeats(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	long := healthy + strings.Repeat(" ", 8<<20-len(healthy))
	tests := map[string]struct {
		answers []answer
		want    [][2]time.Duration
	}{
		"a lost connection": {[]answer{{lost: true}}, [][2]time.Duration{{0, 250 * ms}}},
		"too many requests": {[]answer{{429, "1", busy, false}}, [][2]time.Duration{{time.Second, 250 * ms}}},
		"busy, twice": {[]answer{{503, "7", busy, false}, {503, "", "", false}},
			[][2]time.Duration{{7 * time.Second, 250 * ms}, {0, 500 * ms}}},
		"a request too slow": {[]answer{{408, "", "", false}}, [][2]time.Duration{{0, 250 * ms}}},
		"a fault": {[]answer{{500, "", `{}`, false}, {502, "", "<html>", false}, {504, "", "", false}},
			[][2]time.Duration{{0, 250 * ms}, {0, 500 * ms}, {0, time.Second}}},
		"a date by the server's clock": {[]answer{{503, now.Add(30 * time.Second).Format(http.TimeFormat), "", false}},
			[][2]time.Duration{{30 * time.Second, 250 * ms}}},
		"a date that is past": {[]answer{{503, now.Add(-time.Hour).Format(http.TimeFormat), "", false}}, [][2]time.Duration{{0, 250 * ms}}},
		"too long a wait":     {[]answer{{503, "86400", "", false}}, [][2]time.Duration{{5 * time.Minute, 250 * ms}}},
		"no wait at all":      {[]answer{{503, "soon", "", false}, {503, "-1", "", false}}, [][2]time.Duration{{0, 250 * ms}, {0, 500 * ms}}},
		"a success that is not the API's": {[]answer{{200, "", "<html>", false}, {204, "", "", false}, {200, "", `{"status":`, false}},
			[][2]time.Duration{{0, 250 * ms}, {0, 500 * ms}, {0, time.Second}}},
		"an answer too long":         {[]answer{{200, "", long + " ", false}}, [][2]time.Duration{{0, 250 * ms}}},
		"an answer not yet too long": {[]answer{{503, "", long, false}}, [][2]time.Duration{{0, 250 * ms}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script(t, append(tt.answers, answer{status: 200, body: healthy})...)
			c, w := connect(t, s)
			h, err := c.GetHealth(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "ok", h.Status)
			assert.Equal(t, tt.want, w.list)
			assert.Len(t, s.requests(), len(tt.answers)+1)
		})
	}
	t.Run("a date by our clock, if the server tells no time", func(t *testing.T) {
		t.Parallel()
		first := true
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if !first {
				_, _ = io.WriteString(w, healthy)
				return
			}
			first = false
			w.Header()["Date"] = nil
			w.Header().Set("Retry-After", now.Format(http.TimeFormat)) // long ago
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		defer s.Close()
		c, w := connect(t, &server{Server: s})
		_, err := c.GetHealth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, [][2]time.Duration{{0, 250 * ms}}, w.list)
	})
	t.Run("a write, with the same body", func(t *testing.T) {
		t.Parallel()
		s := script(t, answer{lost: true}, answer{status: 503}, answer{status: 201, body: `{"name":"A & B"}`})
		c, _ := connect(t, s)
		_, err := c.PutCompetitor(t.Context(), "a-b", client.CompetitorSettings{Name: "A & B", Kind: client.CompetitorSettingsKindRetailer})
		require.NoError(t, err)
		want := request{"PUT", "/v1/competitors/a-b", "Bearer secret", "application/json", `{"kind":"retailer","name":"A & B"}`,
			"application/json"}
		assert.Equal(t, []request{want, want, want}, s.requests())
	})
}

func TestCall_GivesUp(t *testing.T) {
	t.Parallel()
	s := serve(t, func(int, request) answer { return answer{status: 503, body: busy} })
	c, w := connect(t, s, client.WithAttempts(9))
	_, err := c.GetHealth(t.Context())
	p, ok := errors.AsType[*client.Problem](err)
	require.True(t, ok, err)
	assert.Equal(t, "throttled", p.Code())
	require.EqualError(t, err, "503 Service Unavailable: throttled: Try again (request id-7) (given up after 9 attempts)")
	var backoffs []time.Duration
	for _, one := range w.list {
		backoffs = append(backoffs, one[1])
	}
	assert.Equal(t, []time.Duration{250e6, 500e6, 1e9, 2e9, 4e9, 8e9, 16e9, 20e9}, backoffs)
	assert.Equal(t, "8 503 Service Unavailable: throttled: Try again (request id-7)", w.why[7])
	assert.Len(t, s.requests(), 9)
}

// TestCall_SaysWhy: the error of the last attempt is what has happened.
func TestCall_SaysWhy(t *testing.T) {
	t.Parallel()
	for want, respond := range map[string]http.HandlerFunc{
		": EOF (given up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"read the answer: unexpected EOF (": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, healthy)
		},
		"the answer is longer than 8388608 bytes (": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 8<<20+1))
		},
		`the answer of status 202 makes no sense: invalid character '<' looking for beginning of value: "<html>" (`: func(
			w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "<html>")
		},
		"503 Service Unavailable: {} (": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "{}")
		},
	} {
		s := httptest.NewServer(respond)
		defer s.Close()
		c, _ := connect(t, &server{Server: s}, client.WithAttempts(2))
		_, err := c.GetHealth(t.Context())
		require.ErrorContains(t, err, want)
	}
}

func TestWithAttempts(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{-1: 1, 0: 1, 1: 1, 2: 2} {
		s := serve(t, func(int, request) answer { return answer{status: 503} })
		c, _ := connect(t, s, client.WithAttempts(n))
		_, err := c.GetHealth(t.Context())
		require.Error(t, err)
		assert.Len(t, s.requests(), want)
	}
}

func TestCall_WaitRefuses(t *testing.T) {
	t.Parallel()
	s := script(t, answer{status: 503, body: busy})
	c, _ := connect(t, s, client.WithWait(func(context.Context, client.Retry) error { return errors.New("no patience") }))
	_, err := c.GetHealth(t.Context())
	require.EqualError(t, err, "503 Service Unavailable: throttled: Try again (request id-7) (no patience)")
}

func TestCall_Refused(t *testing.T) {
	t.Parallel()
	refusal := `{"type":"urn:problem-type:pricing:unknown-product","title":"Unknown product","status":404,"detail":"There is none.",` +
		`"instance":"id-1","errors":[{"pointer":"/path/productId","code":"unknown-product","detail":"D."}],"new":1}`
	for _, status := range []int{300, 400, 401, 403, 404, 406, 409, 410, 412, 413, 415, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			c, w := connect(t, script(t, answer{status: status, body: refusal}))
			page, err := c.ListOffers(t.Context(), "X", client.ListOffersParams{})
			assert.Nil(t, page)
			p, ok := errors.AsType[*client.Problem](err)
			require.True(t, ok, err)
			assert.Equal(t, status, p.Status, "that of the answer, whatever the document says")
			assert.Equal(t, "unknown-product", p.Code())
			assert.Equal(t, "id-1", p.RequestID())
			assert.Equal(t, []client.FieldError{{Code: "unknown-product", Detail: "D.", Pointer: "/path/productId"}}, p.Errors)
			require.ErrorContains(t, err, ": unknown-product: Unknown product. There is none. (request id-1)")
			assert.False(t, p.Retryable())
			assert.Empty(t, w.list)
		})
	}
	t.Run("by what is no problem document", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t, answer{status: 413, body: `{"message":"Request Too Long"}`}))
		_, err := c.GetHealth(t.Context())
		p, ok := errors.AsType[*client.Problem](err)
		require.True(t, ok, err)
		assert.Equal(t, &client.Problem{Type: "about:blank", Title: "Request Entity Too Large", Status: 413, Instance: "request-1",
			Detail: `{"message":"Request Too Long"}`, Errors: []client.FieldError{}}, p)
		assert.Empty(t, p.Code())
	})
	t.Run("a redirect is not followed", func(t *testing.T) {
		t.Parallel()
		elsewhere := httptest.NewServer(http.RedirectHandler("/v1/else", http.StatusFound))
		defer elsewhere.Close()
		c, _ := connect(t, &server{Server: elsewhere})
		_, err := c.GetHealth(t.Context())
		require.ErrorContains(t, err, "302 Found")
	})
	t.Run("here, if it cannot be sent", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t))
		_, err := c.RecordObservation(t.Context(), client.RecordObservationParams{},
			client.Submission{ObservedAt: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)})
		require.ErrorContains(t, err, "encode the request: ")
	})
}

func TestCall_Context(t *testing.T) {
	t.Parallel()
	settings := client.CompetitorSettings{Name: "A", Kind: client.CompetitorSettingsKindRetailer}
	t.Run("a write under way is finished", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		c, _ := connect(t, serve(t, func(int, request) answer {
			cancel()
			return answer{status: 201, body: `{"name":"A"}`}
		}))
		stored, err := c.PutCompetitor(ctx, "a", settings)
		require.NoError(t, err)
		assert.Equal(t, "A", stored.Name)
	})
	t.Run("but not repeated", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(int, request) answer {
			cancel()
			return answer{status: 503, body: busy}
		})
		c, _ := connect(t, s)
		_, err := c.PutCompetitor(ctx, "a", settings)
		require.ErrorIs(t, err, context.Canceled)
		p, ok := errors.AsType[*client.Problem](err)
		require.True(t, ok, "and the last answer is told")
		assert.Equal(t, 503, p.Status)
		assert.Len(t, s.requests(), 1)
	})
	t.Run("not even by a wait that does not look at it", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(int, request) answer { return answer{status: 503} })
		c, _ := connect(t, s, client.WithWait(func(context.Context, client.Retry) error { cancel(); return nil }))
		_, err := c.GetHealth(ctx)
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, s.requests(), 1)
	})
	t.Run("a read under way is cut off", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		c, _ := connect(t, script(t), client.WithTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			cancel()
			require.Error(t, r.Context().Err())
			return nil, r.Context().Err()
		})))
		_, err := c.GetHealth(ctx)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("nothing is sent after its end", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		s := script(t)
		c, _ := connect(t, s)
		_, err := c.PutCompetitor(ctx, "a", settings)
		require.EqualError(t, err, "enough")
		assert.Empty(t, s.requests())
	})
}

// TestCall_Parameters: names and values arrive as they are, and what is zero is left out.
func TestCall_Parameters(t *testing.T) {
	t.Parallel()
	s := serve(t, func(int, request) answer { return answer{status: 200, body: `{}`} })
	c, _ := connect(t, s)
	ctx := t.Context()
	_, err := c.ListOffers(ctx, "a/b?c#d e%", client.ListOffersParams{})
	require.NoError(t, err)
	_, err = c.ListOffers(ctx, "X", client.ListOffersParams{SellerID: "A&B=ü+", IncludeStale: new(bool), InStock: true, Limit: 200,
		Sort: client.ListOffersParamsSortObservedAt, ItemCondition: client.ItemConditionUsed})
	require.NoError(t, err)
	_, err = c.ListHistory(ctx, "X", client.ListHistoryParams{
		From: time.Date(2026, 7, 6, 9, 14, 3, 120e6, time.FixedZone("", 7200)), View: client.ListHistoryParamsViewRaw, Cursor: "a-_"})
	require.NoError(t, err)
	_, err = c.RecordObservation(ctx, client.RecordObservationParams{DryRun: true}, client.Submission{
		ProductID: "X", CompetitorID: "bigmart", Availability: client.AvailabilitySoldOut, ObservedAt: now,
		Shipping: &client.Money{Amount: "0.00", Currency: "USD"}, Source: client.Source{ID: "a", Kind: client.SourceKindFeed},
	})
	require.NoError(t, err)
	got := s.requests()
	assert.Equal(t, "/v1/products/a%2Fb%3Fc%23d%20e%25/offers", got[0].path)
	assert.Equal(t, "/v1/products/X/offers?inStock=true&includeStale=false&itemCondition=Used&limit=200&"+
		"sellerId=A%26B%3D%C3%BC%2B&sort=observedAt", got[1].path)
	assert.Equal(t, "/v1/products/X/history?cursor=a-_&from=2026-07-06T09%3A14%3A03.12%2B02%3A00&view=raw", got[2].path)
	assert.Equal(t, "/v1/observations?dryRun=true", got[3].path)
	assert.JSONEq(t, `{"productId":"X","competitorId":"bigmart","availability":"SoldOut","price":null,"observedAt":"2020-01-01T00:00:00Z",
		"shipping":{"amount":"0.00","currency":"USD"},"source":{"id":"a","kind":"feed"}}`, got[3].body)
	assert.Empty(t, got[0].contentType)
}

// TestPlotHistory: a picture comes as it was sent, and a refusal is a problem like any other.
func TestPlotHistory(t *testing.T) {
	t.Parallel()
	s := serve(t, func(n int, _ request) answer {
		if n == 1 {
			return answer{status: 200, body: "<svg/>\n"}
		}
		return answer{status: 404, body: `{"type":"urn:problem-type:pricing:unknown-product","status":404}`}
	})
	c, _ := connect(t, s)
	picture, err := c.PlotHistory(t.Context(), "a/b", client.PlotHistoryParams{Width: 320})
	require.NoError(t, err)
	assert.Equal(t, "<svg/>\n", string(picture))
	assert.Equal(t, "/v1/products/a%2Fb/history.svg?width=320", s.requests()[0].path)
	_, err = c.PlotHistory(t.Context(), "NOPE", client.PlotHistoryParams{})
	var problem *client.Problem
	require.ErrorAs(t, err, &problem)
	assert.Equal(t, 404, problem.Status)
}

// TestCall_EveryParameter: each field of the parameters arrives under its name.
func TestCall_EveryParameter(t *testing.T) {
	t.Parallel()
	s := serve(t, func(int, request) answer { return answer{status: 200, body: `{}`} })
	c, _ := connect(t, s)
	offers, history, competitors := client.ListOffersParams{}, client.ListHistoryParams{}, client.ListCompetitorsParams{}
	picture := client.PlotHistoryParams{}
	record, batch := client.RecordObservationParams{}, client.RecordObservationsParams{}
	for params, send := range map[any]func() error{
		&offers:      func() error { _, err := c.ListOffers(t.Context(), "X", offers); return err },
		&history:     func() error { _, err := c.ListHistory(t.Context(), "X", history); return err },
		&picture:     func() error { _, err := c.PlotHistory(t.Context(), "X", picture); return err },
		&competitors: func() error { _, err := c.ListCompetitors(t.Context(), competitors); return err },
		&record:      func() error { _, err := c.RecordObservation(t.Context(), record, client.Submission{}); return err },
		&batch: func() error {
			for _, err := range c.StreamObservations(t.Context(), batch, slices.Values(raw(1))) {
				return err
			}
			return nil
		},
	} {
		var want []string
		v := reflect.ValueOf(params).Elem()
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			text := "7"
			switch field := v.Field(i); field.Interface().(type) {
			case int:
				field.SetInt(7)
			case bool:
				field.SetBool(true)
				text = "true"
			case *bool:
				field.Set(reflect.ValueOf(new(true)))
				text = "true"
			case time.Time:
				field.Set(reflect.ValueOf(now))
				text = now.Format(time.RFC3339)
			default:
				field.SetString("7")
			}
			want = append(want, name+"="+text)
		}
		before := len(s.requests())
		err := send()
		if params != &batch { // whose answer makes no sense here
			require.NoError(t, err)
		}
		asked, err := url.Parse(s.requests()[before].path)
		require.NoError(t, err)
		var got []string
		for name, values := range asked.Query() {
			got = append(got, name+"="+strings.Join(values, " and "))
		}
		assert.ElementsMatch(t, want, got)
	}
}

func TestProblem_Error(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]client.Problem{
		"503 Service Unavailable":                     {Status: 503},
		"422 Unprocessable Entity: a-code":            {Status: 422, Type: "urn:problem-type:pricing:a-code"},
		"422 Unprocessable Entity: T.":                {Status: 422, Type: "about:blank", Title: "T."},
		"422 Unprocessable Entity: D.":                {Status: 422, Type: "https://other/type:x", Detail: "D."},
		"404 Not Found: D.":                           {Status: 404, Title: "Not Found", Detail: "D."},
		"409 Conflict: Conflicting observation. D.":   {Status: 409, Title: "Conflicting observation", Detail: "D."},
		"404 Not Found: a: T. D. (request id-1)":      {Status: 404, Type: "urn:a", Title: "T.", Detail: "D.", Instance: "id-1"},
		"500 Internal Server Error (request id-1)":    {Status: 500, Instance: "id-1"},
		"429 Too Many Requests: throttled: Slow down": {Status: 429, Type: "urn:problem-type:pricing:throttled", Title: "Slow down"},
	} {
		assert.EqualError(t, &p, want)
	}
}

// TestCall_Open: an API that has learned new words and members is still understood.
func TestCall_Open(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, script(t, answer{status: 200, body: `{"productId":"X","next":null,"new":[1],"offers":[{"competitorId":"bigmart",
		"sellerId":null,"itemCondition":"Rented","audience":"robots","region":null,"availability":"OnTheMoon","price":null,
		"shipping":{"amount":"0.00","currency":"USD","new":true},"landed":null,"listPrice":null,"priceType":"guess","promotion":null,
		"previousPrice":null,"observedAt":"2026-07-06T09:14:03.000Z","staleAt":null,"stale":false,
		"source":{"id":"a","confidence":null,"kind":"dream"},"new":{"a":{}}}]}`}))
	page, err := c.ListOffers(t.Context(), "X", client.ListOffersParams{})
	require.NoError(t, err)
	require.Len(t, page.Offers, 1)
	assert.Empty(t, page.Next)
	offer := page.Offers[0]
	assert.Equal(t, client.Availability("OnTheMoon"), offer.Availability)
	assert.Equal(t, client.ItemCondition("Rented"), offer.ItemCondition)
	assert.Equal(t, client.Audience("robots"), offer.Audience)
	assert.Equal(t, client.PriceType("guess"), offer.PriceType)
	assert.Nil(t, offer.Price)
	assert.Equal(t, &client.Money{Amount: "0.00", Currency: "USD"}, offer.Shipping)
	assert.True(t, offer.StaleAt.IsZero())
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost", "localhost:3000", "ftp://host", "http://", "http://host?a=b", "http://host#a", "://"} {
		_, err := client.New(address, "secret")
		require.ErrorContains(t, err, "is not an address like https://host or https://host/stage", address)
	}
	t.Run("a stage, and no token", func(t *testing.T) {
		s := serve(t, func(int, request) answer { return answer{status: 200, body: healthy} })
		c, err := client.New(s.URL+"/dev/", "")
		require.NoError(t, err)
		_, err = c.GetHealth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []request{{method: "GET", path: "/dev/v1/health", accept: "application/json"}}, s.requests())
	})
	t.Run("another transport", func(t *testing.T) {
		var seen []string
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.URL.String())
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(healthy))}, nil
		})
		c, err := client.New("https://prices.example", "", client.WithTransport(transport))
		require.NoError(t, err)
		_, err = c.GetHealth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"https://prices.example/v1/health"}, seen)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPages(t *testing.T) {
	t.Parallel()
	offers := func(next string, ids ...string) answer {
		page := map[string]any{"productId": "X", "offers": []any{}, "next": nil}
		if next != "" {
			page["next"] = next
		}
		for _, id := range ids {
			page["offers"] = append(page["offers"].([]any), map[string]any{"competitorId": id})
		}
		text, err := json.Marshal(page)
		require.NoError(t, err)
		return answer{status: 200, body: string(text)}
	}
	read := func(c *client.Client, params client.ListOffersParams, most int) (ids []string, err error) {
		for offer, err := range c.Offers(t.Context(), "X", params) {
			if err != nil {
				return ids, err
			}
			if ids = append(ids, offer.CompetitorID); len(ids) == most {
				break
			}
		}
		return ids, nil
	}
	t.Run("all, also behind a page without rows", func(t *testing.T) {
		t.Parallel()
		s := script(t, offers("p2", "a", "b"), offers("p3"), answer{status: 503}, offers("", "c"))
		c, _ := connect(t, s)
		ids, err := read(c, client.ListOffersParams{InStock: true}, -1)
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "c"}, ids)
		var paths []string
		for _, r := range s.requests() {
			_, query, _ := strings.Cut(r.path, "?")
			paths = append(paths, query)
		}
		assert.Equal(t, []string{"inStock=true", "cursor=p2&inStock=true", "cursor=p3&inStock=true", "cursor=p3&inStock=true"}, paths)
	})
	t.Run("again from the start", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t, offers("p2", "a"), offers("", "b"), offers("", "c")))
		all := c.Offers(t.Context(), "X", client.ListOffersParams{})
		var ids []string
		for range 2 {
			for offer, err := range all {
				require.NoError(t, err)
				ids = append(ids, offer.CompetitorID)
			}
		}
		assert.Equal(t, []string{"a", "b", "c"}, ids)
	})
	t.Run("no page that nobody asks for", func(t *testing.T) {
		t.Parallel()
		s := script(t, offers("p2", "a", "b"))
		c, _ := connect(t, s)
		ids, err := read(c, client.ListOffersParams{}, 2)
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b"}, ids)
	})
	t.Run("an error is the last", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t, offers("p2", "a"), answer{status: 410}))
		ids, err := read(c, client.ListOffersParams{}, -1)
		require.ErrorContains(t, err, "410 Gone")
		assert.Equal(t, []string{"a"}, ids)
	})
	t.Run("not the same page for ever", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t, offers("p2", "a"), offers("p2", "b")))
		_, err := read(c, client.ListOffersParams{}, -1)
		require.ErrorContains(t, err, "same page")
	})
	t.Run("days", func(t *testing.T) {
		t.Parallel()
		s := script(t,
			answer{status: 200, body: `{"days":[{"date":"2026-07-06"}],"next":"p2"}`}, answer{status: 200, body: `{"days":[],"next":"p3"}`},
			answer{status: 200, body: `{"days":[{"date":"2026-07-05"}],"next":null}`}, answer{status: 404})
		c, _ := connect(t, s)
		var dates []string
		for day, err := range c.HistoryDays(t.Context(), "X", client.ListHistoryParams{Limit: 2}) {
			require.NoError(t, err)
			dates = append(dates, day.Date)
		}
		assert.Equal(t, []string{"2026-07-06", "2026-07-05"}, dates)
		assert.Equal(t, "/v1/products/X/history?cursor=p3&limit=2&view=daily", s.requests()[2].path)
		for _, err := range c.HistoryDays(t.Context(), "X", client.ListHistoryParams{}) {
			require.ErrorContains(t, err, "404")
		}
	})
	t.Run("history, competitors and products", func(t *testing.T) {
		t.Parallel()
		c, _ := connect(t, script(t,
			answer{status: 200, body: `{"observations":[{"observationId":"1"}],"next":"p2"}`},
			answer{status: 200, body: `{"observations":[{"observationId":"2"}],"next":null}`},
			answer{status: 200, body: `{"competitors":[{"competitorId":"a"}],"next":"p2"}`},
			answer{status: 200, body: `{"competitors":[{"competitorId":"b"}]}`},
			answer{status: 200, body: `{"products":[],"next":"p2"}`},
			answer{status: 200, body: `{"products":[{"productId":"c","catalogued":true}],"next":null}`},
			answer{status: 403}, answer{status: 403}, answer{status: 403}))
		var ids []string
		for one, err := range c.History(t.Context(), "X", client.ListHistoryParams{}) {
			require.NoError(t, err)
			ids = append(ids, one.ObservationID)
		}
		for one, err := range c.Competitors(t.Context(), client.ListCompetitorsParams{}) {
			require.NoError(t, err)
			ids = append(ids, one.CompetitorID)
		}
		for one, err := range c.Products(t.Context(), client.ListProductsParams{Brand: "Otto"}) {
			require.NoError(t, err)
			ids = append(ids, one.ProductID)
		}
		assert.Equal(t, []string{"1", "2", "a", "b", "c"}, ids)
		var errs []error
		for _, err := range c.History(t.Context(), "X", client.ListHistoryParams{}) {
			errs = append(errs, err)
		}
		for _, err := range c.Competitors(t.Context(), client.ListCompetitorsParams{}) {
			errs = append(errs, err)
		}
		for _, err := range c.Products(t.Context(), client.ListProductsParams{}) {
			errs = append(errs, err)
		}
		require.Len(t, errs, 3)
		for _, err := range errs {
			require.ErrorContains(t, err, "403")
		}
	})
}

// tables is a transport that answers one after the other, and remembers what was asked for.
type tables struct {
	answers []*http.Response
	asked   []*http.Request
}

func (s *tables) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r)
	return s.answers[len(s.asked)-1], nil
}

// TestHistoryCSV: all pages become one table. What is no table is asked for again, and what is refused is not.
func TestHistoryCSV(t *testing.T) {
	t.Parallel()
	respond := func(status int, media, link, body string) *http.Response {
		header := http.Header{"Content-Type": {media}}
		if link != "" {
			header.Set("Link", link)
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
	}
	table := func(body, link string) *http.Response {
		return respond(200, "text/csv; charset=utf-8; header=present", link, body)
	}
	next := func(cursor string) string { return "<?cursor=" + cursor + `&view=raw>; rel="next"` }
	read := func(t *testing.T, w io.Writer, answers ...*http.Response) (asked []string, err error) {
		t.Helper()
		s := &tables{answers: answers}
		c, err := client.New("http://prices.example/dev", "secret", client.WithTransport(s),
			client.WithWait(func(context.Context, client.Retry) error { return nil }))
		require.NoError(t, err)
		err = c.HistoryCSV(t.Context(), "X/1", client.ListHistoryParams{View: client.ListHistoryParamsViewRaw}, w)
		for _, r := range s.asked {
			asked = append(asked, r.URL.String()+" "+r.Header.Get("Accept"))
		}
		return asked, err
	}
	t.Run("pages", func(t *testing.T) {
		t.Parallel()
		var got strings.Builder
		asked, err := read(t, &got, table("a,b\r\n1,\"x\r\ny\"\r\n", next("p-2_")), respond(503, "", "", ""), table("a,b\r\n", next("p3")),
			table("a,b\r\n2,z\r\n", ""))
		require.NoError(t, err)
		assert.Equal(t, "a,b\r\n1,\"x\r\ny\"\r\n2,z\r\n", got.String())
		const history = "http://prices.example/dev/v1/products/X%2F1/history?"
		assert.Equal(t, []string{history + "view=raw text/csv", history + "cursor=p-2_&view=raw text/csv",
			history + "cursor=p-2_&view=raw text/csv", history + "cursor=p3&view=raw text/csv"}, asked)
	})
	t.Run("no table", func(t *testing.T) {
		t.Parallel()
		var got strings.Builder
		_, err := read(t, &got, respond(200, "application/json", "", `{"next":null}`), table("a\r\n", "<http://["),
			table("a\r\n", `<?a=1>; rel="next"`), table("a\r\n", `</x?cursor=1>; rel="last"`), table("a\r\n", ""))
		require.NoError(t, err)
		assert.Equal(t, "a\r\n", got.String())
	})
	t.Run("an end in between", func(t *testing.T) {
		t.Parallel()
		var got strings.Builder
		_, err := read(t, &got, table("a\r\n1\r\n", next("p2")), respond(400, "", "", ""))
		require.ErrorContains(t, err, "400")
		assert.Equal(t, "a\r\n1\r\n", got.String())
		_, err = read(t, io.Discard, table("a\r\n", next("p2")), table("a\r\n", next("p2")))
		require.ErrorContains(t, err, "same page")
	})
	t.Run("no place for it", func(t *testing.T) {
		t.Parallel()
		r, w := io.Pipe()
		require.NoError(t, r.Close())
		_, err := read(t, w, table("a\r\n1\r\n", next("p2")))
		require.ErrorIs(t, err, io.ErrClosedPipe)
	})
}
