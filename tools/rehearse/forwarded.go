package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// logstash is one with an Elasticsearch behind it: of documents with one _id it keeps the first.
type logstash struct {
	*httptest.Server
	mu      sync.Mutex
	down    bool
	refused int               // requests while it was down
	found   map[string]string // documents by id
	strange []string          // what is no document, or from somebody else
}

func newLogstash() *logstash {
	l := &logstash{found: map[string]string{}}
	l.Server = httptest.NewServer(l)
	return l
}

// ServeHTTP takes lines of documents.
func (l *logstash) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if user, password, _ := r.BasicAuth(); err != nil || user+":"+password != logstashUser {
		l.strange = append(l.strange, "a request of "+user)
	}
	if l.down {
		l.refused++
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	for line := range bytes.Lines(body) {
		var document struct {
			ID string `json:"_id"`
		}
		if json.Unmarshal(line, &document) != nil || document.ID == "" {
			l.strange = append(l.strange, string(line))
		} else if _, there := l.found[document.ID]; !there {
			l.found[document.ID] = string(line)
		}
	}
}

// is switches it off or on.
func (l *logstash) is(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// documents are those whose line has a text.
func (l *logstash) documents(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.found {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

const (
	logstashUser = "forwarder:rehearsal"
	outages      = 2
	batches      = 3  // deliveries of an outage
	events       = 40 // of a delivery
)

// forwarded rehearses logs on their way to Logstash: nothing of it without LogstashUrl; the log of a function, by its subscription; an
// outage whose deliveries end in the queue and are sent by tools/forward; one whose deliveries the queue's mapping sends by itself. Every
// event is counted in the end.
func (r *rehearsal) forwarded(ctx context.Context, env string, v version) (string, error) {
	sink := newLogstash()
	defer sink.Close()
	if _, err := r.aws(ctx, "secretsmanager", "create-secret", "--name", "pricing-"+env+"-logstash",
		"--secret-string", logstashUser); err != nil {
		return "", err
	}
	// On AWS the guard wants the new role and permissions to be named; the emulator's change sets do not look at conditions.
	use := given("LogstashUrl=" + sink.URL + "\nLogstashSecret=pricing-" + env + "-logstash")
	if _, err := r.script(ctx, []string{use}, "deploy.sh", env, bucket, v.commit); err != nil {
		return "", err
	}
	if err := r.subscribed(ctx, env, sink); err != nil {
		return "", err
	}
	function := "pricing-" + env + "-forward-logs"
	mapping, err := r.aws(ctx, "lambda", "list-event-source-mappings", "--function-name", function+":live",
		"--output", "text", "--query", "EventSourceMappings[].UUID")
	if err != nil {
		return "", err
	}
	queue, err := r.sqs(ctx, "get-queue-url", "--queue-name", "pricing-"+env+"-failed-logs", "--output", "text", "--query", "QueueUrl")
	if err != nil {
		return "", err
	}
	if err := r.destination(ctx, env); err != nil {
		return "", err
	}
	// Six minutes would be long.
	if _, err := r.sqs(ctx, "set-queue-attributes", "--queue-url", queue, "--attributes", "VisibilityTimeout=2"); err != nil {
		return "", err
	}
	for outage := range outages {
		byHand := outage == 0
		if byHand {
			_, err = r.aws(ctx, "lambda", "update-event-source-mapping", "--uuid", mapping, "--no-enabled")
		} else {
			_, err = r.aws(ctx, "lambda", "update-event-source-mapping", "--uuid", mapping, "--enabled")
		}
		if err != nil {
			return "", err
		}
		if err := r.outage(ctx, env, queue, sink, outage, byHand); err != nil {
			return "", err
		}
	}
	if n, want := sink.documents(`"rehearsed":`), outages*batches*events; n != want || len(sink.strange) > 0 {
		return "", fmt.Errorf("%d of %d events have arrived, and strange are %.300q", n, want, sink.strange)
	}
	if _, err := r.script(ctx, nil, "deploy.sh", env, bucket, v.commit); err != nil {
		return "", err
	}
	seen := fmt.Sprintf("%d events through %d outages, %d requests refused, each there once; removed",
		outages*batches*events, outages, sink.refused)
	return seen, r.refused(ctx, "ResourceNotFound", r.emulator.CLI(), "lambda", "get-function", "--function-name", function)
}

// subscribed waits for the line of a function's log that a request makes.
func (r *rehearsal) subscribed(ctx context.Context, env string, sink *logstash) error {
	return r.until(ctx, "no line of a function has arrived", func() (bool, error) {
		if status, text, err := r.send(ctx, env, http.MethodGet, "/v1/health", ""); err != nil || status != http.StatusOK {
			return false, errors.Join(err, fmt.Errorf("status %d: %s", status, text))
		}
		return sink.documents(`"log_group":"/aws/lambda/pricing-`+env+`-get-health"`) > 0, nil
	})
}

// destination gives the function itself what its alias has for events that failed: the emulator looks only there.
func (r *rehearsal) destination(ctx context.Context, env string) error {
	name := "pricing-" + env + "-forward-logs"
	config, err := r.aws(ctx, "lambda", "get-function-event-invoke-config", "--function-name", name, "--qualifier", "live", "--output", "json",
		"--query", "DestinationConfig")
	if err != nil {
		return err
	}
	if !strings.Contains(config, ":pricing-"+env+"-failed-logs") {
		return fmt.Errorf("what failed goes to %s", config)
	}
	_, err = r.aws(ctx, "lambda", "put-function-event-invoke-config", "--function-name", name, "--destination-config", config)
	return err
}

// outage lets Lambda give deliveries up while Logstash is down, and has them sent when it is up.
func (r *rehearsal) outage(ctx context.Context, env, queue string, sink *logstash, outage int, byHand bool) error {
	sink.is(true)
	for batch := range batches {
		file, err := r.delivery(env, outage, batch)
		if err != nil {
			return err
		}
		if _, err := r.aws(ctx, "lambda", "invoke", "--function-name", "pricing-"+env+"-forward-logs",
			"--invocation-type", "Event", "--payload", "fileb://"+file, os.DevNull); err != nil {
			return err
		}
	}
	if err := r.until(ctx, "the deliveries are not in the queue", func() (bool, error) {
		n, err := r.waiting(ctx, queue)
		return n == batches, err
	}); err != nil {
		return err
	}
	sink.is(false)
	if byHand {
		text, err := r.must(ctx, nil, "go", "run", "./tools/forward", "-redrive", "-env", env)
		if err == nil && !strings.Contains(text, fmt.Sprintf("%d deliveries sent", batches)) {
			err = errors.New("not all was sent\n" + last(text))
		}
		if err != nil {
			return err
		}
	}
	return r.until(ctx, "the queue is not empty", func() (bool, error) {
		n, err := r.waiting(ctx, queue)
		return n == 0, err
	})
}

// delivery writes the event by which CloudWatch Logs calls, with events that nobody else has.
func (r *rehearsal) delivery(env string, outage, batch int) (file string, err error) {
	var list []map[string]any
	for i := range events {
		list = append(list, map[string]any{"id": fmt.Sprintf("%d-%d-%d", outage, batch, i), "timestamp": time.Now().UnixMilli(),
			"message": fmt.Sprintf(`{"rehearsed":%d}`, i)})
	}
	text, err := json.Marshal(map[string]any{"messageType": "DATA_MESSAGE", "logGroup": "/aws/lambda/pricing-" + env + "-get-health",
		"logStream": "rehearsal", "logEvents": list})
	if err != nil {
		return "", fmt.Errorf("write a delivery: %w", err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		return "", fmt.Errorf("pack a delivery: %w", err)
	}
	event, err := json.Marshal(map[string]any{"awslogs": map[string]any{"data": packed.Bytes()}})
	if err != nil {
		return "", fmt.Errorf("write a delivery: %w", err)
	}
	file = filepath.Join(r.dir, fmt.Sprintf("delivery-%d-%d.json", outage, batch))
	return file, os.WriteFile(file, event, 0o600)
}

// sqs asks the queues. The AWS CLI takes another address for them than for the rest, unless it is told.
func (r *rehearsal) sqs(ctx context.Context, args ...string) (string, error) {
	return r.aws(ctx, append([]string{"--endpoint-url", r.emulator.URL, "sqs"}, args...)...)
}

// waiting is how many messages a queue has, hidden ones too.
func (r *rehearsal) waiting(ctx context.Context, queue string) (int, error) {
	names := []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}
	text, err := r.sqs(ctx, slices.Concat([]string{"get-queue-attributes", "--queue-url", queue, "--output", "json",
		"--query", "Attributes", "--attribute-names"}, names)...)
	if err != nil {
		return 0, err
	}
	var counts map[string]json.Number
	if err := json.Unmarshal([]byte(text), &counts); err != nil {
		return 0, fmt.Errorf("count messages: %w", err)
	}
	n := int64(0)
	for _, name := range names {
		some, err := counts[name].Int64()
		if err != nil {
			return 0, fmt.Errorf("count messages: %w", err)
		}
		n += some
	}
	return int(n), nil
}

// until waits for something that the emulator does by itself.
func (r *rehearsal) until(ctx context.Context, otherwise string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", otherwise, ctx.Err())
		case <-time.After(300 * time.Millisecond):
		}
	}
}
