package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
)

// invoke runs one function once and prints its answer; its log goes to logs. If the function fails, its error document is
// printed and invoke fails too.
func invoke(ctx context.Context, o options, in *os.File, out, logs io.Writer) error {
	t, err := loadTemplate(o)
	if err != nil {
		return err
	}
	id, err := find(t, o.invoke)
	if err != nil {
		return fmt.Errorf("%s: %w", o.template, err)
	}
	event, err := readEvent(o.event, in)
	if err != nil {
		return err
	}
	lines := newLineWriter(logs)
	defer lines.close()
	w, err := newWorkspace(o, lines.println)
	if err != nil {
		return err
	}
	defer w.stopEngine()
	endpoint, err := w.tables(ctx, t)
	if err != nil {
		return err
	}
	fs, err := newFunctions(ctx, w, t, endpoint, func(id string) functionLog { return functionLog{lines, id} }, id)
	var broken *buildError
	if errors.As(err, &broken) {
		return notCompiling(broken)
	}
	if err != nil {
		return err
	}
	defer fs.close()
	result, err := fs.Invoke(ctx, id, rand.Text(), "", event)
	var failed *lambdaruntime.Error
	if errors.As(err, &failed) {
		document, _ := json.Marshal(failed) // cannot fail: texts
		_, _ = fmt.Fprintln(out, string(document))
		return fmt.Errorf("%s failed: %w", id, failed)
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, string(result.Payload)); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}

// readEvent reads the event from the file, or from a standard input that is no terminal. Without either it is that of a
// schedule.
func readEvent(file string, in *os.File) ([]byte, error) {
	var event []byte
	var err error
	if file != "" {
		event, err = os.ReadFile(file)
	} else if info, failed := in.Stat(); failed == nil && info.Mode()&os.ModeCharDevice == 0 {
		file = "standard input"
		event, err = io.ReadAll(in)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the event: %w", err)
	case len(event) == 0:
		return scheduled(time.Now())
	case !json.Valid(event):
		return nil, fmt.Errorf("read the event: %s is not JSON", file)
	}
	return event, nil
}

// scheduled returns the event that a schedule of EventBridge sends.
func scheduled(now time.Time) ([]byte, error) {
	return json.Marshal(map[string]any{
		"version": "0", "id": rand.Text(), "detail-type": "Scheduled Event", "source": "aws.events", "account": samtemplate.AccountID,
		"time": now.UTC().Format(time.RFC3339), "region": samtemplate.Region,
		"resources": []string{"arn:aws:events:" + samtemplate.Region + ":" + samtemplate.AccountID + ":rule/local"}, "detail": map[string]any{},
	})
}
