package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"pricing/samkit/emulator"
	"pricing/samkit/process"
)

const (
	// ops/account.yaml gives the bucket this name, and .gitlab-ci.yml builds it from the variables of the project's settings.
	accountsBucket = "pricing-artifacts-" + emulator.AccountID + "-" + emulator.Region
	roles          = "arn:aws:iam::" + emulator.AccountID + ":role/owner/"
	gitlabURL      = "https://gitlab.example.com"
	gitlabProject  = "group/pricing"
)

// gitlabCI is gitlab-ci-local, which `make gitlab-ci` installs.
func gitlabCI(root string) string {
	return filepath.Join(root, "tools", "pipeline", "node_modules", "gitlab-ci-local", "src", "index.js")
}

// pipeline runs the jobs of .gitlab-ci.yml, each as the role that its ID token lets it be: a first commit to integ and prod, a
// second to prod, a third that is broken and whose failed smoke test rolls it back, and a rollback by hand.
func (r *rehearsal) pipeline(ctx context.Context) error {
	for _, needed := range []struct{ file, by string }{{gitlabCI(r.root), "make gitlab-ci"}, {"rsync", "apt-get install rsync"}} {
		if _, err := exec.LookPath(needed.file); err != nil {
			return fmt.Errorf("%s is missing: %s", needed.file, needed.by)
		}
	}
	caches, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOCACHE").Output() // the runner's own would be empty
	if err != nil {
		return fmt.Errorf("find Go's caches: %w", err)
	}
	r.goCaches = strings.Fields(string(caches))
	var steps []step
	add := func(name string, do func(ctx context.Context) (string, error)) { steps = append(steps, step{name, do}) }

	var first, second string // commits
	add("copy the project", func(ctx context.Context) (string, error) {
		seen, err := r.copyProject(ctx)
		if err != nil {
			return "", err
		}
		// From the branch and the remote come the values that rules and variables have in GitLab.
		origin := gitlabURL + "/" + gitlabProject + ".git"
		for _, args := range [][]string{{"symbolic-ref", "HEAD", "refs/heads/main"}, {"remote", "add", "origin", origin}} {
			if _, err := r.must(ctx, nil, "git", args...); err != nil {
				return "", err
			}
		}
		first, err = r.commit(ctx, "the first version")
		return seen, err
	})
	add("owner stack", r.ownerStack)
	add("who may not", r.refusedLogins)
	if r.all {
		// In turn, since all work in one folder.
		for _, job := range []string{"lint", "audit", "template", "test", "e2e", "contract", "rehearsal"} {
			add(job, func(ctx context.Context) (string, error) { return r.jobs(ctx, os.Environ(), nil, job) })
		}
	}
	integ := func(names ...string) func(ctx context.Context) (string, error) { // and of any other environment that is not protected
		return func(ctx context.Context) (string, error) {
			environment := r.environment(idToken("main", ":environment_protected:false"), "SMOKE_TOKEN="+r.tokenFile("integ"))
			return r.jobs(ctx, environment, nil, names...)
		}
	}
	changes := func(ctx context.Context) (string, error) { // production's; these jobs are not of the protected environment
		return r.jobs(ctx, r.environment(idToken("main", ":environment_protected:false")), nil, "package:prod", "changeset:prod")
	}
	prod := func(names ...string) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return r.jobs(ctx, r.prod(), nil, names...) }
	}
	add("package 1", integ("build", "package:integ"))
	add("to integ", integ("changeset:integ", "deploy:integ"))
	add("token integ", func(ctx context.Context) (string, error) { return r.token(ctx, "integ") })
	add("smoke integ", integ("smoke:integ"))
	add("changes of prod", changes)
	add("to prod", prod("deploy:prod"))
	add("token prod", func(ctx context.Context) (string, error) { return r.token(ctx, "prod") })
	add("smoke prod", prod("smoke:prod"))
	add("package 2", func(ctx context.Context) (_ string, err error) {
		// With another commit get-health, which says it, is another.
		if err = r.addFile("second", "one more commit\n"); err != nil {
			return "", err
		}
		if second, err = r.commit(ctx, "the second version"); err != nil {
			return "", err
		}
		return integ("package:integ")(ctx)
	})
	add("changes of prod 2", changes)
	add("to prod 2", func(ctx context.Context) (string, error) {
		// The first time a second change set came after it, which protects the table and makes the emulator forget the one that was shown.
		shown, err := os.ReadFile(filepath.Join(r.copy, ".build", "changeset-prod.json"))
		if err != nil {
			return "", fmt.Errorf("read what was shown: %w", err)
		}
		seen, err := prod("deploy:prod", "smoke:prod")(ctx)
		if err != nil {
			return "", err
		}
		return seen, errors.Join(r.executed(ctx, shown), r.isGood(ctx, second))
	})
	add("package 3, which is broken", func(ctx context.Context) (string, error) {
		if err := r.addFile("functions/list-offers/third.go", brokenVersion); err != nil {
			return "", err
		}
		if _, err := r.commit(ctx, "the third version"); err != nil {
			return "", err
		}
		return integ("package:integ")(ctx)
	})
	// The change set that is there belongs to another commit, so deploy:prod makes its own, as when it is started again alone.
	add("to prod 3 and back", func(ctx context.Context) (string, error) {
		seen, err := r.jobs(ctx, r.prod(), []string{"smoke:prod"}, "deploy:prod", "smoke:prod", "rollback:prod:smoke-failed")
		return seen, errors.Join(err, r.isGood(ctx, second))
	})
	add("rollback by hand", func(ctx context.Context) (string, error) {
		seen, err := prod("rollback:prod")(ctx)
		return seen, errors.Join(err, r.isGood(ctx, first))
	})
	return r.steps(ctx, steps...)
}

