// Command parity runs an old service and a new one side by side, and says whether the new one is equivalent, worse, or whether there is
// not enough data to tell.
//
//	go run ./tools/parity proxy -legacy URL -new URL [-listen 127.0.0.1:8080] [-admin 127.0.0.1:8081] [-rules FILE] [-plan FILE] [-out DIR]
//	go run ./tools/parity replay -legacy URL -new URL -file FILE [-rate N] [-rules FILE] [-plan FILE] [-out DIR] [-noise URL]
//	go run ./tools/parity aa -legacy URL -file FILE ...
//	go run ./tools/parity plan [-pilot DIR/samples.csv] [-rate N] [-rules FILE] [-out plan.json]
//	go run ./tools/parity prove [-out DIR] [-runs N] [-seconds N] [statistics] [load] [pair]
//
// Proxy answers clients with what the old service says, and sends each request to the new one, too. Replay sends recorded requests to both.
// Aa sends them to the old one twice: it shows how much two answers of one system differ. Plan reads the samples of such a run and says
// how many requests are needed and how long that takes. Prove measures this tool itself: how often its intervals hold, how often it is
// wrong, what the proxy costs, and what it says of this API beside a service of the usual design.
//
// The exit status of a run is its verdict: 0 equivalent, 1 worse, 3 not enough data; 2 if there was no run. Of plan and prove it is 0 if
// all is well. -out gets report.html, report.md, report.json, samples.csv and run.json, which has what was fixed before the run.
//
// What surprises: a write goes to the new side only if its route says so in the rules. The proxy never lets a client wait for the new
// side: what it has no room for is counted as shed, and POST /new/off at the admin address ends it all. It measures until an answer
// begins, replay until it ends.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
	"pricing/tools/parity/traffic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "parity:", err)
	}
	os.Exit(status)
}

// The exit statuses.
const (
	statusEquivalent = 0
	statusWorse      = 1
	statusNoRun      = 2
	statusNotEnough  = 3
)

func statusOf(v judge.Verdict) int {
	return map[judge.Verdict]int{judge.Equivalent: statusEquivalent, judge.Worse: statusWorse, judge.NotEnough: statusNotEnough}[v]
}

// options are the flags of all commands.
type options struct {
	settings                                             judge.Settings
	legacy, fresh, noise                                 string
	legacyToken, newToken                                string
	rules, plan, out, file, format, pilot, listen, admin string
	rate                                                 float64
	inFlight, repeat                                     int
	timeout, newTimeout                                  time.Duration
	limit                                                int64
}

// share reads a flag such as 0.1%.
func share(to *float64) func(string) error {
	return func(text string) error {
		v, err := compare.ParseRate(text)
		*to = float64(v)
		return err // it says all
	}
}

