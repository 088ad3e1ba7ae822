package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// secret is a parameter with NoEcho. It is set once, by hand, and has to stay.
const secret = "LegacyAuthorization=Basic b2xk"

func short(commit string) string { return commit[:min(12, len(commit))] }

func (r *rehearsal) tokenFile(env string) string { return filepath.Join(r.dir, "token-"+env) }

// addFile adds a file to the copy of the project.
func (r *rehearsal) addFile(file, text string) error {
	if err := os.WriteFile(filepath.Join(r.copy, file), []byte(text), 0o600); err != nil {
		return fmt.Errorf("change the copy: %w", err)
	}
	return nil
}

// touched asserts that only two zips changed from one version to the next: the handler's, and the one with the commit in it.
func (r *rehearsal) touched(before, after version) (string, error) {
	changed := after.changed(before)
	if !slices.Equal(changed, []string{"get-health", "list-offers"}) {
		return "", fmt.Errorf("%v changed, not get-health and list-offers alone", changed)
	}
	return fmt.Sprintf("%s: %s changed, %d stay", short(after.commit), strings.Join(changed, ", "), len(after.manifest)-len(changed)), nil
}

// changeSet makes a change set. Where only names an action, there must be no other in it; where only is empty, there must be no
// table and no role in it.
func (r *rehearsal) changeSet(ctx context.Context, environment []string, env, commit, only string) (string, error) {
	if _, err := r.script(ctx, environment, "changeset.sh", env, bucket, commit); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(r.copy, ".build", "changeset-"+env+".json"))
	if err != nil {
		return "", fmt.Errorf("read the change set: %w", err)
	}
	var set struct {
		Changes []struct {
			ResourceChange struct{ Action, ResourceType string }
		}
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return "", fmt.Errorf("read the change set: %w", err)
	}
	count := map[string]int{}
	for _, c := range set.Changes {
		action, kind := c.ResourceChange.Action, c.ResourceChange.ResourceType
		count[action]++
		guarded := strings.HasPrefix(kind, "AWS::DynamoDB::") || strings.HasPrefix(kind, "AWS::IAM::")
		if only != "" && action != only || only == "" && guarded {
			return "", fmt.Errorf("the change set has %s %s", action, kind)
		}
	}
	if len(set.Changes) == 0 {
		return "", errors.New("the change set is empty")
	}
	if _, value, _ := strings.Cut(secret, "="); !strings.Contains(string(text), `"`+value+`"`) { // AWS would not show it
		return "", errors.New("the secret that was set once is not among the parameters")
	}
	return strings.TrimPrefix(fmt.Sprint(count), "map"), nil
}

// deploy deploys a version, and asserts that what runs then is what was packed.
func (r *rehearsal) deploy(ctx context.Context, env string, v version) (string, error) {
	if _, err := r.script(ctx, nil, "deploy.sh", env, bucket, v.commit); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d functions are the packed ones", len(v.manifest)), r.runs(ctx, env, v)
}

// optional is the function that only LogstashUrl brings.
const optional = "forward-logs"

// runs asserts that an environment's functions are the zips of a version, byte for byte.
func (r *rehearsal) runs(ctx context.Context, env string, v version) error {
	text, err := r.aws(ctx, "lambda", "list-functions", "--query", "Functions[].[FunctionName, CodeSha256]", "--output", "json")
	if err != nil {
		return err
	}
	var functions [][2]string
	if err := json.Unmarshal([]byte(text), &functions); err != nil {
		return fmt.Errorf("read the functions: %w", err)
	}
	found := map[string]string{}
	for _, f := range functions {
		sum, err := base64.StdEncoding.DecodeString(f[1])
		if name, ok := strings.CutPrefix(f[0], "pricing-"+env+"-"); ok && err == nil {
			found[name] = hex.EncodeToString(sum)
		}
	}
	want := maps.Clone(v.manifest)
	if _, there := found[optional]; !there {
		delete(want, optional)
	}
	if !maps.Equal(found, want) {
		return fmt.Errorf("%s runs %v, but packed were %v", env, found, v.manifest)
	}
	return nil
}