// prod is the environment of production's jobs.
func (r *rehearsal) prod() []string {
	return r.environment(idToken("main", ":environment_protected:true"), "SMOKE_TOKEN="+r.tokenFile("prod"))
}

// idToken is AWS_ID_TOKEN as GitLab would set it for a job of a branch. The emulator reads it and does not ask who signed it.
func idToken(branch, environment string) string {
	part := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	return "AWS_ID_TOKEN=" + part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(
		`{"iss":%q,"aud":%q,"sub":"project_path:%s:ref_type:branch:ref:%s%s"}`, gitlabURL, gitlabURL, gitlabProject, branch, environment)) + "."
}

// ownerStack deploys ops/account.yaml without what the emulator lacks: identity providers, whose tokens it accepts all the same,
// service-linked roles, and the condition on the role that is given to a change set.
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
	provider := "arn:aws:iam::" + emulator.AccountID + ":oidc-provider/gitlab.example.com"
	if _, err := r.aws(ctx, "cloudformation", "deploy", "--stack-name", "pricing-account", "--template-file", file,
		"--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND", "--parameter-overrides",
		"GitLabUrl="+gitlabURL, "ProjectPath="+gitlabProject, "ExistingProviderArn="+provider, "Environments=integ,prod",
		"MakesGatewayServiceRole=false"); err != nil {
		return "", err
	}
	return "bucket and roles", nil
}

// refusedLogins asserts which jobs do not get the role that they ask for, and what the roles may not do.
func (r *rehearsal) refusedLogins(ctx context.Context) (string, error) {
	logins := []struct{ role, token string }{
		{"pricing-prod-pipeline", idToken("main", ":environment_protected:false")},
		{"pricing-prod-pipeline", idToken("main", "")},
		{"pricing-prod-pipeline", idToken("topic", ":environment_protected:true")},
		{"pricing-integ-pipeline", idToken("topic", ":environment_protected:false")},
		{"pricing-prod-changes", idToken("topic", ":environment_protected:false")},
		{"pricing-package", idToken("topic", ":environment_protected:false")},
		{"pricing-package", idToken("main", "")},
		{"pricing-package", idToken("main", ":environment_protected:true")},
	}
	for _, l := range logins {
		if err := r.refused(ctx, "Not authorized to perform sts:AssumeRoleWithWebIdentity",
			"env", l.token, "bash", "-euc", `. ops/pipeline/login.sh "$0"`, roles+l.role); err != nil {
			return "", err
		}
	}
	const (
		upload   = "aws s3 cp ops/account.yaml s3://" + accountsBucket + "/functions/x"
		vouch    = "aws s3 cp ops/account.yaml s3://" + accountsBucket + "/deployed/prod/good"
		template = "aws s3 cp ops/account.yaml s3://" + accountsBucket + "/deployed/prod/template.yaml"
		execute  = "aws cloudformation execute-change-set --stack-name pricing-prod --change-set-name x"
		describe = "aws cloudformation describe-stacks --stack-name pricing-prod"
	)
	unprotected := idToken("main", ":environment_protected:false")
	prod := idToken("main", ":environment_protected:true")
	type attempt struct{ role, token, why, do string }
	allDenied := func(attempts ...attempt) error {
		for _, a := range attempts {
			if err := r.refused(ctx, a.why,
				"env", a.token, "bash", "-euc", `. ops/pipeline/login.sh "$0"; `+a.do, roles+a.role); err != nil {
				return err
			}
		}
		return nil
	}
	if err := allDenied(
		attempt{"pricing-package", unprotected, "explicit deny in a resource-based policy", upload}, // without TLS
		attempt{"pricing-package", unprotected, "explicit deny in an identity-based policy", vouch},
		attempt{"pricing-integ-pipeline", unprotected, "s3:PutObject", vouch},
		attempt{"pricing-integ-pipeline", unprotected, "cloudformation:DescribeStacks", describe},
		attempt{"pricing-prod-changes", unprotected, "cloudformation:ExecuteChangeSet", execute},
		attempt{"pricing-prod-changes", unprotected, "s3:PutObject", vouch},
		attempt{"pricing-prod-pipeline", prod, "dynamodb:Scan", "aws dynamodb scan --table-name pricing-prod"},
	); err != nil {
		return "", err
	}
	if err := r.withoutTLS(ctx); err != nil {
		return "", err
	}
	// Without TLS no longer, but without a condition.
	if err := allDenied(attempt{"pricing-package", unprotected, "explicit deny in a resource-based policy", upload}); err != nil {
		return "", err
	}
	if _, err := r.must(ctx, nil, "env", unprotected, "bash", "-euc", `. ops/pipeline/login.sh "$0"; `+template,
		roles+"pricing-prod-changes"); err != nil {
		return "", err
	}
	// The emulator refuses uploads without a condition, and those with one as well: it does not look at it.
	_, err := r.aws(ctx, "s3api", "delete-bucket-policy", "--bucket", accountsBucket)
	return "refused: logins of other branches and environments, what only another role may do, overwriting", err
}

