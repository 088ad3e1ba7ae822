package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"pricing/samkit/process"
)

// What ops/account.yaml calls the bucket; .gitlab-ci.yml builds the name from the variables that the project's settings give.
const (
	accountID      = "000000000000" // the emulator's
	accountsBucket = "pricing-artifacts-" + accountID + "-" + region
	gitlabURL      = "https://gitlab.example.com"
	gitlabProject  = "group/pricing"
)

// gitlabCI is gitlab-ci-local, which `make gitlab-ci` installs.
func gitlabCI(root string) string {
	return filepath.Join(root, "tools", "pipeline", "node_modules", "gitlab-ci-local", "src", "index.js")
}

// pipeline runs the jobs of .gitlab-ci.yml, each as the role that its ID token lets it be: a first commit to integ and prod, a second to prod, a third that is broken and
// whose failed smoke rolls back, and a rollback by hand.
func (r *rehearsal) pipeline(ctx context.Context) error {
	for _, needed := range []struct{ file, by string }{{gitlabCI(r.root), "make gitlab-ci"}, {"rsync", "apt-get install rsync"}} {
		if _, err := exec.LookPath(needed.file); err != nil {
			return fmt.Errorf("%s is missing: %s", needed.file, needed.by)
		}
	}
	caches, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOCACHE").Output() // the runner's would be empty ones
	if err != nil {
		return fmt.Errorf("find Go's caches: %w", err)
	}
	r.goCaches = strings.Fields(string(caches))
	var commits [3]string
	commit := func(i int, message string) (err error) {
		commits[i], err = r.commit(ctx, message)
		return err
	}
	type step struct {
		name string
		do   func(ctx context.Context) (string, error)
	}
	steps := []step{{"copy the project", func(ctx context.Context) (string, error) {
		told, err := r.copyProject(ctx)
		if err != nil {
			return "", err
		}
		// What the rules and variables are made of in GitLab.
		for _, args := range [][]string{{"symbolic-ref", "HEAD", "refs/heads/main"}, {"remote", "add", "origin", gitlabURL + "/" + gitlabProject + ".git"}} {
			if _, err := r.must(ctx, nil, "git", args...); err != nil {
				return "", err
			}
		}
		return told, commit(0, "the first version")
	}}, {"owner stack", r.ownerStack}, {"who may not", r.refusedLogins}}
	if r.all {
		for _, job := range []string{"lint", "template", "test", "e2e", "rehearsal"} { // one after the other: all work in the same folder
			steps = append(steps, step{job, func(ctx context.Context) (string, error) { return r.jobs(ctx, os.Environ(), nil, job) }})
		}
	}
	steps = append(steps, []step{
		{"package 1", func(ctx context.Context) (string, error) {
			return r.jobs(ctx, r.environment(idToken("main", "")), nil, "build", "package")
		}},
		{"to integ", func(ctx context.Context) (string, error) {
			return r.jobs(ctx, r.environment(idToken("main", ":environment_protected:false")), nil, "changeset:integ", "deploy:integ")
		}},
		{"token integ", func(ctx context.Context) (string, error) { return r.token(ctx, "integ") }},
		{"smoke integ", func(ctx context.Context) (string, error) {
			return r.jobs(ctx, r.environment(idToken("main", ":environment_protected:false"), "SMOKE_TOKEN="+r.tokenFile("integ")), nil, "smoke:integ")
		}},
		{"to prod", func(ctx context.Context) (string, error) {
			return r.jobs(ctx, r.prod(), nil, "changeset:prod", "deploy:prod")
		}},
		{"token prod", func(ctx context.Context) (string, error) { return r.token(ctx, "prod") }},
		{"smoke prod", func(ctx context.Context) (string, error) { return r.jobs(ctx, r.prod(), nil, "smoke:prod") }},
		{"package 2", func(ctx context.Context) (string, error) {
			if err := r.addFile("second", "a commit more: get-health, which tells it, is another\n"); err != nil {
				return "", err
			}
			if err := commit(1, "the second version"); err != nil {
				return "", err
			}
			return r.jobs(ctx, r.environment(idToken("main", "")), nil, "package")
		}},
		{"to prod 2", func(ctx context.Context) (string, error) {
			told, err := r.jobs(ctx, r.prod(), nil, "changeset:prod", "deploy:prod", "smoke:prod")
			return told, errors.Join(err, r.isGood(ctx, commits[1]))
		}},
		{"package 3, which is broken", func(ctx context.Context) (string, error) {
			if err := r.addFile("functions/list-offers/third.go", "package main\n\nfunc init() { panic(\"the third version is broken\") }\n"); err != nil {
				return "", err
			}
			if err := commit(2, "the third version"); err != nil {
				return "", err
			}
			return r.jobs(ctx, r.environment(idToken("main", "")), nil, "package")
		}},
		// The change set that lies there is of another commit: deploy:prod makes its own, as when it is started again alone.
		{"to prod 3 and back", func(ctx context.Context) (string, error) {
			told, err := r.jobs(ctx, r.prod(), []string{"smoke:prod"}, "deploy:prod", "smoke:prod", "rollback:prod:smoke-failed")
			return told, errors.Join(err, r.isGood(ctx, commits[1]))
		}},
		{"rollback by hand", func(ctx context.Context) (string, error) {
			told, err := r.jobs(ctx, r.prod(), nil, "rollback:prod")
			return told, errors.Join(err, r.isGood(ctx, commits[0]))
		}},
	}...)
	for _, s := range steps {
		if err := r.step(ctx, s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

// prod is the environment of production's jobs.
func (r *rehearsal) prod() []string {
	return r.environment(idToken("main", ":environment_protected:true"), "SMOKE_TOKEN="+r.tokenFile("prod"))
}

// idToken is AWS_ID_TOKEN as GitLab would set it for a job of a branch; the emulator reads it and does not ask who signed.
func idToken(branch, environment string) string {
	part := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	return "AWS_ID_TOKEN=" + part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(
		`{"iss":%q,"aud":%q,"sub":"project_path:%s:ref_type:branch:ref:%s%s"}`, gitlabURL, gitlabURL, gitlabProject, branch, environment)) + "."
}

// ownerStack deploys ops/account.yaml, but for what the emulator lacks: identity providers, whose tokens it takes all the
// same, and the condition on the role that a change set is given.
func (r *rehearsal) ownerStack(ctx context.Context) (string, error) {
	text, err := os.ReadFile(filepath.Join(r.copy, "ops", "account.yaml"))
	if err != nil {
		return "", fmt.Errorf("read the owner stack: %w", err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "cloudformation:RoleArn") {
			lines = append(lines, line)
		}
	}
	file := filepath.Join(r.dir, "account.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		return "", fmt.Errorf("write the owner stack: %w", err)
	}
	if _, err := r.aws(ctx, "cloudformation", "deploy", "--stack-name", "pricing-account", "--template-file", file, "--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND",
		"--parameter-overrides", "GitLabUrl="+gitlabURL, "ProjectPath="+gitlabProject, "ExistingProviderArn=arn:aws:iam::"+accountID+":oidc-provider/gitlab.example.com"); err != nil {
		return "", err
	}
	return "bucket and roles", nil
}

// refusedLogins asserts which jobs do not become what they ask for.
func (r *rehearsal) refusedLogins(ctx context.Context) (string, error) {
	logins := []struct{ role, token string }{
		{"pricing-prod-pipeline", idToken("main", ":environment_protected:false")},
		{"pricing-prod-pipeline", idToken("main", "")},
		{"pricing-prod-pipeline", idToken("topic", ":environment_protected:true")},
		{"pricing-integ-pipeline", idToken("topic", ":environment_protected:false")},
		{"pricing-package", idToken("topic", "")},
	}
	for _, l := range logins {
		if err := r.refused(ctx, "Not authorized to perform sts:AssumeRoleWithWebIdentity",
			"env", l.token, "bash", "-euc", `. ops/pipeline/login.sh "$0"`, "arn:aws:iam::"+accountID+":role/owner/"+l.role); err != nil {
			return "", err
		}
	}
	// Whoever may is not let do more than that.
	pack, integ, prod := idToken("main", ""), idToken("main", ":environment_protected:false"), idToken("main", ":environment_protected:true")
	for _, denied := range []struct{ role, token, why, do string }{
		{"pricing-package", pack, "explicit deny in a resource-based policy", "aws s3 cp ops/account.yaml s3://" + accountsBucket + "/functions/x"}, // no TLS
		{"pricing-package", pack, "explicit deny in an identity-based policy", "aws s3 cp ops/account.yaml s3://" + accountsBucket + "/deployed/prod/good"},
		{"pricing-integ-pipeline", integ, "s3:PutObject", "aws s3 cp ops/account.yaml s3://" + accountsBucket + "/deployed/prod/good"},
		{"pricing-integ-pipeline", integ, "cloudformation:DescribeStacks", "aws cloudformation describe-stacks --stack-name pricing-prod"},
		{"pricing-prod-pipeline", prod, "dynamodb:Scan", "aws dynamodb scan --table-name pricing-prod"},
	} {
		if err := r.refused(ctx, denied.why, "env", denied.token, "bash", "-euc", `. ops/pipeline/login.sh "$0"; `+denied.do, "arn:aws:iam::"+accountID+":role/owner/"+denied.role); err != nil {
			return "", err
		}
	}
	_, err := r.aws(ctx, "s3api", "delete-bucket-policy", "--bucket", accountsBucket) // the emulator speaks no TLS
	return "logins of other branches and environments; what is another role's", err
}

// isGood asserts which commit prod runs and holds for good; the smoke has asked the API itself.
func (r *rehearsal) isGood(ctx context.Context, commit string) error {
	for _, name := range []string{"current", "good"} {
		text, err := r.aws(ctx, "s3", "cp", "s3://"+accountsBucket+"/deployed/prod/"+name, "-")
		if err != nil {
			return err
		}
		if text != commit {
			return fmt.Errorf("prod's %s commit is %s, not %s", name, short(text), short(commit))
		}
	}
	return nil
}

// summary is a job's line at the end of what gitlab-ci-local prints.
var summary = regexp.MustCompile(`(?m)^ (PASS|FAIL) +\[ *([^\]]+)\] +(\S+)`)

// jobs runs jobs of .gitlab-ci.yml in the copy and tells how long each took. Those of failing have to fail, all others to
// succeed, and none may be left out. A job waits only for those of the others that it needs itself.
func (r *rehearsal) jobs(ctx context.Context, environment, failing []string, names ...string) (string, error) {
	args := []string{gitlabCI(r.root), "--home", r.dir, "--no-color", "--timestamps", "--force-shell-executor", "--shell-executor-no-image"}
	// The settings, and what the file itself sets: that would win over the environment.
	for _, variable := range []string{
		"AWS_ACCOUNT_ID=" + accountID, "AWS_DEFAULT_REGION=" + region, "PACK_FLAGS=-arch x86_64", "GOMODCACHE=" + r.goCaches[0], "GOCACHE=" + r.goCaches[1],
	} {
		args = append(args, "--variable", variable)
	}
	for _, name := range names { // the click, without which nothing that needs a manual job runs
		args = append(args, "--manual="+name)
	}
	cmd := process.Command(ctx, "node", append(args, names...)...)
	cmd.Dir, cmd.Env = r.copy, environment
	text, err := cmd.CombinedOutput()
	_, _ = fmt.Fprintf(r.log, "$ gitlab-ci-local %s\n%s", strings.Join(names, " "), text)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if strings.Contains(string(text), "no login") {
		return "", fmt.Errorf("a job took no role\n%s", last(string(text)))
	}
	took := map[string]string{}
	for _, job := range summary.FindAllStringSubmatch(string(text), -1) {
		if (job[1] == "FAIL") != slices.Contains(failing, job[3]) {
			return "", fmt.Errorf("the job %s: %s\n%s", job[3], job[1], last(string(text)))
		}
		took[job[3]] = job[2]
	}
	if (err != nil) != (len(failing) > 0) {
		return "", fmt.Errorf("gitlab-ci-local: %w\n%s", err, last(string(text)))
	}
	var told []string
	for _, name := range names {
		if took[name] == "" {
			return "", fmt.Errorf("the job %s did not run\n%s", name, last(string(text)))
		}
		failed := ""
		if slices.Contains(failing, name) {
			failed = " FAILS"
		}
		told = append(told, name+failed+" "+took[name])
	}
	return strings.Join(told, ", "), nil
}
