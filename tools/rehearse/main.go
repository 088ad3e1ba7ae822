// Command rehearse deploys this project to an emulator of AWS, from nothing to a rollback, with the scripts of ops/pipeline.
//
//	go run ./tools/rehearse [-sam]
//	go run ./tools/rehearse -pipeline [-all]
//
// It works on a copy of the working tree with a git repository of its own, so that it can commit. A first version goes to dev
// and prod, then a second that changes one handler, then a third that is broken and is rolled back. Change sets that would
// replace the table or change a permission are refused unless they are named. The functions run with their roles enforced.
// Every step is asserted; the first that is not as it must be is named, and ends the rehearsal with status 1. All output of the
// commands is in .local/rehearse.log. -sam deploys one more environment as people do, by `make deploy`; it installs the SAM CLI
// below .local, once.
//
// -pipeline runs the jobs of .gitlab-ci.yml instead, without GitLab but with gitlab-ci-local, from build to the rollback;
// -all also runs those before build, which takes as long as .ci/run.
//
// The emulator (samkit/emulator) is installed below .local, once. The last lines say what only AWS itself can show. Linux on
// x86-64 only, since the binaries run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"pricing/samkit/emulator"
	"pricing/samkit/engine"
	"pricing/samkit/pythonenv"
)

func main() {
	sam := flag.Bool("sam", false, "also deploy with the SAM CLI")
	gitlab := flag.Bool("pipeline", false, "run .gitlab-ci.yml instead")
	all := flag.Bool("all", false, "with -pipeline: all its jobs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, &rehearsal{out: os.Stdout, sam: *sam, gitlab: *gitlab, all: *all})) //nolint:gocritic // stop only undoes NotifyContext
}

func run(ctx context.Context, r *rehearsal) int {
	out := r.out
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		_, _ = fmt.Fprintf(out, "\n*** SKIPPED: nothing was rehearsed: the binaries are for Linux on x86-64 ***\n\n")
		return 0
	}
	begin := time.Now()
	err := r.run(ctx)
	switch {
	case ctx.Err() != nil:
		_, _ = fmt.Fprintln(out, "rehearse: interrupted")
	case err != nil:
		_, _ = fmt.Fprintln(out, "rehearse:", err)
	default:
		_, _ = fmt.Fprintf(out, "%6.1f s  in all\n%s", time.Since(begin).Seconds(), notProved)
		return 0
	}
	return 1
}

// notProved is what the emulator cannot show.
const notProved = `
Only AWS itself can show:
  the gateway's own answers (problem documents, validators, models), its logs and its timeouts
  CodeDeploy: a canary, and its rollback by an alarm
  alarms of metric math, composite alarms, the metrics of Lambda, API Gateway and DynamoDB
  point-in-time recovery, encryption, TTL and deletion protection as CloudFormation sets them
  that a stack in ROLLBACK_COMPLETE takes no update, and that a table's name in use makes a replacement fail
  CAPABILITY_IAM, CloudFormation's own role, GitLab's signature on a token, quotas, arm64 (the pipeline's roles: make pipeline)
`

// rehearsal is one run.
type rehearsal struct {
	out      io.Writer
	sam      bool
	gitlab   bool   // run .gitlab-ci.yml
	all      bool   // and all of its jobs
	root     string // of the project
	dir      string // our files, removed at the end
	copy     string // of the project
	python   string // has the emulator and the AWS CLI
	samCLI   string // a Python that has the SAM CLI; "" without -sam
	log      *os.File
	emulator *emulator.Emulator
	goCaches []string          // modules and builds
	observed map[string]string // by environment: when the offer was observed that must outlive all deployments
}

func (r *rehearsal) run(ctx context.Context) (err error) {
	if r.root, err = engine.Root(); err != nil {
		return err
	}
	local := filepath.Join(r.root, ".local")
	if r.python, err = emulator.Install(ctx, r.root, r.out); err != nil {
		return err
	}
	if r.sam {
		if r.samCLI, err = pythonenv.Install(ctx, r.root, "samkit/samtest", r.out); err != nil {
			return fmt.Errorf("install the SAM CLI: %w", err)
		}
	}
	if r.dir, err = os.MkdirTemp("", "rehearse-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(r.dir) //nolint:errcheck // the system clears its temporary folder
	if r.log, err = os.Create(filepath.Join(local, "rehearse.log")); err != nil {
		return fmt.Errorf("make the log: %w", err)
	}
	defer func() { err = errors.Join(err, r.log.Close()) }()

	if err := r.steps(ctx, step{"emulator", r.start}); err != nil {
		return err
	}
	defer r.emulator.Stop()
	if r.gitlab {
		return r.pipeline(ctx)
	}
	return r.scenario(ctx)
}

// step is a part of a rehearsal. It asserts what it does and returns what was seen, in a few words.
type step struct {
	name string
	do   func(ctx context.Context) (seen string, err error)
}

// steps does one step after the other, and prints of each its time and what was seen.
func (r *rehearsal) steps(ctx context.Context, steps ...step) error {
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(r.log, "\n=== %s\n", s.name)
		begin := time.Now()
		seen, err := s.do(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		_, _ = fmt.Fprintf(r.out, "%6.1f s  %-28s %s\n", time.Since(begin).Seconds(), s.name, seen)
	}
	return nil
}

// last are the closing lines of what a command printed.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
