// Command smoke checks step by step that a deployed API does what it must.
//
//	smoke -url https://prices.example.com -token-file FILE [-commit SHA] [-emulator]
//
// The token needs the scopes ingest, read and self-check, and must lack catalog. One observation is written, under the names that
// only a token with self-check may write, and read back by its seller: one of 60, so that neither the offers of earlier runs nor
// a run at the same moment stand in the way. The first step that fails is named, and ends the program with status 1. A request
// is repeated a few times, as every client must, while the service cannot be reached or says that it is busy (429, 503). -commit
// is what /v1/health must answer (default: git's HEAD). An emulator does not make the gateway's own answers: with -emulator only
// their status counts, and what is not proved is named.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"pricing/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2) //nolint:gocritic // stop only undoes NotifyContext
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("smoke", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", "", "base `URL` of the API, with the stage")
	file := flags.String("token-file", "", "`file` with a token of the scopes ingest, read and self-check")
	commit := flags.String("commit", "", "`SHA` that health must answer; default: git's HEAD")
	emulator := flags.Bool("emulator", false, "the gateway is an emulator: of its own answers only the status is checked")
	attempts := flags.Int("attempts", 5, "how `often` a request is sent while the service is busy")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has said why
	}
	if *url == "" || *file == "" || flags.NArg() > 0 {
		return errors.New("-url and -token-file are needed")
	}
	token, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	if *commit == "" {
		head, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
		if err != nil {
			return fmt.Errorf("find the commit (or give -commit): %w", err)
		}
		*commit = strings.TrimSpace(string(head))
	}
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &checker{
		http:     &http.Client{Timeout: 30 * time.Second, CheckRedirect: noRedirects},
		base:     strings.TrimSuffix(*url, "/"),
		token:    strings.TrimSpace(string(token)),
		commit:   *commit,
		emulator: *emulator,
		attempts: *attempts,
		now:      time.Now,
		seller:   fmt.Sprintf("smoke-%02d", rand.N(sellers)),
	}
	options := []client.Option{client.WithAttempts(*attempts), client.WithWait(patience)}
	if c.anyone, err = client.New(c.base, "", options...); err == nil {
		c.api, err = client.New(c.base, c.token, options...)
	}
	if err != nil {
		return fmt.Errorf("-url: %w", err)
	}
	var unproved []string
	for _, s := range steps {
		started := time.Now()
		seen, err := s.do(ctx, c)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.gateway && *emulator {
			unproved = append(unproved, s.name)
		}
		if _, err := fmt.Fprintf(stdout, "ok  %-24s %5d ms  %s\n", s.name, time.Since(started).Milliseconds(), seen); err != nil {
			return err
		}
	}
	if len(unproved) > 0 {
		_, err = fmt.Fprintf(stdout, "not proved on an emulator: the gateway's own answer for %s\n", strings.Join(unproved, ", "))
	}
	return err
}
