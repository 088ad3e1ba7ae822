// Command trace tells what happened to a request, by any id that a client or a log has of it: each layer that it met, why it ended as it
// did, and the section of the runbook that says what to do.
//
//	go run ./tools/trace [-file FILE | -env NAME] [-json] ID...
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
	"cmp"
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
	most              int
	ids               []string
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

const usage = `What happened to a request:

  go run ./tools/trace ID...                       by its x-request-id, a problem's instance, or another of its ids
  go run ./tools/trace -client CLIENT -at TIME     without an id, such as that of a batch
  go run ./tools/trace -env NAME ID                of an environment on AWS, with the AWS_* variables
  go run ./tools/trace -file FILE ID               in exported logs; else in the log of make run

For example:

  go run ./tools/trace X6MPLZ7X65LGKKD=
  go run ./tools/trace -env prod -client crawler-a -at 2026-07-06T09:14:03.123Z

Flags:
`

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
	flags.IntVar(&o.most, "most", usual, "follow `n` requests at most, the newest")
	flags.Usage = func() {
		_, _ = io.WriteString(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.serve != "" && flags.NArg() == 0:
		return o, nil
	case o.client != "" && o.at != "" && flags.NArg() == 0:
		return o, check(o.client)
	case o.client == "" && o.at == "" && flags.NArg() > 0:
		o.ids = flags.Args()
		for _, id := range o.ids {
			if err := check(id); err != nil {
				return o, err
			}
		}
		return o, nil
	}
	flags.Usage()
	return o, errors.New("give ids, or -client and -at")
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
	o.most = cmp.Or(o.most, usual)
	if o.client != "" {
		ways, others, err := followClient(ctx, from, o.client, at, exact, o.most)
		if err == nil && len(ways) == 0 {
			err = fmt.Errorf("no request of client %s that came at %s is in %s", o.client, o.at, from.where())
		}
		return errors.Join(err, show(ways, others, "of client "+o.client+" at "+o.at, o, out))
	}
	var failed error
	for i, id := range o.ids {
		if i > 0 && !o.json {
			_, _ = io.WriteString(out, "\n") // what follows tells of an error
		}
		failed = errors.Join(failed, byID(ctx, from, id, o, out))
	}
	return failed
}

// byID does so for an id, or for the only one that may be meant by it.
func byID(ctx context.Context, from source, id string, o options, out io.Writer) error {
	ways, others, err := follow(ctx, from, id, o.most)
	if err == nil && len(ways) == 0 {
		var like []string
		if like, err = meant(ctx, from, id); err == nil {
			switch len(like) {
			case 0:
				elsewhere := "On AWS: -env NAME."
				if o.environment != "" {
					elsewhere = "Longer ago: -since 72h."
				}
				return fmt.Errorf("no line has the id %s in %s. Request ids have 16 characters and end in =. %s Without an id: -client C -at TIME",
					id, from.where(), elsewhere)
			case 1:
				ways, others, err = follow(ctx, from, like[0], o.most)
			default:
				return fmt.Errorf("no line has the id %s in %s, but there are %s", id, from.where(), strings.Join(like, " and "))
			}
		}
	}
	if err != nil {
		return err
	}
	return show(ways, others, "with the id "+id, o, out)
}

// show prints requests.
func show(ways []way, others int, asked string, o options, out io.Writer) error {
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
		fmt.Fprintf(&text, "%d requests %s; ", len(ways)+others, asked)
		if others > 0 {
			fmt.Fprintf(&text, "these are the newest %d, and -most %d lists all; ", len(ways), len(ways)+others)
		}
		text.WriteString("run trace with one of these ids:\n\n")
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
