package samtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pricing/samkit/process"
)

// region is the one that SAM local tells functions. samkit/local's functions get their own.
const region = "us-east-1"

// Target is one of the two that are asked.
type Target struct {
	Name     string            // "SAM local" or "samkit/local"
	Endpoint string            // of the DynamoDB engine
	Table    string            // on it
	Values   map[string]string // what {{name}} stands for in headers; etag is the target's own last ETag

	url    string
	client *http.Client
	stop   func()
}

// Call is a request to both targets. A body is application/json unless a header says otherwise. In the value of a header
// {{name}} stands for the target's own value of that name.
type Call struct {
	Method, Path string
	Header       map[string]string
	Body         string
}

// Get is a GET of a path.
func Get(path string) Call { return Call{Method: http.MethodGet, Path: path} }

// String is the call's method and path.
func (c Call) String() string { return c.Method + " " + c.Path }

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Send sends a request to the target. Redirects are not followed.
func (t *Target) Send(ctx context.Context, c Call) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, c.Method, t.url+c.Path, strings.NewReader(c.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	if c.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	var values []string
	for name, value := range t.Values {
		values = append(values, "{{"+name+"}}", value)
	}
	filled := strings.NewReplacer(values...)
	for name, value := range c.Header {
		req.Header.Set(name, filled.Replace(value))
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %s: %w", t.Name, c, err)
	}
	if etag := resp.Header.Get("ETag"); etag != "" {
		t.Values["etag"] = etag
	}
	return Answer{resp.StatusCode, resp.Header, string(body)}, nil
}

// answers waits for any answer at all.
func (t *Target) answers(ctx context.Context) error {
	_, err := t.Send(ctx, Get("/"))
	return err
}

// newTarget returns a target at a free port, which nothing listens on yet.
func (t *test) newTarget(name, table string) (target *Target, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	target = &Target{
		Name: name, Endpoint: t.endpoint, Table: table, Values: map[string]string{},
		url: "http://" + l.Addr().String(),
		client: &http.Client{
			Timeout:       30 * time.Second,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 1}, // and no proxy
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	return target, strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// environment is this program's, without AWS: SAM local asks STS first where it finds credentials, and the person who runs
// this may have a profile.
func environment(more ...string) []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "SAM_") && !strings.HasPrefix(variable, "DOCKER_") {
			kept = append(kept, variable)
		}
	}
	return append(kept, more...)
}

// compile builds samkit/local.
func (t *test) compile(ctx context.Context) error {
	cmd := process.Command(ctx, "go", "build", "-o", t.dir, "./samkit/local")
	cmd.Dir = t.root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build samkit/local: %w: %s", err, text)
	}
	return nil
}

// startLocal starts samkit/local several times to time its first requests, and leaves the last one running.
func (t *test) startLocal(ctx context.Context) (target *Target, start, cold time.Duration, err error) {
	var started, first []time.Duration
	for range starts {
		if target != nil {
			target.stop()
		}
		var took [2]time.Duration
		if target, took, err = t.startLocalOnce(ctx); err != nil {
			return nil, 0, 0, err
		}
		started = append(started, took[0])
		first = append(first, took[1])
	}
	return target, median(started), median(first), nil
}

// startLocalOnce starts samkit/local and says how long it took from the command to an answer, and then the first request.
func (t *test) startLocalOnce(ctx context.Context) (target *Target, took [2]time.Duration, err error) {
	target, port, err := t.newTarget("samkit/local", t.Table)
	if err != nil {
		return nil, took, err
	}
	args := []string{"-addr", "127.0.0.1:" + port, "-dynamodb", t.endpoint}
	for _, p := range t.Parameters {
		args = append(args, "-param", p)
	}
	cmd := exec.Command(filepath.Join(t.dir, "local"), args...)
	cmd.Dir = t.root
	cmd.Env = environment()
	begin := time.Now()
	child, err := process.Start(t.dir, cmd)
	if err != nil {
		return nil, took, err
	}
	target.stop = child.Stop
	if err = child.Ready(ctx, target.answers); err == nil {
		took[0] = time.Since(begin)
		took[1], err = target.time(ctx, t.Measured[0])
	}
	if err != nil {
		target.stop()
		return nil, took, err
	}
	return target, took, nil
}