func (r *rehearsal) token(ctx context.Context, env string) (string, error) {
	_, err := r.must(ctx, nil, "go", "run", "./tools/token", "make",
		"-table", "pricing-"+env, "-env", env, "-client", "smoke", "-scopes", "ingest read self-check", "-out", r.tokenFile(env))
	return "ingest read self-check", err
}

func (r *rehearsal) smoke(ctx context.Context, env string, v version) (string, error) {
	text, err := r.script(ctx, []string{"MANIFEST=" + v.sum}, "smoke.sh", env, bucket, v.commit, r.tokenFile(env))
	return fmt.Sprintf("%d steps ok", strings.Count(text, "ok  ")), err
}

// rollback rolls an environment back, and asserts that it then runs the version and still has its data.
func (r *rehearsal) rollback(ctx context.Context, env string, to version) (string, error) {
	if _, err := r.script(ctx, nil, "rollback.sh", env, bucket, r.tokenFile(env)); err != nil {
		return "", err
	}
	if err := r.runs(ctx, env, to); err != nil {
		return "", err
	}
	return "to " + short(to.commit) + ", smoke ok, data is there", r.read(ctx, env)
}

// byHand deploys an environment with the two commands that the AWS CLI has for it. No script of ours reads the template's Rules then;
// CloudFormation does.
func (r *rehearsal) byHand(ctx context.Context) (string, error) {
	const stack = "pricing-manual"
	if _, err := r.aws(ctx, "cloudformation", "package", "--template-file", ".build/template-x86_64.yaml",
		"--s3-bucket", bucket, "--output-template-file", ".build/manual.yaml"); err != nil {
		return "", err
	}
	deploy := []string{"cloudformation", "deploy", "--template-file", ".build/manual.yaml", "--stack-name", stack,
		"--s3-bucket", bucket, "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", "DeployEnv=manual"}
	for _, access := range []string{"Public=false", "Public=undecided"} {
		if err := r.refused(ctx, "Say who may call the API", r.emulator.CLI(), append(deploy, "Rehearsal=true", access)...); err != nil {
			return "", err
		}
	}
	if _, err := r.aws(ctx, append(deploy, parameters...)...); err != nil {
		return "", err
	}
	return "deploy DeployEnv=manual, refused until Public=true", r.healthy(ctx, "manual")
}

// bySAM deploys an environment as people do.
func (r *rehearsal) bySAM(ctx context.Context) (string, error) {
	// -o, since it is packed already. The flags replace samconfig.toml's parameters, which are for AWS.
	_, err := r.must(ctx, nil, "make", "-o", "pack", "deploy", "ENV=integ", "PACKED=.build/template-x86_64.yaml",
		"SAM="+r.samCLI+" -m samcli",
		"DEPLOY_FLAGS=--no-progressbar --parameter-overrides DeployEnv=integ "+strings.Join(parameters, " "))
	if err != nil {
		return "", err
	}
	return "make deploy ENV=integ", r.healthy(ctx, "integ")
}

// healthy asserts that an environment answers, and deletes its stack.
func (r *rehearsal) healthy(ctx context.Context, env string) error {
	id, err := r.aws(ctx, "cloudformation", "describe-stacks", "--stack-name", "pricing-"+env,
		"--query", "Stacks[0].Outputs[?OutputKey==`ApiId`].OutputValue", "--output", "text")
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.emulator.API(id, env)+"/v1/health", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only its status counts
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health answers %d", resp.StatusCode)
	}
	return r.deleteStack(ctx, "pricing-"+env)
}

