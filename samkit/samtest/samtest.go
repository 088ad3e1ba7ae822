// Package samtest runs a project in the real SAM CLI and compares its answers with those of samkit/local.
//
// A project fills in Project and calls Main. The test validates and builds the template, invokes functions with events, and
// sends the same requests to two targets: `sam local start-api` and samkit/local, each with a table of its own on one DynamoDB
// engine. Where SAM local is faithful to AWS the answers must be alike. Where it is known not to be, both answers are
// asserted, so that a new version of the SAM CLI that changes one is noticed. Nothing is recorded: both targets are asked in
// the same run.
//
// It works without AWS and without pulling images, but it needs root on Debian or Ubuntu: it installs Docker when there is
// none and starts a daemon of its own when none runs. Elsewhere it says that it was skipped. The SAM CLI of requirements.txt
// is installed below .local, once; nothing else is left when the test ends.
package samtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/samkit/engine"
	"pricing/samkit/pythonenv"
)

// Project is what is tested. Its template has one table.
type Project struct {
	// Parameters are those of the template, NAME=VALUE, the same for both targets.
	Parameters []string
	// EndpointParameter is the template's parameter that tells functions where DynamoDB is.
	EndpointParameter string
	// Table is the name that the template gives its table with these parameters.
	Table string
	// TableVariable is the environment variable that tells functions the table's name.
	TableVariable string

	// RequestID is the response header that has the id of a request. In bodies the id may differ.
	RequestID string
	// Times are the members of JSON bodies that depend on when the service did something, so that they differ.
	Times []string

	// Prepare puts what a target's requests need into its table and into its Values.
	Prepare func(ctx context.Context, t *Target) error
	// Invocations returns the events for `sam local invoke`. Functions find a table of this name at the endpoint.
	Invocations func(ctx context.Context, endpoint, table string) ([]Invocation, error)
	// Usual is asked while all is well, Outage once the DynamoDB engine is gone.
	Usual, Outage Requests
	// Measured is what is timed, and must answer 200. The first is also timed cold, so it needs no preparation.
	Measured []Call
}

// Requests are sent to both targets, in this order: later ones may read what earlier ones wrote.
type Requests struct {
	Alike     []Request
	Different []Difference
}

// Main tests the project of the working directory and returns the status to exit with: 1 when something is not as it should
// be, 0 also where the test cannot run and is skipped.
func Main(p Project) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := os.Stdout
	if why := cannot(); why != "" {
		_, _ = fmt.Fprintf(out, "\n*** SKIPPED: the SAM CLI did NOT run this project: %s ***\n\n", why)
		return 0
	}
	t := &test{Project: p, out: out}
	err := t.run(ctx)
	if ctx.Err() != nil {
		_, _ = fmt.Fprintln(out, "samtest: interrupted")
		return 1
	}
	for _, failure := range t.failures {
		_, _ = fmt.Fprintln(out, "FAILED:", failure)
	}
	if err != nil {
		_, _ = fmt.Fprintln(out, "samtest:", err)
	}
	if err != nil || len(t.failures) > 0 {
		return 1
	}
	return 0
}

// test is one run.
type test struct {
	Project
	out      io.Writer
	root     string // of the project
	dir      string // our files, removed at the end
	python   string // has the SAM CLI
	docker   *daemon
	endpoint string // of the DynamoDB engine
	failures []string
}

