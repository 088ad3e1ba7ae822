package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"pricing/samkit/engine"
	"pricing/shared/store"
	"pricing/shared/testkit/faultproxy"
	"pricing/shared/token"
	"pricing/tools/internal/localapi"
	"pricing/tools/internal/tablestore"
)

// api is what a run sends to, and the table behind it.
type api struct {
	url, token string
	table      *store.Store
	limit      *faultproxy.Limit   // nil: it is not ours
	end        func() (int, error) // ends the functions and counts the requests in which one failed
	stop       func() error        // ends everything
}

// serve starts the real functions, an engine in memory, and between them the fault proxy with its limit per key. The gateway's
// throttle is raised so that it lets the profile's peak through.
func serve(ctx context.Context, requestsPerSecond, unitsPerKey float64, problems io.Writer) (_ *api, err error) {
	var ends []func() error // of what was started, in that order
	stop := func() (err error) {
		for _, end := range slices.Backward(ends) {
			err = errors.Join(err, end())
		}
		return err
	}
	started := func(end func() error) { ends = append(ends, end) }
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "spike-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the project: %w", err)
	}
	started(func() error { return os.RemoveAll(dir) })
	project, err := localapi.Build(root, dir)
	if err != nil {
		return nil, err
	}
	e, err := engine.Start(ctx, root, "")
	if err != nil {
		return nil, err
	}
	started(func() error { e.Stop(); return nil })
	limit := faultproxy.NewLimit(unitsPerKey, time.Now)
	proxy := faultproxy.New(e.Endpoint(), limit.Wrap(func(faultproxy.Call) faultproxy.Action {
		return faultproxy.Action{Kind: faultproxy.Pass}
	}))
	proxy.Applied = limit.Applied
	proxy.OnError = func(err error) { _, _ = fmt.Fprintln(problems, "spike:", err) } // the run goes on without the line
	endpoint, err := proxy.Start("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	started(func() error { proxy.Close(); return nil })
	throttle := fmt.Sprint(int(2*requestsPerSecond) + 200)
	served, err := project.Serve("s", endpoint, "-param", "ThrottleRate="+throttle, "-param", "ThrottleBurst="+throttle)
	if err != nil {
		return nil, err
	}
	end := sync.OnceValue(served.Stop)
	started(end)
	table := tablestore.Open(served.Table, tablestore.Local(e.Endpoint()))
	text, err := served.Mint(ctx, table, func(r *token.Record) { r.Scopes = token.Scopes })
	if err != nil {
		return nil, err
	}
	return &api{url: served.URL, token: text, table: table, limit: limit, stop: stop, end: func() (int, error) {
		if err := end(); err != nil {
			return 0, err
		}
		return failed(filepath.Join(dir, ".local", "log.ndjson"))
	}}, nil
}

// failed counts, in the log of samkit/local, the requests that the gateway answered 503 because a function failed or took too
// long. To clients they look like those that Lambda throttled because as many processes as it may start were busy.
func failed(log string) (n int, err error) {
	file, err := os.Open(log)
	if err != nil {
		return 0, fmt.Errorf("look for failed functions: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20) // a function's line may be long
	for lines.Scan() {
		var l struct{ Function, Status, IntegrationStatus, FunctionStatus string }
		if json.Unmarshal(lines.Bytes(), &l) == nil && // a function's line has numbers there
			l.Function == "access" && l.Status == "503" && l.FunctionStatus == "-" && l.IntegrationStatus != "429" {
			n++
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("look for failed functions: %w", err)
	}
	return n, nil
}
