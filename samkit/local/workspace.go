package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/samkit/engine"
	"pricing/samkit/local/samtemplate"
)

// workspace is the project that a template belongs to, our folder in it, and the DynamoDB engine.
type workspace struct {
	template string // its file
	root     string // the folder of that file
	dir      string // .local in that folder
	reset    bool   // start without data and logs
	endpoint string // of the engine; empty until one is needed
	engine   *keeper
	say      func(line string) // prints a line for the person at the terminal
}

func newWorkspace(o options, say func(string)) (*workspace, error) {
	template, err := filepath.Abs(o.template)
	if err != nil {
		return nil, fmt.Errorf("find the project: %w", err)
	}
	if _, err := os.Stat(o.template); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	root := filepath.Dir(template)
	w := &workspace{template: template, root: root, dir: filepath.Join(root, ".local"), reset: os.Getenv("RESET") == "1",
		endpoint: o.dynamodb, say: say}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for builds and data: %w", err)
	}
	return w, nil
}

// openLog opens the functions' log, to which every run appends: what an earlier run logged may be the evidence that
// somebody looks for.
func (w *workspace) openLog() (*os.File, error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if w.reset {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(filepath.Join(w.dir, "log.ndjson"), flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the functions' log: %w", err)
	}
	if size, err := file.Seek(0, io.SeekEnd); err == nil && size > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, size-1); err == nil && last[0] != '\n' { // a run that was killed ended within a line
			_, _ = file.WriteString("\n") // an error comes back with the first line
		}
	}
	return file, nil
}

// tables makes the template's tables on the engine, the given one or our own, and returns its endpoint, which is empty
// if the template has no tables.
func (w *workspace) tables(ctx context.Context, t *samtemplate.Template) (endpoint string, err error) {
	if len(t.Tables) == 0 {
		return "", nil
	}
	if w.endpoint == "" {
		if err := w.startEngine(ctx); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(w.template)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	tables, err := engine.Tables(text)
	if err != nil {
		return "", err
	}
	client := dynamodb.New(dynamodb.Options{Region: samtemplate.Region, BaseEndpoint: &w.endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		})})
	for _, table := range tables {
		if name, wanted := t.Tables[table.LogicalID]; wanted {
			if err := engine.Create(ctx, client, table, name); err != nil {
				return "", err
			}
		}
	}
	return w.endpoint, nil
}

// startEngine starts the engine that was fetched for the project of the working directory, which need not be the
// template's.
func (w *workspace) startEngine(ctx context.Context) error {
	data := filepath.Join(w.dir, "dynamodb.db")
	if w.reset {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(data + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("start without data: %w", err)
			}
		}
	}
	root, err := engine.Root()
	if err != nil {
		return fmt.Errorf("the template has tables; give -dynamodb URL, or: %w", err)
	}
	e, err := engine.Start(ctx, root, data)
	if err != nil {
		return fmt.Errorf("the template has tables; give -dynamodb URL, or: %w", err)
	}
	w.endpoint, w.engine = e.Endpoint(), keep(e, w.say)
	return nil
}

// stopEngine stops the engine if it is ours.
func (w *workspace) stopEngine() {
	if w.engine != nil {
		w.engine.stop()
	}
}

// keeper keeps an engine running: one that ends by itself is started again at the same address, so that functions that
// are warm find it.
type keeper struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// keep keeps the engine running until the keeper is stopped.
func keep(e *engine.Engine, say func(string)) *keeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &keeper{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(k.ended)
		k.run(ctx, e, say)
	}()
	return k
}

// retryAfter is the pause after a failed start of the engine, and the life of an engine that counts as one.
const retryAfter = time.Second

func (k *keeper) run(ctx context.Context, e *engine.Engine, say func(string)) {
	for started := time.Now(); ; started = time.Now() {
		select {
		case <-e.Done():
		case <-ctx.Done():
			e.Stop()
			return
		}
		say("local: the DynamoDB engine has died; it is being started again")
		pause := time.Duration(0)
		if time.Since(started) < retryAfter {
			pause = retryAfter
		}
		for {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			again, err := e.Restart(ctx)
			if err == nil {
				e = again
				break
			}
			say("local: " + err.Error())
			pause = retryAfter
		}
		say("local: the DynamoDB engine runs again, with its data")
	}
}

// stop stops the engine and waits for its end.
func (k *keeper) stop() {
	k.cancel()
	<-k.ended
}