// protected asserts that the first deployment has protected prod and its table, that the next one may not take it back, and that dev,
// whose data has no value, is not protected.
func (r *rehearsal) protected(ctx context.Context, v version) (string, error) {
	for env, want := range map[string]string{"dev": "false", "prod": "true"} {
		text, err := r.aws(ctx, "dynamodb", "describe-table", "--table-name", "pricing-"+env,
			"--query", "Table.DeletionProtectionEnabled", "--output", "text")
		if err != nil {
			return "", err
		}
		if !strings.EqualFold(text, want) {
			return "", fmt.Errorf("the deletion protection of the table of %s is %s", env, text)
		}
	}
	if err := r.refused(ctx, "TerminationProtection",
		r.emulator.CLI(), "cloudformation", "delete-stack", "--stack-name", "pricing-prod"); err != nil {
		return "", err
	}
	return "prod and its table cannot be deleted, nor lose that in passing", r.refused(ctx, "REFUSED: the table's deletion protection",
		"env", given("DeletionProtection=false"), "ops/pipeline/changeset.sh", "prod", bucket, v.commit)
}

// failedCreation makes a stack that CloudFormation cannot make. What it had made is gone again, the table too, and nothing is deployed
// to what is left of the stack until that is deleted.
func (r *rehearsal) failedCreation(ctx context.Context, v version) (string, error) {
	const metric = "MetricName: Errors,"
	commit, err := r.variant(ctx, v, "-impossible", "ListOffersErrorsAlarm", metric, metric+" Metrics: [{Id: e, Expression: 1/0}],")
	if err != nil {
		return "", err
	}
	// As if its data had a value, so that the table would be protected.
	protect := given("DeletionProtection=true")
	for _, script := range []string{"deploy.sh", "changeset.sh"} {
		if err := r.refused(ctx, `see "A stack could not be created" in ops/runbook.md`,
			"env", protect, "ops/pipeline/"+script, "integ", bucket, commit); err != nil {
			return "", err
		}
	}
	if err := r.deleteStack(ctx, "pricing-integ"); err != nil {
		return "", err
	}
	return "nothing of it is left", r.refused(ctx, "ResourceNotFoundException",
		r.emulator.CLI(), "dynamodb", "describe-table", "--table-name", "pricing-integ")
}

// undecided asks for production as samconfig.toml leaves it, and as the template's Rules forbid it. CloudFormation hears of neither.
func (r *rehearsal) undecided(ctx context.Context, v version) (string, error) {
	for access, why := range map[string]string{"": "nobody has decided Public of prod yet", "Public=false": "Say who may call the API"} {
		if err := r.refused(ctx, why,
			"env", "PARAMETERS=Architecture=x86_64\n"+access, "ops/pipeline/changeset.sh", "prod", bucket, v.commit); err != nil {
			return "", err
		}
	}
	return "refused, and with Public=false as well", r.refused(ctx, "does not exist",
		r.emulator.CLI(), "cloudformation", "describe-stacks", "--stack-name", "pricing-prod")
}

// permission takes an action from a role. The guard refuses that until the role is named, and then the function fails.
func (r *rehearsal) permission(ctx context.Context, v version) (string, error) {
	commit, err := r.variant(ctx, v, "-role", "ListOffersRole", "dynamodb:Query", "dynamodb:DescribeTable")
	if err != nil {
		return "", err
	}
	if err := r.refused(ctx, "REFUSED: an existing permission", "ops/pipeline/changeset.sh", "dev", bucket, commit); err != nil {
		return "", err
	}
	if _, err := r.script(ctx, []string{"ALLOW_CHANGES=ListOffersRole"}, "deploy.sh", "dev", bucket, commit); err != nil {
		return "", err
	}
	status, text, err := r.send(ctx, "dev", http.MethodGet, "/v1/products/"+product+"/offers", "")
	if err == nil && status < http.StatusInternalServerError {
		err = fmt.Errorf("the role is not enforced: status %d: %s", status, text)
	}
	return "refused until named; the function then answers " + fmt.Sprint(status), err
}

