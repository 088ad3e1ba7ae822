package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"pricing/samkit/emulator"
	"pricing/samkit/process"
)

// bucket holds what is deployed.
const bucket = "artifacts"

// parameters replace those of samconfig.toml in every environment: what the emulator refuses is left out, and who may call the API is
// said, which samconfig.toml leaves to whoever deploys.
var parameters = []string{"Architecture=x86_64", "BoundedRoles=false", "GradualDeployments=false", "Public=true", "Rehearsal=true"}

// given is PARAMETERS with one more than every environment has.
func given(parameter string) string {
	return "PARAMETERS=" + strings.Join(append(parameters, parameter), "\n")
}

// start starts the emulator and makes what must be there before the first deployment: the bucket.
func (r *rehearsal) start(ctx context.Context) (seen string, err error) {
	if r.emulator, err = emulator.Start(ctx, r.python, r.dir); err != nil {
		return "", err
	}
	if _, err := r.aws(ctx, "s3", "mb", "s3://"+bucket); err != nil {
		r.emulator.Stop()
		return "", err
	}
	return "ministack at " + r.emulator.URL + ", execution roles enforced", nil
}

// environment is the one of the scripts: the emulator in the place of AWS, and none of git's variables.
func (r *rehearsal) environment(more ...string) []string {
	var kept []string
	for _, variable := range r.emulator.Environment() {
		if !strings.HasPrefix(variable, "GIT_") {
			kept = append(kept, variable)
		}
	}
	kept = append(kept,
		"TMPDIR="+r.dir,
		"GOFLAGS=-trimpath", "CGO_ENABLED=0", // the copy lies elsewhere each time; with these the build cache serves all the same
		"PACK_FLAGS=-arch x86_64", "SMOKE_FLAGS=-emulator", "SMOKE_URL="+r.emulator.API("{ApiId}", "{env}"),
		"PARAMETERS="+strings.Join(parameters, "\n"), "ALLOW_CHANGES=", "GUARD_FLAGS=", "CFN_ROLE_ARN=", "MANIFEST=")
	return append(kept, more...)
}

// command runs a program in the copy of the project and returns what it printed.
func (r *rehearsal) command(ctx context.Context, environment []string, name string, args ...string) (string, error) {
	cmd := process.Command(ctx, name, args...)
	cmd.Dir = r.copy
	cmd.Env = r.environment(environment...)
	text, err := cmd.CombinedOutput()
	_, _ = fmt.Fprintf(r.log, "$ %s %s\n%s", filepath.Base(name), strings.Join(args, " "), text)
	return string(text), err
}

// must runs a command that has to succeed.
func (r *rehearsal) must(ctx context.Context, environment []string, name string, args ...string) (string, error) {
	text, err := r.command(ctx, environment, name, args...)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, last(text))
	}
	return text, nil
}

// refused runs a command that has to fail and to say why.
func (r *rehearsal) refused(ctx context.Context, why, name string, args ...string) error {
	text, err := r.command(ctx, nil, name, args...)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return fmt.Errorf("%s %s succeeded, but had to be refused\n%s", filepath.Base(name), strings.Join(args, " "), last(text))
	case !strings.Contains(text, why):
		return fmt.Errorf("%s %s failed, but not for %q: %w\n%s", filepath.Base(name), strings.Join(args, " "), why, err, last(text))
	}
	return nil
}

// aws runs the AWS CLI.
func (r *rehearsal) aws(ctx context.Context, args ...string) (string, error) {
	text, err := r.must(ctx, nil, r.emulator.CLI(), args...)
	return strings.TrimSpace(text), err
}

// script runs a script of ops/pipeline.
func (r *rehearsal) script(ctx context.Context, environment []string, name string, args ...string) (string, error) {
	return r.must(ctx, environment, filepath.Join("ops", "pipeline", name), args...)
}
