// Command pack builds what is deployed: a zip and an SBOM for each function, a template that names the zips, and a manifest.
//
//	pack [-template template.yaml] [-out .build] [-arch arm64,x86_64] [-commit SHA] [-bucket NAME] [-cold]
//
// Everything is built twice, the second time from a copy in another folder, and both builds must be the same byte for byte. A
// zip holds bootstrap alone and is named by its content, so that an unchanged function keeps its name from one commit to the
// next, and a deployment touches only what has changed. For the same reason only functions that have a variable main.commit
// are built with the commit.
//
// It writes to -out, for each architecture:
//
//	template.yaml, template-x86_64.yaml    the template with each CodeUri replaced by its zip (the first is of arm64)
//	functions/<name>/<sha256>.zip          what Lambda runs
//	functions/<name>/<sha256>.cdx.json     its SBOM (CycloneDX 1.6), from what the linker recorded
//	manifest.json                          commit, Go version and hashes
//	release/template.yaml, ...             with -bucket: the same with the places of the zips in it, s3://NAME/functions/...,
//	                                       the manifest, and the samconfig.toml beside the template, if there is one
//
// -cold empties the build cache for the second build, which takes minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	var o options
	flag.StringVar(&o.template, "template", "template.yaml", "SAM `file`; go.mod stands beside it")
	flag.StringVar(&o.out, "out", ".build", "`folder` to write to")
	architectures := flag.String("arch", "arm64,x86_64", "architectures, `comma-separated`")
	flag.StringVar(&o.commit, "commit", "", "commit `SHA`; default: git's HEAD")
	flag.StringVar(&o.bucket, "bucket", "", "`name` of the bucket to which the zips go")
	flag.BoolVar(&o.cold, "cold", false, "empty the build cache for the second build")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "pack: unexpected argument", flag.Arg(0))
		os.Exit(2)
	}
	o.architectures = strings.Split(*architectures, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1) //nolint:gocritic // stop only undoes NotifyContext
	}
}

type options struct {
	template      string
	out           string
	architectures []string
	commit        string
	bucket        string
	cold          bool
}

// goArch translates Lambda's names of architectures.
var goArch = map[string]string{"arm64": "arm64", "x86_64": "amd64"}

func run(ctx context.Context, o options, out io.Writer) error {
	for _, a := range o.architectures {
		if goArch[a] == "" {
			return fmt.Errorf("-arch: %q is neither arm64 nor x86_64", a)
		}
	}
	root, err := filepath.Abs(filepath.Dir(o.template))
	if err != nil {
		return fmt.Errorf("find the project: %w", err)
	}
	if o.commit == "" {
		if o.commit, err = head(ctx, root); err != nil {
			return err
		}
	}
	t, err := readTemplate(o.template)
	if err != nil {
		return err
	}
	p := packer{options: o, root: root, manifest: Manifest{Commit: o.commit, Functions: map[string]map[string]Artifact{}}}
	for _, arch := range o.architectures {
		if err := p.pack(ctx, t, arch); err != nil {
			return err
		}
	}
	if err := p.writeManifest(); err != nil {
		return err
	}
	return p.report(out)
}

// head is the commit of the working tree. A suffix says that there are changes which are not committed.
func head(ctx context.Context, root string) (string, error) {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = root
		text, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return strings.TrimSpace(string(text)), err
	}
	sha, err := git("rev-parse", "HEAD")
	if err != nil {
		return "", fmt.Errorf("find the commit (or give -commit): %w", err)
	}
	changed, err := git("status", "--porcelain")
	if err != nil {
		return "", fmt.Errorf("find the commit: %w", err)
	}
	if changed != "" {
		sha += "-dirty"
	}
	return sha, nil
}