// startSAM starts `sam local start-api` and says how long it took from the command to an answer.
func (t *test) startSAM(ctx context.Context, args ...string) (*Target, time.Duration, error) {
	target, port, err := t.newTarget("SAM local", t.samTable())
	if err != nil {
		return nil, 0, err
	}
	all, err := t.localArgs(target.Table)
	if err != nil {
		return nil, 0, err
	}
	// Without ctx: its stop ends it.
	cmd := t.sam(context.Background(), append(append([]string{"local", "start-api", "--port", port}, all...), args...)...)
	begin := time.Now()
	child, err := process.Start(t.dir, cmd)
	if err != nil {
		return nil, 0, err
	}
	target.stop = func() {
		child.Stop()
		t.docker.remember(child.Output())
	}
	if err := child.Ready(ctx, target.answers); err != nil {
		target.stop()
		return nil, 0, err
	}
	return target, time.Since(begin), nil
}

// built is where the SAM CLI builds.
func (t *test) built() string { return filepath.Join(t.root, ".local", "sam-build") }

// localArgs are the arguments of `sam local`. There the template's Ref of a table is its logical id, so a file says the
// table's name; everything else comes by parameters.
func (t *test) localArgs(table string) ([]string, error) {
	file := filepath.Join(t.dir, table+".json")
	text, err := json.Marshal(map[string]map[string]string{"Parameters": {t.TableVariable: table}})
	if err != nil {
		return nil, fmt.Errorf("name the table: %w", err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, fmt.Errorf("name the table: %w", err)
	}
	args := []string{"--template", filepath.Join(t.built(), "template.yaml"), "--skip-pull-image", "--env-vars", file}
	return append(args, t.overrides()...), nil
}

func (t *test) overrides() []string {
	values := strings.Join(t.Parameters, " ") + " " + t.EndpointParameter + "=" + t.endpoint
	return []string{"--parameter-overrides", values}
}

// sam runs the SAM CLI offline.
func (t *test) sam(ctx context.Context, args ...string) *exec.Cmd {
	cmd := process.Command(ctx, t.python, append([]string{"-m", "samcli"}, args...)...)
	cmd.Dir = t.root
	cmd.Env = environment(
		"DOCKER_HOST=unix://"+t.docker.socket, "SAM_CLI_TELEMETRY=0", "__SAM_CLI_APP_DIR="+t.dir,
		"AWS_DEFAULT_REGION="+region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "NO_PROXY=127.0.0.1,localhost",
		"CGO_ENABLED=0", `GOFLAGS=-buildvcs=false -tags=lambda.norpc -trimpath "-ldflags=-s -w"`) // it gives `go build` no flags itself
	return cmd
}

// validateAndBuild runs the SAM CLI's checks and its build.
func (t *test) validateAndBuild(ctx context.Context) error {
	// The last check for a newer version lies far in the future, so that there is no other.
	metadata := `{"installationId":"00000000-0000-0000-0000-000000000000","telemetryEnabled":false,"lastVersionCheck":4102444800.0}`
	if err := os.WriteFile(filepath.Join(t.dir, "metadata.json"), []byte(metadata), 0o600); err != nil {
		return fmt.Errorf("stop the version check: %w", err)
	}
	for _, args := range [][]string{
		{"validate", "--lint"},
		// Never --cached: it sees no change outside a function's own folder.
		append([]string{"build", "--build-dir", t.built()}, t.overrides()...),
	} {
		start := time.Now()
		if text, err := t.sam(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("sam %s: %w: %s", args[0], err, text)
		}
		t.step(args[0], start, "sam "+args[0]+" "+args[1])
	}
	return nil
}
