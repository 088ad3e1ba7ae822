// Command trace tells what happened to a request, by any id that a client or a log has of it: each layer that it met, why it ended as it
// did, and the section of the runbook that says what to do.
//
//	go run ./tools/trace [-file FILE | -env NAME] [-json] ID
//	go run ./tools/trace [-file FILE | -env NAME] [-json] -client CLIENT -at TIME
//	go run ./tools/trace -serve PROGRAM [-file FILE] [-addr 127.0.0.1:9428]
//
// ID is a request's id (x-request-id, a problem's instance), Lambda's id of a call of a function or of the authorizer, the root of a trace,
// a correlation id, or the id of an observation that was sent alone. A batch is found by its client and its receivedAt. Without -file or
// -env the log of `make run` is searched, .local/log.ndjson. With -serve that log is shown on a page on which any question can be asked, by
// VictoriaLogs (`make logs`).
//
// What surprises: no line has all ids, so logs are searched again for each that the last search brought to light. The gateway's line knows
// no correlation id and no trace: where no function ran, only the request's id and the authorizer's lead to it. Ids that a client chooses
// find lines, but none leads from one line to another. Lines of one request may stand anywhere and in any order. Lambda's reports and the
// lines of functions are read in one form, since samkit/local writes what Lambda does.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type options struct {
	file, environment string
	client, at        string
	since             time.Duration
	json              bool
	serve, addr       string
	id                string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	switch {
	case err != nil:
	case o.serve != "":
		err = serve(ctx, o, os.Stdout)
	default:
		err = run(ctx, o, os.Stdout)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "trace:", err)
		os.Exit(1) //nolint:gocritic // stop only undoes NotifyContext
	}
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("trace", flag.ContinueOnError)
	flags.StringVar(&o.file, "file", ".local/log.ndjson", "search this `file`: a log of make run, or events exported from CloudWatch; .gz too")
	flags.StringVar(&o.environment, "env", "", "search the log groups of this `environment` on AWS, by Logs Insights, which costs by the GB")
	flags.DurationVar(&o.since, "since", 24*time.Hour, "with -env, without -at: how long ago the request came at most")
	flags.StringVar(&o.client, "client", "", "look for requests of this `client`, with -at")
	flags.StringVar(&o.at, "at", "", "the `time` at which they came, such as receivedAt: 2026-07-06T09:14:03.123Z, or to the second")
	flags.StringVar(&o.serve, "serve", "", "show the file, as it grows, on the search page of this `program`, a victoria-logs")
	flags.StringVar(&o.addr, "addr", "127.0.0.1:9428", "with -serve: where the page is")
	flags.BoolVar(&o.json, "json", false, "print a JSON document for each request")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.serve != "" && flags.NArg() == 0:
		return o, nil
	case o.client != "" && o.at != "" && flags.NArg() == 0:
		return o, check(o.client)
	case o.client == "" && o.at == "" && flags.NArg() == 1:
		o.id = flags.Arg(0)
		return o, check(o.id)
	}
	flags.Usage()
	return o, errors.New("give one id, or -client and -at")
}

func run(ctx context.Context, o options, out io.Writer) error {
	var at time.Time
	exact := time.Second
	if o.at != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, o.at); err != nil {
			return fmt.Errorf("-at: %w", err)
		}
		if at.Nanosecond() != 0 {
			exact = time.Millisecond
		}
	}
	var from source = file{o.file}
	if o.environment != "" {
		logs, err := open(ctx, o.environment, time.Now().Add(-o.since), time.Now(), os.Getenv)
		if err != nil {
			return err
		}
		if o.at != "" {
			logs.from, logs.to = at.Add(-time.Hour), at.Add(time.Hour)
		}
		from = logs
	}
	if strings.HasSuffix(o.file, ".local/log.ndjson") && o.environment == "" {
		if _, err := os.Stat(o.file); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is not here: `make run` writes it, in the folder in which it runs; -file and -env search elsewhere", o.file)
		}
	}
	return trace(ctx, from, o, at, exact, out)
}

// trace prints what became of the requests that are asked for. Nothing found is an error that says where it was looked for.
func trace(ctx context.Context, from source, o options, at time.Time, exact time.Duration, out io.Writer) error {
	var ways []way
	var others int
	var err error
	asked := "the id " + o.id
	if o.client != "" {
		asked = "a request of " + o.client + " that came at " + o.at
		ways, others, err = followClient(ctx, from, o.client, at, exact)
	} else {
		ways, others, err = follow(ctx, from, o.id)
	}
	if err != nil {
		return err
	}
	if len(ways) == 0 {
		return fmt.Errorf("%s is in none of what was searched: %s", asked, from.where())
	}
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		for _, w := range ways {
			if err := encoder.Encode(w.document()); err != nil {
				return fmt.Errorf("print: %w", err)
			}
		}
		return nil
	}
	var text bytes.Buffer
	const full = 3
	if len(ways) > full {
		fmt.Fprintf(&text, "%s stands for %d requests", asked, len(ways)+others)
		if others > 0 {
			fmt.Fprintf(&text, ", of which these are the newest %d", len(ways))
		}
		text.WriteString("; ask for one of them by its own id:\n\n")
		for _, w := range ways {
			text.WriteString(w.short() + "\n")
		}
	} else {
		for i, w := range ways {
			if i > 0 {
				text.WriteString("\n")
			}
			w.print(&text)
		}
	}
	if _, err := out.Write(text.Bytes()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
