package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/engine"
	"pricing/tools/local/lambdaruntime"
	"pricing/tools/local/samtemplate"
)

// workspace is the project a template stands in and the folder in it that is ours.
type workspace struct {
	root     string
	dir      string // .local
	template *samtemplate.Template
}

// build compiles every function in one go command, as they are built for deployment but for this machine, and returns
// the binaries by logical id.
func (w workspace) build(ctx context.Context) (map[string]string, error) {
	ids := slices.Sorted(maps.Keys(w.template.Functions))
	binaries := make(map[string]string, len(ids))
	out := filepath.Join(w.dir, "build")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("make %s: %w", out, err)
	}
	args := []string{"build", "-tags=lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", out + string(filepath.Separator)}
	seen := map[string]string{}
	for _, id := range ids {
		folder := filepath.Clean(w.template.Functions[id].CodeURI)
		name := filepath.Base(folder)
		if other, ok := seen[name]; ok && other != folder {
			return nil, fmt.Errorf("%s and %s: two code folders have the same name", other, folder)
		}
		if _, ok := seen[name]; !ok {
			args = append(args, "./"+filepath.ToSlash(folder))
		}
		seen[name] = folder
		binaries[id] = filepath.Join(out, name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("the functions do not compile: %s", compilerSays(string(text)))
	}
	return binaries, nil
}

// compilerSays is the go command's output without its headings, which only name the package of what follows; it begins
// on the line of whoever prints it.
func compilerSays(text string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(l string) bool { return strings.HasPrefix(l, "# ") })
	return strings.Join(lines, "\n  ")
}

// tables makes the template's tables on an engine, the given one or our own, and returns its endpoint. The endpoint is
// empty when the template has no tables.
func (w workspace) tables(ctx context.Context, o options) (endpoint string, stop func(), err error) {
	stop = func() {}
	if len(w.template.Tables) == 0 {
		return "", stop, nil
	}
	if endpoint = o.dynamodb; endpoint == "" {
		data := filepath.Join(w.dir, "dynamodb.db")
		if os.Getenv("RESET") == "1" {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(data + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
					return "", stop, fmt.Errorf("start afresh: %w", err)
				}
			}
		}
		root, err := engine.Root()
		if err != nil {
			return "", stop, err
		}
		e, err := engine.Start(ctx, root, data)
		if err != nil {
			return "", stop, err
		}
		endpoint, stop = e.Endpoint(), e.Stop
	}
	text, err := os.ReadFile(o.template)
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("read template: %w", err)
	}
	tables, err := engine.Tables(text)
	if err == nil {
		client := dynamodb.New(dynamodb.Options{Region: samtemplate.Region, BaseEndpoint: &endpoint,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
			})})
		for _, t := range tables {
			if name, wanted := w.template.Tables[t.LogicalID]; wanted && err == nil {
				err = engine.Create(ctx, client, t, name)
			}
		}
	}
	if err != nil {
		stop()
		return "", nil, err
	}
	return endpoint, stop, nil
}

// functions runs the template's functions.
type functions struct {
	pools map[string]*lambdaruntime.Pool
	log   *lineWriter
}

func newFunctions(w workspace, binaries map[string]string, endpoint string, log io.Writer) *functions {
	fs := &functions{pools: map[string]*lambdaruntime.Pool{}, log: &lineWriter{w: log}}
	for id, f := range w.template.Functions {
		arn := f.ARN
		if f.Alias != "" {
			arn += ":" + f.Alias
		}
		fs.pools[id] = lambdaruntime.New(lambdaruntime.Function{
			Name: f.Name, ARN: arn, Binary: binaries[id], Directory: w.root, Environment: environment(f, endpoint),
			Timeout: f.Timeout, Concurrency: f.Concurrency, Log: functionLog{fs.log, id},
		})
	}
	return fs
}

// Invoke calls a function by its logical id.
func (fs *functions) Invoke(ctx context.Context, function, requestID, traceID string, event []byte) (lambdaruntime.Result, error) {
	return fs.pools[function].Invoke(ctx, requestID, traceID, event)
}

// close ends every process.
func (fs *functions) close() {
	var wg sync.WaitGroup
	for _, p := range fs.pools {
		wg.Go(func() { p.Close(time.Second) })
	}
	wg.Wait()
}

// access takes a line of the access log.
func (fs *functions) access(line string) {
	functionLog{fs.log, "access"}.write(line)
}

// functionLog adds the function's name to each line of its output, so that one file holds them all.
type functionLog struct {
	to       *lineWriter
	function string
}

// Write takes one line.
func (l functionLog) Write(b []byte) (int, error) {
	l.write(strings.TrimRight(string(b), "\r\n"))
	return len(b), nil
}

func (l functionLog) write(line string) {
	if line == "" {
		return
	}
	name, _ := json.Marshal(l.function) // a text
	if strings.HasPrefix(line, "{") && json.Valid([]byte(line)) && line != "{}" {
		l.to.println(`{"function":` + string(name) + "," + line[1:])
		return
	}
	text, _ := json.Marshal(line) // a text
	l.to.println(`{"function":` + string(name) + `,"text":` + string(text) + "}")
}

// lineWriter writes whole lines from several goroutines.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) println(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.w, line+"\n") // a closed terminal or full disk must not stop requests
}
