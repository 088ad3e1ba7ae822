package trial

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/price"
	"pricing/shared/testkit/storetest"
	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
	"pricing/tools/chaos/plan"
)

// worker sends its requests one after the other, by a process that may die.
type worker struct {
	*trial
	n       int
	process Process
	line    *line
}

// attemptTimeout is how long a call to the table may take before it counts as lost: short, since some answers never come.
const attemptTimeout = 700 * time.Millisecond

// restart begins a new process, which has nothing cached and a budget of retries of its own.
func (w *worker) restart() {
	w.line = &line{}
	if w.running != nil {
		w.process = w.running.Open(w.n)
		return
	}
	client := storetest.ClientWithin(w.proxy, attemptTimeout)
	w.line.client = client.Options().HTTPClient
	w.process = w.Design.Open(dynamodb.New(client.Options(), func(o *dynamodb.Options) { o.HTTPClient = w.line }), w.table)
}

// Open is a process of a design in this process, which is never killed, on a table behind a proxy.
func Open(d Design, proxy, table string) Process {
	return d.Open(storetest.ClientWithin(proxy, attemptTimeout), table)
}

// line is a process's connection to the table.
type line struct {
	client  dynamodb.HTTPClient
	left    atomic.Int64 // calls until it is cut, that one included
	arrives bool         // that one takes effect
	cut     context.CancelCauseFunc
}

// Do sends a call. Nobody hears the answer of that at which the line is cut, and none arrives after it.
func (l *line) Do(req *http.Request) (*http.Response, error) {
	n := l.left.Add(-1)
	if n > 0 {
		return l.client.Do(req)
	}
	if n == 0 && l.arrives {
		if resp, err := l.client.Do(req); err == nil {
			_ = resp.Body.Close() // nobody reads it
		}
	}
	l.cut(errKilled)
	return nil, errKilled
}

// never is so many calls that no request makes them.
const never = 1 << 40

func (w *worker) work(ctx context.Context, requests []plan.Request) {
	for _, r := range requests {
		if ctx.Err() != nil {
			return
		}
		if r.Fresh {
			w.restart()
		}
		pending := r.Observations
		for attempt := 0; attempt <= r.Repeats; attempt++ {
			again := false
			w.once(ctx, r, attempt, func(ctx context.Context) {
				switch {
				case r.Orphans != "":
					again = w.removeOrphans(ctx, r)
				case r.Restore != "":
					w.restore(ctx, r)
				case r.Product != nil:
					again = w.putProduct(ctx, r, attempt)
				case r.Competitor != nil:
					again = w.putCompetitor(ctx, r, attempt)
				default:
					pending = w.record(ctx, r, attempt, pending)
					again = len(pending) > 0
				}
			})
			if !again {
				break
			}
		}
	}
}

// once makes one attempt within its deadline. The first may be the process's last.
func (w *worker) once(ctx context.Context, r plan.Request, attempt int, send func(context.Context)) {
	ctx, stop := context.WithTimeout(ctx, r.Deadline)
	defer stop()
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	w.line.cut = cut
	w.line.left.Store(never)
	if attempt == 0 && r.KillAt > 0 {
		w.line.left.Store(int64(r.KillAt))
		w.line.arrives = r.KillAt%2 == 0
	}
	send(ctx)
	if context.Cause(ctx) == errKilled { //nolint:errorlint // as it was given
		w.restart()
	}
}

// record sends observations and returns those of which nothing is known.
func (w *worker) record(ctx context.Context, r plan.Request, attempt int, observations []price.Observation) (unknown []price.Observation) {
	received := w.now()
	events := make([]history.Event, len(observations))
	for i, o := range observations {
		events[i] = history.Event{Worker: w.n, Request: r.N, Attempt: attempt, Item: i, Key: check.OfferText(o.Key), ObservedAt: o.ObservedAt,
			ID: o.ID(), Content: history.Content(o), URL: o.URL, Type: history.Invoke, Sent: history.Sent{Observation: &observations[i]},
			Received: received, Client: r.Client}
		if w.running != nil {
			events[i].Received = 0 // the functions have a clock of their own
		}
	}
	w.history.Add(events...)
	answers, err := w.process.Record(ctx, r.Client, observations, received)
	for i := range events {
		e := &events[i]
		e.Type = history.Info
		switch {
		case context.Cause(ctx) == errKilled: //nolint:errorlint // as it was given
			e.Verdict = history.Killed
		case err != nil:
			e.Verdict = word(err)
		case i >= len(answers):
			e.Verdict = "no answer"
		default:
			e.Verdict = answers[i].Outcome
			e.Answered = answers[i].Stored
			e.Type = check.Type(e.Verdict)
		}
		if e.Type == history.Info {
			unknown = append(unknown, observations[i])
		}
	}
	w.history.Add(events...)
	return unknown
}

// putProduct reports whether nothing is known of it.
func (w *worker) putProduct(ctx context.Context, r plan.Request, attempt int) (unknown bool) {
	p := *r.Product
	e := history.Event{Worker: w.n, Request: r.N, Attempt: attempt, Key: "product " + p.ID, Type: history.Invoke,
		Content: check.ProductContent(p.Title, p.List.String()), Sent: history.Sent{Product: p.ID}}
	w.history.Add(e)
	version, err := w.process.PutProduct(ctx, p)
	e.Version = version
	return w.heard(ctx, e, err)
}

// putCompetitor reports whether nothing is known of it.
func (w *worker) putCompetitor(ctx context.Context, r plan.Request, attempt int) (unknown bool) {
	c := *r.Competitor
	e := history.Event{Worker: w.n, Request: r.N, Attempt: attempt, Key: "competitor " + c.ID, Type: history.Invoke,
		Content: check.CompetitorContent(c), Sent: history.Sent{Competitor: c.ID}}
	w.history.Add(e)
	return w.heard(ctx, e, w.process.PutCompetitor(ctx, c))
}

// heard notes what came of something that is not an observation.
func (w *worker) heard(ctx context.Context, e history.Event, err error) (unknown bool) {
	e.Type = history.OK
	switch {
	case context.Cause(ctx) == errKilled: //nolint:errorlint // as it was given
		e.Type = history.Info
		e.Verdict = history.Killed
	case err != nil:
		e.Type = history.Info
		e.Verdict = word(err)
	}
	w.history.Add(e)
	return e.Type == history.Info
}