// withoutTLS takes from the bucket's policy what asks for TLS, which the emulator lacks.
func (r *rehearsal) withoutTLS(ctx context.Context) error {
	text, err := r.aws(ctx, "s3api", "get-bucket-policy", "--bucket", accountsBucket, "--query", "Policy", "--output", "text")
	if err != nil {
		return err
	}
	var policy struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return fmt.Errorf("read the bucket's policy: %w", err)
	}
	policy.Statement = slices.DeleteFunc(policy.Statement, func(s map[string]any) bool { return s["Sid"] == "OnlyTls" })
	if len(policy.Statement) != 1 {
		return fmt.Errorf("the bucket's policy has %d statements besides that on TLS, not 1", len(policy.Statement))
	}
	rest, err := json.Marshal(policy)
	if err != nil {
		return fmt.Errorf("encode the bucket's policy: %w", err)
	}
	_, err = r.aws(ctx, "s3api", "put-bucket-policy", "--bucket", accountsBucket, "--policy", string(rest))
	return err
}

// executed asserts that a change set was executed: the one that was shown, and not another that deploy.sh made.
func (r *rehearsal) executed(ctx context.Context, shown []byte) error {
	var set struct{ StackName, ChangeSetID string } // JSON's case does not count
	if err := json.Unmarshal(shown, &set); err != nil {
		return fmt.Errorf("read what was shown: %w", err)
	}
	text, err := r.aws(ctx, "cloudformation", "list-change-sets", "--stack-name", set.StackName,
		"--query", "Summaries[?ChangeSetId=='"+set.ChangeSetID+"'].ExecutionStatus", "--output", "text")
	if err == nil && text != "EXECUTE_COMPLETE" {
		err = fmt.Errorf("the change set that was shown is not the one that was executed, but %q", text)
	}
	return err
}

// isGood asserts that the commit is the one that prod runs and that is known to be good. The smoke test has asked the API.
func (r *rehearsal) isGood(ctx context.Context, commit string) error {
	for _, name := range []string{"current", "good"} {
		text, err := r.aws(ctx, "s3", "cp", "s3://"+accountsBucket+"/deployed/prod/"+name, "-")
		if err != nil {
			return err
		}
		if !strings.HasPrefix(text, commit+" ") {
			return fmt.Errorf("prod's %s commit is %s, not %s", name, short(text), short(commit))
		}
	}
	return nil
}

// summary is a job's line at the end of what gitlab-ci-local prints. A job that has skipped a part warns.
var summary = regexp.MustCompile(`(?m)^ (PASS|WARN|FAIL) +\[ *([^\]]+)\] +(\S+)`)

// jobs runs jobs of .gitlab-ci.yml in the copy and says how long each took. Those in failing have to fail, all others have to
// succeed, and none may be left out. A job waits only for those of the others that it needs itself.
func (r *rehearsal) jobs(ctx context.Context, environment, failing []string, names ...string) (string, error) {
	args := []string{
		gitlabCI(r.root), "--home", r.dir, "--no-color", "--timestamps", "--force-shell-executor", "--shell-executor-no-image",
	}
	// What the project's settings say, and what the file itself sets: that would win over the environment.
	for _, variable := range []string{
		"AWS_ACCOUNT_ID=" + emulator.AccountID, "AWS_DEFAULT_REGION=" + emulator.Region, "PACK_FLAGS=-arch x86_64",
		"GOMODCACHE=" + r.goCaches[0], "GOCACHE=" + r.goCaches[1],
	} {
		args = append(args, "--variable", variable)
	}
	for _, name := range names { // stands for the click without which nothing runs that needs a manual job
		args = append(args, "--manual="+name)
	}
	cmd := process.Command(ctx, "node", append(args, names...)...)
	cmd.Dir = r.copy
	cmd.Env = environment
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
	var seen []string
	for _, name := range names {
		if took[name] == "" {
			return "", fmt.Errorf("the job %s did not run\n%s", name, last(string(text)))
		}
		failed := ""
		if slices.Contains(failing, name) {
			failed = " FAILS"
		}
		seen = append(seen, name+failed+" "+took[name])
	}
	return strings.Join(seen, ", "), nil
}