func (t *test) run(ctx context.Context) (err error) {
	if t.root, err = engine.Root(); err != nil {
		return err
	}
	unlock, err := lock(ctx, t.out)
	if err != nil {
		return err
	}
	defer unlock()
	// Not below .local: a socket's path has at most 108 bytes.
	if t.dir, err = os.MkdirTemp("", "samtest-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(t.dir) //nolint:errcheck // the system clears its temporary folder
	if t.python, err = pythonenv.Install(ctx, t.root, filepath.Join("samkit", "samtest"), t.out); err != nil {
		return fmt.Errorf("install the SAM CLI: %w", err)
	}
	start := time.Now()
	if t.docker, err = startDocker(ctx, t.dir, t.out); err != nil {
		return err
	}
	defer t.docker.stop()
	if err := t.docker.needImage(ctx, filepath.Join(filepath.Dir(filepath.Dir(t.python)), "lib")); err != nil {
		return err
	}
	host, err := bridgeAddress()
	if err != nil {
		return err
	}
	tables, err := engine.StartAt(ctx, t.root, host, "")
	if err != nil {
		return err
	}
	defer tables.Stop()
	t.endpoint = tables.Endpoint()
	if err := t.makeTables(ctx); err != nil {
		return err
	}
	if err := t.compile(ctx); err != nil {
		return err
	}
	t.step("prepare", start, "Docker at "+t.docker.socket+", an image, DynamoDB at "+t.endpoint)
	if err := t.validateAndBuild(ctx); err != nil {
		return err
	}
	if err := t.invokeAll(ctx); err != nil {
		return err
	}
	return t.compare(ctx, tables)
}

// The tables: that of samkit/local has the template's name, the others are its copies.
func (t *test) samTable() string    { return t.Table + "-sam" }
func (t *test) invokeTable() string { return t.Table + "-invoke" }

// makeTables makes the three tables as the template declares its one.
func (t *test) makeTables(ctx context.Context) error {
	declared, err := engine.OnlyTable(t.root)
	if err != nil {
		return fmt.Errorf("%s names one table: %w", t.TableVariable, err)
	}
	client := dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: &t.endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		})})
	for _, name := range []string{t.Table, t.samTable(), t.invokeTable()} {
		if err := engine.Create(ctx, client, declared, name); err != nil {
			return err
		}
	}
	return nil
}

// compare starts both targets and sends them the same requests.
func (t *test) compare(ctx context.Context, tables *engine.Engine) error {
	start := time.Now()
	local, localStart, localCold, err := t.startLocal(ctx)
	if err != nil {
		return err
	}
	defer local.stop()
	sam, samStart, err := t.startSAM(ctx, "--warm-containers", "EAGER")
	if err != nil {
		return err
	}
	defer sam.stop()
	for _, target := range []*Target{sam, local} {
		if err := t.Prepare(ctx, target); err != nil {
			return fmt.Errorf("prepare %s: %w", target.Name, err)
		}
	}
	t.step("start", start, fmt.Sprintf("samkit/local %d times, sam local start-api", starts))
	start = time.Now()
	t.askAlike(ctx, sam, local, t.Usual.Alike)
	different := t.askDifferent(ctx, sam, local, t.Usual.Different)
	t.step("compare", start, fmt.Sprintf("%d requests answered alike", len(t.Usual.Alike)))

	start = time.Now()
	timings, err := t.measure(ctx, sam, local)
	if err != nil {
		return err
	}
	timings = append(timings, timing{"from the command to the first request", samStart, localStart})
	samCold, err := t.samCold(ctx)
	if err != nil {
		return err
	}
	timings = append(timings, timing{t.Measured[0].String() + ", cold", samCold, localCold})
	t.step("measure", start, "warm and cold")

	tables.Stop()
	t.askAlike(ctx, sam, local, t.Outage.Alike)
	different = append(different, t.askDifferent(ctx, sam, local, t.Outage.Different)...)
	printTable(t.out, "known differences of SAM local", different)
	printTable(t.out, "measured, medians", timingLines(timings))
	return nil
}

// step reports a step that went well.
func (t *test) step(name string, start time.Time, what string) {
	_, _ = fmt.Fprintf(t.out, "%-10s %5.1f s  %s\n", name, time.Since(start).Seconds(), what)
}

func (t *test) fail(format string, args ...any) {
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

// printTable prints lines of three columns: what it is about, SAM local's value and that of samkit/local.
func printTable(out io.Writer, title string, lines [][3]string) {
	lines = append([][3]string{{title, "SAM local", "samkit/local"}}, lines...)
	var width [2]int
	for _, line := range lines {
		for i := range width {
			width[i] = max(width[i], len(line[i]))
		}
	}
	_, _ = fmt.Fprintln(out)
	for i, line := range lines {
		_, _ = fmt.Fprintf(out, "%-*s  %-*s  %s\n", width[0], line[0], width[1], line[1], line[2])
		if i == 0 {
			_, _ = fmt.Fprintln(out, strings.Repeat("-", width[0]+width[1]+4+len(line[2])))
		}
	}
}
