// Command samtest runs this project in the real SAM CLI and compares its answers with those of samkit/local.
//
//	go run ./samkit/samtest
//
// It validates and builds the template, invokes functions with files of events/, and sends the same requests to `sam local
// start-api` and to samkit/local, each with a table of its own on one DynamoDB engine. Where SAM local is faithful the
// answers must be equal; where it is known not to be (differences.go) both answers are asserted, so that a new version of
// the SAM CLI that changes one is noticed. Nothing is recorded: both are asked in the same run. It ends with status 1 when
// something is not as it should be.
//
// It works without AWS and without pulling images, but it needs root on Debian or Ubuntu: it installs Docker when there is
// none and starts a daemon of its own when none runs. Elsewhere it says that it was skipped and ends with status 0.
// The pinned SAM CLI goes below .local once; everything else is gone when it ends.
package main

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

// parameters are the template's, the same on both sides. The throttle is what one row of the known differences needs: no
// method is asked ThrottleBurst times before it.
var parameters = []string{"DeployEnv=dev", "HistoryDays=4000", "Architecture=x86_64", "ThrottleRate=1", "ThrottleBurst=20"}

// The tables. The first has the name that the template gives its table.
const (
	localTable  = "pricing-dev"
	samTable    = "pricing-sam"
	invokeTable = "pricing-invoke"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Stdout))
}

func run(ctx context.Context, out io.Writer) int {
	if why := cannot(); why != "" {
		_, _ = fmt.Fprintf(out, "\n*** SKIPPED: the SAM CLI did NOT run this project: %s ***\n\n", why)
		return 0
	}
	t := &test{out: out}
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
	out      io.Writer
	root     string // the project
	dir      string // ours, removed at the end
	python   string // has the SAM CLI
	docker   *daemon
	endpoint string // of the engine
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
	t.invokeAll(ctx)
	return t.compare(ctx, tables)
}

// makeTables makes the three tables as the template declares its one.
func (t *test) makeTables(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(t.root, "template.yaml"))
	if err != nil {
		return fmt.Errorf("read the template: %w", err)
	}
	declared, err := engine.Tables(text)
	if err != nil {
		return err
	}
	if len(declared) != 1 {
		return fmt.Errorf("the template has %d tables, but TABLE_NAME is one", len(declared))
	}
	client := dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: &t.endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		})})
	for _, name := range []string{localTable, samTable, invokeTable} {
		if err := engine.Create(ctx, client, declared[0], name); err != nil {
			return err
		}
	}
	return nil
}

// compare starts both sides and asks them the same.
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
	for _, s := range []*side{sam, local} {
		if err := t.makeTokens(ctx, s); err != nil {
			return err
		}
	}
	t.step("start", start, fmt.Sprintf("samkit/local %d times, sam local start-api", starts))
	start = time.Now()
	known, err := t.differences()
	if err != nil {
		return err
	}
	t.askSame(ctx, sam, local, faithful)
	rows := t.askDifferent(ctx, sam, local, known.usual)
	t.step("compare", start, fmt.Sprintf("%d requests answered alike", len(faithful)))

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
	timings = append(timings, timing{"GET /v1/health, cold", samCold, localCold})

	t.step("measure", start, "warm and cold")

	tables.Stop() // the last requests meet no store
	t.askSame(ctx, sam, local, outage)
	rows = append(rows, t.askDifferent(ctx, sam, local, known.outage)...)
	printTable(t.out, "known differences of SAM local", rows)
	printTable(t.out, "measured, medians", timingRows(timings))
	return nil
}

// step tells a step that went well.
func (t *test) step(name string, start time.Time, what string) {
	_, _ = fmt.Fprintf(t.out, "%-10s %5.1f s  %s\n", name, time.Since(start).Seconds(), what)
}

func (t *test) fail(format string, args ...any) {
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

// printTable prints rows of a name, SAM local's side and ours.
func printTable(out io.Writer, title string, rows [][3]string) {
	rows = append([][3]string{{title, "SAM local", "samkit/local"}}, rows...)
	var width [2]int
	for _, r := range rows {
		for i := range width {
			width[i] = max(width[i], len(r[i]))
		}
	}
	_, _ = fmt.Fprintln(out)
	for i, r := range rows {
		_, _ = fmt.Fprintf(out, "%-*s  %-*s  %s\n", width[0], r[0], width[1], r[1], r[2])
		if i == 0 {
			_, _ = fmt.Fprintln(out, strings.Repeat("-", width[0]+width[1]+4+len(r[2])))
		}
	}
}
