package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// story is what happens, in order.
func (r *rehearsal) story(ctx context.Context) error {
	r.observed = map[string]string{}
	var first, second, third version
	environments := []string{"dev", "prod"}
	steps := []struct {
		name string
		do   func(ctx context.Context) (string, error)
	}{
		{"copy the project", r.copyProject},
		{"package 1", func(ctx context.Context) (_ string, err error) {
			first, err = r.pack(ctx, "the first version")
			return fmt.Sprintf("%s, %d functions", short(first.commit), len(first.manifest)), err
		}},
	}
	add := func(name string, do func(ctx context.Context) (string, error)) {
		steps = append(steps, struct {
			name string
			do   func(ctx context.Context) (string, error)
		}{name, do})
	}

	for _, env := range environments {
		add("change set 1 "+env, func(ctx context.Context) (string, error) {
			return r.changeSet(ctx, []string{"PARAMETERS=" + strings.Join(append(parameters, secret), "\n")}, env, first.commit, "Add")
		})
		add("deploy 1 "+env, func(ctx context.Context) (string, error) { return r.deploy(ctx, env, first) })
		add("token "+env, func(ctx context.Context) (string, error) { return r.token(ctx, env) })
		add("smoke 1 "+env, func(ctx context.Context) (string, error) { return r.smoke(ctx, env, first.commit) })
		add("data "+env, func(ctx context.Context) (string, error) { return r.write(ctx, env) })
	}
	add("protected", func(ctx context.Context) (string, error) {
		return "prod cannot be deleted, its table is to be kept", r.refused(ctx, "TerminationProtection", r.cli(), "cloudformation", "delete-stack", "--stack-name", "pricing-prod")
	})
	add("by hand, with the AWS CLI", r.byHand)
	if r.sam {
		add("by hand, with the SAM CLI", r.bySAM)
	}

	add("package 2", func(ctx context.Context) (_ string, err error) {
		// Something that the compiler cannot leave out.
		if err = r.addFile("functions/list-offers/second.go", "package main\n\nimport \"os\"\n\nfunc init() { _ = os.Setenv(\"REHEARSAL\", \"second\") }\n"); err != nil {
			return "", err
		}
		if second, err = r.pack(ctx, "a handler changes"); err != nil {
			return "", err
		}
		return r.touched(first, second)
	})
	for _, env := range environments {
		add("change set 2 "+env, func(ctx context.Context) (string, error) { return r.changeSet(ctx, nil, env, second.commit, "") })
		add("deploy 2 "+env, func(ctx context.Context) (string, error) { return r.deploy(ctx, env, second) })
		add("smoke 2 "+env, func(ctx context.Context) (string, error) { return r.smoke(ctx, env, second.commit) })
	}
	add("deploy 2 dev again", func(ctx context.Context) (string, error) {
		text, err := r.script(ctx, nil, "deploy.sh", "dev", bucket, second.commit)
		if err == nil && !strings.Contains(text, "nothing changes") {
			err = errors.New("something changed\n" + last(text))
		}
		return "nothing changes", err
	})

	add("package 3", func(ctx context.Context) (_ string, err error) {
		if err = r.addFile("functions/list-offers/third.go", "package main\n\nfunc init() { panic(\"the third version is broken\") }\n"); err != nil {
			return "", err
		}
		if third, err = r.pack(ctx, "a handler is broken"); err != nil {
			return "", err
		}
		return r.touched(second, third)
	})
	add("deploy 3 prod", func(ctx context.Context) (string, error) { return r.deploy(ctx, "prod", third) })
	add("smoke 3 prod", func(ctx context.Context) (string, error) {
		return "fails at: read back", r.refused(ctx, "smoke: read back:", "ops/pipeline/smoke.sh", "prod", bucket, third.commit, r.tokenFile("prod"))
	})
	add("rollback prod, no token", func(ctx context.Context) (string, error) {
		return "deployed, but its smoke fails", r.refused(ctx, "smoke:", "ops/pipeline/rollback.sh", "prod", bucket, os.DevNull)
	})
	add("rollback prod", func(ctx context.Context) (string, error) { return r.rollback(ctx, "prod", second) })
	add("rollback prod once more", func(ctx context.Context) (string, error) { return r.rollback(ctx, "prod", first) })
	add("rollback prod no further", func(ctx context.Context) (string, error) {
		return "refused: none is known to be good", r.refused(ctx, "no commit is known to have been good", "ops/pipeline/rollback.sh", "prod", bucket, r.tokenFile("prod"))
	})

	add("a permission is taken", func(ctx context.Context) (string, error) { return r.permission(ctx, second) })
	add("a permission is back", func(ctx context.Context) (string, error) { return r.rollback(ctx, "dev", second) })
	add("the table would be replaced", func(ctx context.Context) (string, error) { return r.replacedTable(ctx, second) })
	add("an update that fails", func(ctx context.Context) (string, error) { return r.failedUpdate(ctx, second) })
	add("teardown", r.teardown)
	add("emulator stops", func(context.Context) (string, error) { return "no process is left", r.emulator.gone() })
	for _, s := range steps {
		if err := r.step(ctx, s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

// secret is a parameter with NoEcho that is set once, by hand, and has to stay.
const secret = "LegacyAuthorization=Basic b2xk"

func short(commit string) string { return commit[:min(12, len(commit))] }

func sorted(names []string) []string { slices.Sort(names); return names }

func (r *rehearsal) cli() string { return filepath.Join(r.dir, "bin", "aws") }

func (r *rehearsal) tokenFile(env string) string { return filepath.Join(r.dir, "token-"+env) }

func (r *rehearsal) addFile(file, text string) error {
	if err := os.WriteFile(filepath.Join(r.copy, file), []byte(text), 0o600); err != nil {
		return fmt.Errorf("change the copy: %w", err)
	}
	return nil
}

// touched asserts that from one version to the next only two zips changed: the handler's, and that with the commit in it.
func (r *rehearsal) touched(before, after version) (string, error) {
	changed := after.changed(before)
	if !slices.Equal(changed, []string{"get-health", "list-offers"}) {
		return "", fmt.Errorf("changed are %v, not get-health and list-offers alone", changed)
	}
	return fmt.Sprintf("%s: %s changed, %d stay", short(after.commit), strings.Join(changed, ", "), len(after.manifest)-len(changed)), nil
}

// changeSet makes one. With only, it has no other action; without, no table and no role is in it.
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
		if only != "" && action != only || only == "" && (strings.HasPrefix(kind, "AWS::DynamoDB::") || strings.HasPrefix(kind, "AWS::IAM::")) {
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

// deploy deploys a version; what runs then is what was packed, byte for byte.
func (r *rehearsal) deploy(ctx context.Context, env string, v version) (string, error) {
	if _, err := r.script(ctx, nil, "deploy.sh", env, bucket, v.commit); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d functions are the packed ones", len(v.manifest)), r.runs(ctx, env, v)
}

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
	if !maps.Equal(found, v.manifest) {
		return fmt.Errorf("%s runs %v, but packed were %v", env, found, v.manifest)
	}
	return nil
}

func (r *rehearsal) token(ctx context.Context, env string) (string, error) {
	_, err := r.must(ctx, nil, "go", "run", "./tools/token", "make", "-table", "pricing-"+env, "-env", env, "-client", "smoke", "-scopes", "ingest read", "-out", r.tokenFile(env))
	return "ingest read", err
}

func (r *rehearsal) smoke(ctx context.Context, env, commit string) (string, error) {
	text, err := r.script(ctx, nil, "smoke.sh", env, bucket, commit, r.tokenFile(env))
	return fmt.Sprintf("%d steps ok", strings.Count(text, "ok  ")), err
}

// rollback rolls an environment back, to a version, and sees that its data has stayed.
func (r *rehearsal) rollback(ctx context.Context, env string, to version) (string, error) {
	if _, err := r.script(ctx, nil, "rollback.sh", env, bucket, r.tokenFile(env)); err != nil {
		return "", err
	}
	if err := r.runs(ctx, env, to); err != nil {
		return "", err
	}
	return "to " + short(to.commit) + ", smoke ok, data is there", r.read(ctx, env)
}

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}} // no proxy

// api is the base URL of an environment, from what deploy.sh wrote.
func (r *rehearsal) api(env string) (string, error) {
	text, err := os.ReadFile(filepath.Join(r.copy, ".build", "outputs-"+env+".json"))
	if err != nil {
		return "", fmt.Errorf("read the stack's outputs: %w", err)
	}
	var stack struct {
		Outputs []struct{ OutputKey, OutputValue string }
	}
	if err := json.Unmarshal(text, &stack); err != nil {
		return "", fmt.Errorf("read the stack's outputs: %w", err)
	}
	for _, o := range stack.Outputs {
		if o.OutputKey == "ApiId" {
			return r.emulator.url + "/_aws/execute-api/" + o.OutputValue + "/" + env, nil
		}
	}
	return "", fmt.Errorf("the stack has no output ApiId: %s", text)
}

// send sends a request to an environment's API.
func (r *rehearsal) send(ctx context.Context, env, method, path, body string) (int, []byte, error) {
	url, err := r.api(env)
	if err != nil {
		return 0, nil, err
	}
	token, err := os.ReadFile(r.tokenFile(env))
	if err != nil {
		return 0, nil, fmt.Errorf("read the token: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// product has the offer that must outlive all deployments.
const product = "self-check-rehearsal"

func (r *rehearsal) write(ctx context.Context, env string) (string, error) {
	r.observed[env] = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	status, text, err := r.send(ctx, env, http.MethodPost, "/v1/observations", fmt.Sprintf(
		`{"productId":%q,"competitorId":"self-check","availability":"InStock","price":{"amount":"19.95","currency":"EUR"},"source":{"id":"rehearsal","kind":"manual"},"observedAt":%q}`, product, r.observed[env]))
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("status %d: %s", status, text)
	}
	return "one observation", err
}

// read asserts that the offer is as it was written.
func (r *rehearsal) read(ctx context.Context, env string) error {
	status, text, err := r.send(ctx, env, http.MethodGet, "/v1/products/"+product+"/offers", "")
	if err != nil {
		return err
	}
	var answer struct {
		Offers []struct {
			ObservedAt string
			Price      struct{ Amount string }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil || status != http.StatusOK {
		return fmt.Errorf("status %d: %s", status, text)
	}
	if len(answer.Offers) != 1 || answer.Offers[0].ObservedAt != r.observed[env] || answer.Offers[0].Price.Amount != "19.95" {
		return fmt.Errorf("the offer observed at %s is not there: %s", r.observed[env], text)
	}
	return nil
}

// byHand deploys an environment with the two commands that the AWS CLI has for it.
func (r *rehearsal) byHand(ctx context.Context) (string, error) {
	const stack = "pricing-manual"
	if _, err := r.aws(ctx, "cloudformation", "package", "--template-file", ".build/template-x86_64.yaml", "--s3-bucket", bucket, "--output-template-file", ".build/manual.yaml"); err != nil {
		return "", err
	}
	if _, err := r.aws(ctx, append([]string{"cloudformation", "deploy", "--template-file", ".build/manual.yaml", "--stack-name", stack, "--s3-bucket", bucket,
		"--capabilities", "CAPABILITY_IAM", "--parameter-overrides", "DeployEnv=manual"}, parameters...)...); err != nil {
		return "", err
	}
	return "package, deploy --parameter-overrides DeployEnv=manual", r.healthy(ctx, "manual")
}

// bySAM deploys an environment as people do.
func (r *rehearsal) bySAM(ctx context.Context) (string, error) {
	// -o: it is packed. samconfig.toml's parameters are those of AWS.
	_, err := r.must(ctx, nil, "make", "-o", "pack", "deploy", "ENV=integ", "PACKED=.build/template-x86_64.yaml", "SAM="+r.samCLI+" -m samcli",
		"DEPLOY_FLAGS=--no-progressbar --parameter-overrides DeployEnv=integ "+strings.Join(parameters, " "))
	if err != nil {
		return "", err
	}
	return "make deploy ENV=integ", r.healthy(ctx, "integ")
}

// healthy asserts that an environment answers, and deletes its stack.
func (r *rehearsal) healthy(ctx context.Context, env string) error {
	id, err := r.aws(ctx, "cloudformation", "describe-stacks", "--stack-name", "pricing-"+env, "--query", "Stacks[0].Outputs[?OutputKey==`ApiId`].OutputValue", "--output", "text")
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.emulator.url+"/_aws/execute-api/"+id+"/"+env+"/v1/health", nil)
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

// permission takes an action from a role: the guard refuses it, names let it through, and the function lacks it.
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
	return "refused; allowed by name; the function then answers " + fmt.Sprint(status), err
}

// replacedTable changes the table's key: the guard refuses it, a name lets it through. It is not executed: the emulator
// would empty the table, where AWS refuses since the name is in use.
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
		return "", fmt.Errorf("not refused is Table, but %v", names)
	}
	if _, err := r.script(ctx, []string{"ALLOW_CHANGES=" + strings.Join(names, ",")}, "changeset.sh", "dev", bucket, commit); err != nil {
		return "", err
	}
	return fmt.Sprintf("refused; made when Table and the %d roles with its name in them are named", len(names)-1), r.read(ctx, "dev")
}

// failedUpdate deploys what CloudFormation cannot make: the stack goes back to what it was by itself.
func (r *rehearsal) failedUpdate(ctx context.Context, v version) (string, error) {
	commit, err := r.variant(ctx, v, "-fails", "ListOffersErrorsAlarm", "MetricName: Errors,", "MetricName: Errors, Metrics: [{Id: e, Expression: 1/0}],")
	if err != nil {
		return "", err
	}
	if err := r.refused(ctx, "is UPDATE_ROLLBACK_COMPLETE", "ops/pipeline/deploy.sh", "dev", bucket, commit); err != nil {
		return "", err
	}
	if _, err := r.smoke(ctx, "dev", v.commit); err != nil {
		return "", err
	}
	return "rolled back by CloudFormation, smoke ok", r.read(ctx, "dev")
}

func (r *rehearsal) deleteStack(ctx context.Context, stack string) error {
	if _, err := r.aws(ctx, "cloudformation", "delete-stack", "--stack-name", stack); err != nil {
		return err
	}
	if _, err := r.aws(ctx, "cloudformation", "wait", "stack-delete-complete", "--stack-name", stack); err != nil {
		return err
	}
	return r.refused(ctx, "does not exist", r.cli(), "cloudformation", "describe-stacks", "--stack-name", stack)
}

// teardown deletes both stacks; the tables and what is in them stay.
func (r *rehearsal) teardown(ctx context.Context) (string, error) {
	if _, err := r.aws(ctx, "cloudformation", "update-termination-protection", "--no-enable-termination-protection", "--stack-name", "pricing-prod"); err != nil {
		return "", err
	}
	for _, env := range []string{"dev", "prod"} {
		if err := r.deleteStack(ctx, "pricing-"+env); err != nil {
			return "", err
		}
		text, err := r.aws(ctx, "dynamodb", "get-item", "--table-name", "pricing-"+env, "--key", fmt.Sprintf(`{"pk":{"S":"p#%s"},"sk":{"S":"board"}}`, product))
		if err != nil {
			return "", err
		}
		if !strings.Contains(text, "19.95 EUR") {
			return "", fmt.Errorf("the table of %s lost its data: %s", env, text)
		}
	}
	functions, err := r.aws(ctx, "lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "text")
	if err == nil && functions != "" {
		err = fmt.Errorf("functions are left: %s", functions)
	}
	return "stacks and functions are gone, tables stay", err
}
