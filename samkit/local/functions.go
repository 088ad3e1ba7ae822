package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
)

// functions runs a template's functions.
type functions struct {
	all   map[string]*function // by logical id
	ctx   context.Context      // of builds: they go on when the client has gone
	watch bool                 // build a function again when its source has changed
}

// function is a function's source and the processes of its last build.
type function struct {
	mu     sync.RWMutex // held for writing while it is built
	source source
	config lambdaruntime.Function
	pool   *lambdaruntime.Pool
}

// newFunctions builds the template's functions with the given ids, without ids all of them, and makes a pool for each. The
// error is a *buildError if code does not compile and nothing else is wrong. The functions can be used then; those that do
// not compile answer with the error.
func newFunctions(ctx context.Context, w *workspace, t *samtemplate.Template, endpoint string,
	log func(id string) functionLog, ids ...string) (*functions, error) {
	if len(ids) == 0 {
		ids = slices.Sorted(maps.Keys(t.Functions))
	}
	fs := &functions{all: map[string]*function{}, ctx: ctx}
	for _, id := range ids {
		f := t.Functions[id]
		folder := filepath.FromSlash(f.CodeURI)
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(w.root, folder)
		}
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("Resources.%s.Properties.CodeUri: there is no folder %s", id, relative(folder))
		}
		out := filepath.Join(w.dir, "build", id)
		if err := os.MkdirAll(out, 0o755); err != nil {
			return nil, fmt.Errorf("make a folder for a build: %w", err)
		}
		arn := f.ARN
		if f.Alias != "" {
			arn += ":" + f.Alias
		}
		binary := filepath.Join(out, "bootstrap")
		config := lambdaruntime.Function{Name: f.Name, ARN: arn, Binary: binary, Directory: out, Environment: environment(f, endpoint),
			Timeout: f.Timeout, Concurrency: f.Concurrency, Log: log(id), SystemLogLevel: f.Logging.System, MemoryMB: f.MemoryMB}
		fs.all[id] = &function{source: source{folder: folder, binary: binary}, config: config, pool: lambdaruntime.New(config)}
	}
	return fs, fs.build(ids)
}

// build builds the functions. The first is built alone: it compiles what the others share with it.
func (fs *functions) build(ids []string) error {
	results := make([]error, len(ids))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, id := range ids {
		slots <- struct{}{}
		wg.Go(func() {
			results[i] = fs.all[id].source.build(fs.ctx)
			<-slots
		})
		if i == 0 {
			wg.Wait()
		}
	}
	wg.Wait()
	var mistakes []string
	for _, err := range results {
		var failed *buildError
		switch {
		case errors.As(err, &failed):
			for _, line := range failed.lines {
				if !slices.Contains(mistakes, line) { // functions share packages
					mistakes = append(mistakes, line)
				}
			}
		case err != nil:
			return err
		}
	}
	if mistakes != nil {
		return &buildError{mistakes}
	}
	return nil
}

// Invoke calls a function by its logical id. Time that a build takes does not count against the caller's deadline.
func (fs *functions) Invoke(ctx context.Context, function, requestID, traceID string, event []byte) (lambdaruntime.Result, error) {
	f := fs.all[function]
	if fs.watch {
		started := time.Now()
		built, err := f.refresh(fs.ctx)
		if err != nil {
			f.tell(requestID, started, err)
			return lambdaruntime.Result{}, err
		}
		if deadline, ok := ctx.Deadline(); ok && built {
			longer, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(time.Since(started)))
			defer cancel()
			ctx = longer
		}
	}
	return f.pool.Invoke(ctx, requestID, traceID, event)
}

// tell writes to the function's log that it does not compile, as one is told of that cannot start, and Lambda's report of the call.
func (f *function) tell(requestID string, began time.Time, err error) {
	line, _ := json.Marshal(map[string]string{ // cannot fail: texts
		"timestamp": time.Now().UTC().Format(time.RFC3339Nano), "level": "ERROR", "message": "start", "error": err.Error(),
	})
	_, _ = f.config.Log.Write(line) // as of a function's own output
	f.config.Report(requestID, began, 0, err)
}

// refresh builds the function if its source has changed, and replaces its processes if the program is another one then.
// That a function does not compile is an error of the function.
func (f *function) refresh(ctx context.Context) (built bool, err error) {
	f.mu.RLock()
	same, broken := f.source.state.holds(), f.source.err
	f.mu.RUnlock()
	if !same {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.source.state.holds() { // no other request was first
			before := f.source.sum
			if err := f.source.build(ctx); err == nil && f.source.sum != before {
				f.pool.Replace(f.config)
			} else if failed := (*buildError)(nil); err != nil && !errors.As(err, &failed) {
				return true, err
			}
		}
		built, broken = true, f.source.err
	}
	var failed *buildError
	if errors.As(broken, &failed) {
		return built, &lambdaruntime.Error{Type: "Runtime.BuildFailed", Message: failed.line()}
	}
	return built, nil
}

// close ends every process.
func (fs *functions) close() {
	var wg sync.WaitGroup
	for _, f := range fs.all {
		wg.Go(func() { f.pool.Close(time.Second) })
	}
	wg.Wait()
}

// find returns the logical id of a function, given that, its name or the folder of its code.
func find(t *samtemplate.Template, name string) (string, error) {
	if _, ok := t.Functions[name]; ok {
		return name, nil
	}
	ids := slices.Sorted(maps.Keys(t.Functions))
	for _, id := range ids {
		if f := t.Functions[id]; f.Name == name || path.Base(filepath.ToSlash(f.CodeURI)) == name {
			return id, nil
		}
	}
	return "", fmt.Errorf("there is no function %s; there are %s", name, strings.Join(ids, ", "))
}
