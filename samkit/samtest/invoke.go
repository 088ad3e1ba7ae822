package samtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Invocation is an event for `sam local invoke`.
type Invocation struct {
	What     string
	Function string // its logical id
	Event    []byte
	Check    func(answer []byte) error // says what is wrong with what the function returned
}

// invokeAll runs `sam local invoke` with the project's events.
func (t *test) invokeAll(ctx context.Context) error {
	invocations, err := t.Invocations(ctx, t.endpoint, t.invokeTable())
	if err != nil {
		return fmt.Errorf("prepare sam local invoke: %w", err)
	}
	args, err := t.localArgs(t.invokeTable())
	if err != nil {
		return err
	}
	start := time.Now()
	failed := make([]error, len(invocations))
	width := make(chan struct{}, 2) // most of the time goes to Python
	var wg sync.WaitGroup
	for i, one := range invocations {
		wg.Go(func() {
			width <- struct{}{}
			defer func() { <-width }()
			failed[i] = t.invoke(ctx, one, filepath.Join(t.dir, "event-"+strconv.Itoa(i)+".json"), args)
		})
	}
	wg.Wait()
	good := 0
	for i, err := range failed {
		if err != nil {
			t.fail("sam local invoke: %s: %v", invocations[i].What, err)
			continue
		}
		good++
	}
	t.step("invoke", start, fmt.Sprintf("%d of %d events answered as expected", good, len(failed)))
	return nil
}

// invoke runs a function with an event, which it writes to a file.
func (t *test) invoke(ctx context.Context, one Invocation, file string, args []string) error {
	if err := os.WriteFile(file, one.Event, 0o600); err != nil {
		return fmt.Errorf("write the event: %w", err)
	}
	cmd := t.sam(ctx, append([]string{"local", "invoke", one.Function, "--event", file}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	t.docker.remember(stderr.String())
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr.String())
	}
	return one.Check(bytes.TrimSpace(answer))
}