func readOptions(command string, args []string, problems io.Writer) (options, error) {
	o := options{settings: judge.Settings{Mode: command, Alpha: 0.05, Power: 0.8, MaxMismatch: 0.001, P99Margin: 0.1}}
	flags := flag.NewFlagSet("parity "+command, flag.ContinueOnError)
	flags.SetOutput(problems)
	flags.Func("max-mismatch", "`share` of answers that may differ (0.1%)", share(&o.settings.MaxMismatch))
	flags.Func("p99-margin", "`share` by which the new P99 may be above the legacy one (10%), or none", share(&o.settings.P99Margin))
	flags.Func("alpha", "`probability` of a wrong verdict (5%)", share(&o.settings.Alpha))
	flags.Func("power", "`probability` of seeing what is there (80%)", share(&o.settings.Power))
	flags.StringVar(&o.rules, "rules", "", "`file` of rules: what may differ, what is sent")
	flags.StringVar(&o.out, "out", "", "`folder` for the report; of plan the file")
	flags.Float64Var(&o.rate, "rate", 0, "requests a `second`; 0: as fast as they are answered")
	if command == "plan" {
		flags.StringVar(&o.pilot, "pilot", "", "`file` of samples of a run, best of aa")
	} else {
		flags.StringVar(&o.legacy, "legacy", "", "`URL` of the old service")
		flags.StringVar(&o.plan, "plan", "", "`file` that plan wrote")
		flags.StringVar(&o.legacyToken, "legacy-token-file", "", "`file` with a token for the old service; else a request's Authorization")
		flags.StringVar(&o.newToken, "new-token-file", "", "`file` with a token for the new service; else a request's Authorization")
		flags.DurationVar(&o.newTimeout, "new-timeout", 5*time.Second, "`time` that the new side has for an answer")
		flags.Int64Var(&o.limit, "max-body", 1<<20, "`bytes` of a body beyond which it is not compared")
		flags.Uint64Var(&o.settings.Seed, "seed", rand.Uint64(), "`number` that decides which side is asked first")
		if command != "aa" {
			flags.StringVar(&o.fresh, "new", "", "`URL` of the new service")
		}
		if command == "proxy" {
			flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` for clients")
			flags.StringVar(&o.admin, "admin", "127.0.0.1:8081", "`address` for the report (GET /) and the switch (POST /new/off, /new/on)")
			flags.IntVar(&o.inFlight, "in-flight", 64, "`requests` that the new side may have at a time; more are shed")
		} else {
			flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "`time` that the old side has for an answer")
			flags.IntVar(&o.inFlight, "in-flight", 16, "`requests` that may be under way")
			flags.StringVar(&o.file, "file", "", "`file` of requests")
			flags.StringVar(&o.format, "format", "", "`jsonl`, har or log; by the file's name")
			flags.IntVar(&o.repeat, "repeat", 1, "`times` to send the file's requests")
			flags.StringVar(&o.noise, "noise", "", "`URL` of a second legacy target, to tell noise from differences")
		}
	}
	if err := flags.Parse(args); err != nil {
		return o, flag.ErrHelp // flags has told
	}
	s := o.settings
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case !(s.Alpha > 0 && s.Alpha < 0.5 && s.Power > 0.5 && s.Power < 1):
		return o, errors.New("-alpha is below 50%, -power from 50% to 100%")
	case s.MaxMismatch == 0:
		return o, errors.New("-max-mismatch: no number of requests shows that nothing ever differs; give a share above 0")
	case o.rate < 0 || command != "plan" && (o.inFlight < 1 || o.limit < 1):
		return o, errors.New("-rate, -in-flight and -max-body are not negative")
	case command != "plan" && o.legacy == "":
		return o, errors.New("-legacy is missing")
	case (command == "replay" || command == "proxy") && o.fresh == "":
		return o, errors.New("-new is missing")
	case (command == "replay" || command == "aa") && o.file == "":
		return o, errors.New("-file is missing")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out, problems io.Writer) (int, error) {
	if len(args) == 0 {
		return statusNoRun, errors.New("say proxy, replay, aa, plan or prove; go doc ./tools/parity has the rest")
	}
	command, args := args[0], args[1:]
	switch command {
	case "prove":
		return prove(ctx, args, out, problems)
	case "proxy", "replay", "aa", "plan":
	default:
		return statusNoRun, fmt.Errorf("%q is none of proxy, replay, aa, plan, prove", command)
	}
	o, err := readOptions(command, args, problems)
	if err != nil {
		return statusNoRun, err
	}
	rules := &compare.Rules{}
	if o.rules != "" {
		text, err := os.ReadFile(o.rules)
		if err == nil {
			rules, err = compare.Read(text)
		}
		if err != nil {
			return statusNoRun, fmt.Errorf("%s: %w", o.rules, err)
		}
		o.settings.Rules = fmt.Sprintf("%s, SHA-256 %.16x", filepath.Base(o.rules), sha256.Sum256(text))
	}
	switch command {
	case "plan":
		if err := o.makePlan(rules, out); err != nil {
			return statusNoRun, err
		}
		return 0, nil
	case "proxy":
		return o.serve(ctx, rules, out, problems)
	}
	return o.resend(ctx, rules, out, problems)
}

func (o options) makePlan(rules *compare.Rules, out io.Writer) error {
	var all []judge.Planned
	if o.pilot != "" {
		file, err := os.Open(o.pilot)
		if err != nil {
			return fmt.Errorf("-pilot: %w", err)
		}
		defer file.Close() //nolint:errcheck // only read
		if all, err = judge.Plan(file, rules, o.settings); err != nil {
			return err
		}
	}
	rate := o.rate
	for _, p := range all {
		if o.rate == 0 {
			rate += p.Rate
		}
	}
	if rate == 0 {
		rate = 5
	}
	if err := judge.PlanText(out, all, o.settings, rate); err != nil {
		return fmt.Errorf("print the plan: %w", err)
	}
	if o.out == "" {
		return nil
	}
	return writeJSON(o.out, judge.Targets(all))
}

func writeJSON(file string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// begin makes the sides and the run, and writes down what is fixed.
func (o *options) begin(rules *compare.Rules) (*runner, error) {
	tokenOf := func(file string) (string, error) {
		if file == "" {
			return "", nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read a token: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	legacyToken, err := tokenOf(o.legacyToken)
	if err != nil {
		return nil, err
	}
	newToken, err := tokenOf(o.newToken)
	if err != nil {
		return nil, err
	}
	if o.settings.Mode == "aa" {
		o.fresh, newToken, o.newTimeout = o.legacy, legacyToken, o.timeout
	}
	legacy, err := newSide(o.legacy, legacyToken, cmp.Or(o.timeout, o.newTimeout), o.limit) // of a proxy it is only read back
	if err != nil {
		return nil, fmt.Errorf("-legacy: %w", err)
	}
	fresh, err := newSide(o.fresh, newToken, o.newTimeout, o.limit)
	if err != nil {
		return nil, fmt.Errorf("-new: %w", err)
	}
	var noise *side
	if o.noise != "" {
		if noise, err = newSide(o.noise, legacyToken, o.timeout, o.limit); err != nil {
			return nil, fmt.Errorf("-noise: %w", err)
		}
	}
	if o.plan != "" {
		text, err := os.ReadFile(o.plan)
		if err == nil {
			err = json.Unmarshal(text, &o.settings.Plan)
		}
		if err != nil {
			return nil, fmt.Errorf("-plan %s: %w", o.plan, err)
		}
	}
	o.settings.Legacy, o.settings.New = o.legacy, o.fresh
	if o.out != "" {
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return nil, fmt.Errorf("-out: %w", err)
		}
		if err := writeJSON(filepath.Join(o.out, "run.json"), o.settings); err != nil {
			return nil, err
		}
	}
	return newRunner(rules, legacy, fresh, noise, judge.NewRun(o.settings, time.Now()), o.settings.Seed), nil
}

// end writes the report.
func (o options) end(r *runner, final bool, out io.Writer) (int, error) {
	report := r.run.Report(time.Now(), final)
	if _, err := fmt.Fprintln(out, report.Line()); err != nil {
		return statusNoRun, fmt.Errorf("print the verdict: %w", err)
	}
	if o.out == "" {
		if err := report.Markdown(out); err != nil {
			return statusNoRun, fmt.Errorf("print the report: %w", err)
		}
		return statusOf(report.Verdict), nil
	}
	for _, reason := range report.Reasons {
		_, _ = fmt.Fprintln(out, "-", reason) // the files have it, too
	}
	file, err := os.Create(filepath.Join(o.out, "samples.csv"))
	if err == nil {
		err = errors.Join(r.run.WriteSamples(file), file.Close())
	}
	if err = errors.Join(err, save(report, o.out)); err != nil {
		return statusNoRun, fmt.Errorf("write the report: %w", err)
	}
	return statusOf(report.Verdict), nil
}

// save writes a report into a folder.
func save(report judge.Report, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	errs := []error{writeJSON(filepath.Join(dir, "report.json"), report)}
	for name, write := range map[string]func(io.Writer) error{"report.html": report.HTML, "report.md": report.Markdown} {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, write(file), file.Close())
	}
	return errors.Join(errs...)
}

// resend is replay and aa.
func (o options) resend(ctx context.Context, rules *compare.Rules, out, problems io.Writer) (int, error) {
	file, err := os.Open(o.file)
	if err != nil {
		return statusNoRun, fmt.Errorf("-file: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	format := o.format
	if format == "" {
		format = traffic.Format(o.file)
	}
	requests, skipped, err := traffic.Read(file, format)
	if err != nil {
		return statusNoRun, fmt.Errorf("%s: %w", o.file, err)
	}
	once := requests
	for range o.repeat - 1 {
		requests = append(requests, once...)
	}
	r, err := o.begin(rules)
	if err != nil {
		return statusNoRun, err
	}
	for reason, n := range skipped {
		for range n {
			r.run.Count(reason)
		}
	}
	lag := r.replay(ctx, requests, o.rate, o.inFlight)
	if o.rate > 0 {
		_, _ = fmt.Fprintf(problems, "requests were sent at most %v late\n", lag.Round(time.Millisecond)) // for people
	}
	return o.end(r, ctx.Err() == nil, out)
}

// serve is proxy.
func (o options) serve(ctx context.Context, rules *compare.Rules, out, problems io.Writer) (int, error) {
	if o.plan == "" {
		o.settings.Open = true
	}
	r, err := o.begin(rules)
	if err != nil {
		return statusNoRun, err
	}
	beside, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	p := newProxy(beside, r, o.inFlight, log.New(problems, "parity: ", 0))
	var servers []*http.Server
	failed := make(chan error, 2)
	for _, s := range []struct {
		address, what string
		handler       http.Handler
	}{{o.listen, "clients", p}, {o.admin, "the report", p.admin()}} {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
		if err != nil {
			return statusNoRun, fmt.Errorf("listen for %s: %w", s.what, err)
		}
		_, _ = fmt.Fprintf(problems, "%s: http://%s\n", s.what, listener.Addr())
		const headerTime = 20 * time.Second
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: headerTime, ErrorLog: log.New(problems, "parity: ", 0)}
		servers = append(servers, server)
		go func() { failed <- server.Serve(listener) }()
	}
	select {
	case <-ctx.Done():
	case err := <-failed:
		return statusNoRun, fmt.Errorf("serve: %w", err)
	}
	const grace = 20 * time.Second
	ending, done := context.WithTimeout(beside, grace)
	defer done()
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(ending))
	}
	p.beside.Wait()
	p.readBacks.Wait()
	status, failure := o.end(r, true, out)
	return status, errors.Join(err, failure)
}