// replacedTable changes the table's key. The guard refuses that until the table is named. The change set is not executed: the
// emulator would empty the table, where AWS refuses because the name is in use.
func (r *rehearsal) replacedTable(ctx context.Context, v version) (string, error) {
	commit, err := r.variant(ctx, v, "-key", "Table", "AttributeName: sk,", "AttributeName: other,")
	if err != nil {
		return "", err
	}
	const why = "REFUSED: a new, empty table would take its place"
	text, err := r.command(ctx, nil, "ops/pipeline/changeset.sh", "dev", bucket, commit)
	if err == nil || !strings.Contains(text, why) {
		return "", fmt.Errorf("it was not refused\n%s", last(text))
	}
	// The roles name the table's ARN, so they would change with it.
	var names []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, "REFUSED: ") {
			names = append(names, strings.Fields(line)[1])
		}
	}
	if !slices.Contains(names, "Table") {
		return "", fmt.Errorf("the guard refused %v, but not Table", names)
	}
	if _, err := r.script(ctx, []string{"ALLOW_CHANGES=" + strings.Join(names, ",")}, "changeset.sh", "dev", bucket, commit); err != nil {
		return "", err
	}
	return fmt.Sprintf("refused, until Table and the %d roles that name its ARN are named", len(names)-1), r.read(ctx, "dev")
}

// failedUpdate deploys what CloudFormation cannot make. It takes the stack back to what it was by itself. Repeated, the update fails for
// the same reason and not for what the first left behind; mended, it succeeds.
func (r *rehearsal) failedUpdate(ctx context.Context, v version) (string, error) {
	const metric = "MetricName: Errors,"
	commit, err := r.variant(ctx, v, "-fails", "ListOffersErrorsAlarm", metric, metric+" Metrics: [{Id: e, Expression: 1/0}],")
	if err != nil {
		return "", err
	}
	for range 2 {
		if err := r.refused(ctx, "is UPDATE_ROLLBACK_COMPLETE", "ops/pipeline/deploy.sh", "dev", bucket, commit); err != nil {
			return "", err
		}
	}
	if _, err := r.smoke(ctx, "dev", v); err != nil {
		return "", err
	}
	mended, err := r.variant(ctx, v, "-mended", "ListOffersErrorsAlarm", metric, metric+" Unit: Count,")
	if err != nil {
		return "", err
	}
	if _, err := r.script(ctx, nil, "deploy.sh", "dev", bucket, mended); err != nil {
		return "", err
	}
	if _, err := r.smoke(ctx, "dev", v); err != nil {
		return "", err
	}
	return "rolled back by CloudFormation twice, smoke ok; mended, it is deployed", r.read(ctx, "dev")
}

func (r *rehearsal) deleteStack(ctx context.Context, stack string) error {
	if _, err := r.aws(ctx, "cloudformation", "delete-stack", "--stack-name", stack); err != nil {
		return err
	}
	if _, err := r.aws(ctx, "cloudformation", "wait", "stack-delete-complete", "--stack-name", stack); err != nil {
		return err
	}
	return r.refused(ctx, "does not exist", r.emulator.CLI(), "cloudformation", "describe-stacks", "--stack-name", stack)
}

// teardown deletes both stacks. The tables and their items must stay.
func (r *rehearsal) teardown(ctx context.Context) (string, error) {
	if _, err := r.aws(ctx, "cloudformation", "update-termination-protection", "--no-enable-termination-protection",
		"--stack-name", "pricing-prod"); err != nil {
		return "", err
	}
	for _, env := range []string{"dev", "prod"} {
		if err := r.deleteStack(ctx, "pricing-"+env); err != nil {
			return "", err
		}
		text, err := r.aws(ctx, "dynamodb", "get-item", "--table-name", "pricing-"+env,
			"--key", fmt.Sprintf(`{"pk":{"S":"p#%s"},"sk":{"S":"board"}}`, product))
		if err != nil {
			return "", err
		}
		if !strings.Contains(text, "19.95 EUR") {
			return "", fmt.Errorf("the table of %s has lost its data: %s", env, text)
		}
	}
	functions, err := r.aws(ctx, "lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "text")
	if err == nil && functions != "" {
		err = fmt.Errorf("functions are left: %s", functions)
	}
	return "stacks and functions are gone, tables stay", err
}
