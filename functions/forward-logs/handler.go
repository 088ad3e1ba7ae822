package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"pricing/shared/forward"
	"pricing/shared/meter"
	"pricing/shared/schedule"
	"pricing/shared/start"
)

// function builds the function of its settings. It has no table, and so none of package boot.
func function(getenv func(string) string) (start.Function, error) {
	if getenv("LOGSTASH_URL") == "" || getenv("DEPLOY_ENV") == "" {
		return nil, errors.New("read settings: LOGSTASH_URL or DEPLOY_ENV is not set")
	}
	sender, err := forward.NewSender(getenv("LOGSTASH_URL"), getenv("LOGSTASH_CREDENTIALS"))
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return (&handler{
		forwarder: forward.Forwarder{Sender: sender, Own: getenv("AWS_LAMBDA_LOG_GROUP_NAME")},
		metrics:   meter.Source{Environment: getenv("DEPLOY_ENV"), Function: lambdacontext.FunctionName}, now: time.Now, log: slog.Default(),
	}).serve, nil
}

type handler struct {
	forwarder forward.Forwarder
	metrics   meter.Source
	now       func() time.Time
	log       *slog.Logger
	told      atomic.Bool // that its own log group is subscribed
}

// event is what the function is called with: a delivery, or messages of the queue that failed deliveries go to.
type event struct {
	Logs    logs `json:"awslogs"`
	Records []struct {
		ID   string `json:"messageId"`
		Body string `json:"body"`
	} `json:"Records"`
}

// logs is a delivery as CloudWatch Logs packs it.
type logs struct {
	Data []byte `json:"data"` // in base64
}

// again is the answer for messages of the queue: which of them stay there.
type again struct {
	Failures []failure `json:"batchItemFailures"`
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

func (h *handler) serve(ctx context.Context, text []byte) ([]byte, error) {
	return schedule.Job{
		Name: "forward-logs", Spare: 2 * time.Second, Source: h.metrics, Now: h.now, Log: h.log,
		Work: func(ctx context.Context, _ time.Time) (schedule.Result, error) { return h.work(ctx, text) },
	}.Serve(ctx, nil)
}

func (h *handler) work(ctx context.Context, text []byte) (schedule.Result, error) {
	var e event
	switch err := json.Unmarshal(text, &e); {
	case err != nil:
		return schedule.Result{Outcome: "unreadable"}, fmt.Errorf("read the event: %w", err)
	case e.Records != nil:
		return h.redrive(ctx, e), nil
	case e.Logs.Data == nil:
		return schedule.Result{Outcome: "unreadable"}, errors.New("read the event: it has neither log events nor messages")
	}
	report, err := h.forwarder.Forward(ctx, e.Logs.Data)
	if err != nil {
		return schedule.Result{Outcome: "not-delivered", Attrs: attrs(report)}, err
	}
	switch {
	case report.Own:
		return h.loop(report), nil
	case report.Control:
		return schedule.Result{Outcome: "control", Quiet: true}, nil
	}
	return schedule.Result{Outcome: "delivered", Attrs: attrs(report), Metrics: h.measure(report.Documents, report.Newest)}, nil
}

// loop refuses events of the function's own log group. The line of a refusal would be the next such event, and so on for ever: there is
// one of each process. Nor is it an error, which Lambda would try two times more.
func (h *handler) loop(report forward.Report) schedule.Result {
	return schedule.Result{Outcome: "own-log-group", Quiet: h.told.Swap(true), Attrs: append(attrs(report),
		slog.String("error", "a subscription sends this function its own log: remove it"))}
}

// redrive forwards deliveries that had failed. What fails again stays in the queue, and is no error of the function: a message that nobody
// can ever read would ring its alarm for as long as it is there. The queue has one of its own.
func (h *handler) redrive(ctx context.Context, e event) schedule.Result {
	answer := again{Failures: []failure{}}
	r := schedule.Result{Outcome: "redriven"}
	documents, kept := 0, error(nil)
	var newest time.Time
	for _, m := range e.Records {
		report, err := h.message(ctx, m.Body)
		if err != nil {
			answer.Failures = append(answer.Failures, failure{m.ID})
			kept = errors.Join(kept, fmt.Errorf("message %s: %w", m.ID, err))
			continue
		}
		documents += report.Documents
		if report.Newest.After(newest) {
			newest = report.Newest
		}
	}
	if kept != nil {
		r.Outcome = "kept"
		r.Attrs = append(r.Attrs, slog.String("error", kept.Error()))
	}
	r.Attrs = append(r.Attrs, slog.Int("messages", len(e.Records)), slog.Int("kept", len(answer.Failures)), slog.Int("documents", documents))
	r.Answer, r.Metrics = answer, h.measure(documents, newest)
	return r
}

func (h *handler) message(ctx context.Context, body string) (forward.Report, error) {
	packed, err := forward.Failed(body)
	if err != nil {
		return forward.Report{}, err
	}
	return h.forwarder.Forward(ctx, packed)
}

// measure counts documents, and says how old the newest was when it arrived.
func (h *handler) measure(documents int, newest time.Time) []meter.Metric {
	if documents == 0 {
		return nil
	}
	age := max(0, h.now().Sub(newest))
	return []meter.Metric{
		{Name: "ForwardedEvents", Unit: meter.Count, Values: []int{documents}},
		{Name: "ForwardLagSeconds", Unit: meter.Seconds, Values: []int{int(age.Round(time.Second) / time.Second)}},
	}
}

func attrs(r forward.Report) []slog.Attr {
	return []slog.Attr{
		slog.String("logGroup", r.Group), slog.Int("documents", r.Documents), slog.Int("parts", r.Parts), slog.Int("bytes", r.Bytes),
	}
}
