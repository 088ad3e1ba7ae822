package main

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

// region is the one that SAM local tells functions and that ours does not look at.
const region = "us-east-1"

// side is one of the two that are asked.
type side struct {
	name   string // "SAM local" or "samkit/local"
	url    string
	table  string
	tokens map[string]string // by client
	etag   string            // of the last answer that had one
	client *http.Client
	stop   func()
}

// call is a request to both sides. {{etag}} in a header is the side's own last ETag.
type call struct {
	method, path string
	client       string // whose token, one of clients; "" for none
	header       map[string]string
	body         string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// clients are those that have a token on both sides, with their scopes.
var clients = map[string]string{
	"all":     "ingest read catalog",
	"feed":    "ingest",
	"revoked": "read",
	"late":    "read", // asks nothing before the outage
}

func (s *side) send(ctx context.Context, c call) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, s.url+c.path, strings.NewReader(c.body))
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", s.name, err)
	}
	if c.client != "" {
		req.Header.Set("Authorization", "Bearer "+s.tokens[c.client])
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		req.Header.Set(name, strings.ReplaceAll(value, "{{etag}}", s.etag))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", s.name, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %s %s: %w", s.name, c.method, c.path, err)
	}
	if etag := resp.Header.Get("ETag"); etag != "" {
		s.etag = etag
	}
	return answer{resp.StatusCode, resp.Header, string(body)}, nil
}

// answers waits for any answer at all.
func (s *side) answers(ctx context.Context) error {
	_, err := s.send(ctx, call{method: http.MethodGet, path: "/"})
	return err
}

func newSide(name, table string) (*side, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	return &side{name: name, url: "http://" + l.Addr().String(), table: table, tokens: map[string]string{}, client: &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1}, // and no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// environment is this program's without AWS: with credentials SAM local asks STS first, and whoever runs this has a
// profile perhaps.
func environment(more ...string) []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "SAM_") && !strings.HasPrefix(variable, "DOCKER_") {
			kept = append(kept, variable)
		}
	}
	return append(kept, more...)
}

// compile makes samkit/local and tools/token.
func (t *test) compile(ctx context.Context) error {
	if text, err := process.Command(ctx, "go", "build", "-o", t.dir, "./samkit/local", "./tools/token").CombinedOutput(); err != nil {
		return fmt.Errorf("compile samkit/local and tools/token: %w: %s", err, text)
	}
	return nil
}

func (t *test) token(ctx context.Context, args ...string) (string, error) {
	cmd := process.Command(ctx, filepath.Join(t.dir, "token"), args...)
	cmd.Env = environment("AWS_REGION="+region, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_ENDPOINT_URL_DYNAMODB="+t.endpoint)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("token %s: %w: %s", args[0], err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

func (t *test) makeTokens(ctx context.Context, s *side) (err error) {
	for client, scopes := range clients {
		if s.tokens[client], err = t.token(ctx, "make", "-table", s.table, "-env", "dev", "-client", client, "-scopes", scopes); err != nil {
			return err
		}
	}
	return nil
}

// starts is how often samkit/local and SAM local are cold for the measurement.
const starts = 5

// startLocal starts samkit/local some times to measure its first requests, and leaves the last one running.
func (t *test) startLocal(ctx context.Context) (s *side, start, cold time.Duration, err error) {
	var started, first []time.Duration
	for i := range starts {
		s, port, err := newSide("samkit/local", localTable)
		if err != nil {
			return nil, 0, 0, err
		}
		args := []string{"-addr", "127.0.0.1:" + port, "-dynamodb", t.endpoint}
		for _, p := range parameters {
			args = append(args, "-param", p)
		}
		cmd := exec.Command(filepath.Join(t.dir, "local"), args...)
		cmd.Dir, cmd.Env = t.root, environment()
		begin := time.Now()
		c, err := process.Start(t.dir, cmd)
		if err != nil {
			return nil, 0, 0, err
		}
		s.stop = c.Stop
		if err := c.Ready(ctx, s.answers); err != nil {
			s.stop()
			return nil, 0, 0, err
		}
		started = append(started, time.Since(begin))
		took, err := s.time(ctx, call{method: http.MethodGet, path: "/v1/health"})
		if err != nil {
			s.stop()
			return nil, 0, 0, err
		}
		first = append(first, took)
		if i == starts-1 {
			return s, median(started), median(first), nil
		}
		s.stop()
	}
	panic("not reached")
}

// startSAM starts `sam local start-api`.
func (t *test) startSAM(ctx context.Context, args ...string) (*side, time.Duration, error) {
	s, port, err := newSide("SAM local", samTable)
	if err != nil {
		return nil, 0, err
	}
	all, err := t.localArgs(samTable)
	if err != nil {
		return nil, 0, err
	}
	cmd := t.sam(context.Background(), append(append([]string{"local", "start-api", "--port", port}, all...), args...)...) // its stop ends it
	begin := time.Now()
	c, err := process.Start(t.dir, cmd)
	if err != nil {
		return nil, 0, err
	}
	s.stop = func() {
		c.Stop()
		t.docker.remember(c.Output())
	}
	if err := c.Ready(ctx, s.answers); err != nil {
		s.stop()
		return nil, 0, err
	}
	return s, time.Since(begin), nil
}

// built is where the SAM CLI builds.
func (t *test) built() string { return filepath.Join(t.root, ".local", "sam-build") }

// localArgs are the arguments of `sam local`. The template's Ref of the table is its logical id there, so its name is
// given by a file; everything else comes by parameters.
func (t *test) localArgs(table string) ([]string, error) {
	file := filepath.Join(t.dir, table+".json")
	text, err := json.Marshal(map[string]map[string]string{"Parameters": {"TABLE_NAME": table}})
	if err != nil {
		return nil, fmt.Errorf("name the table: %w", err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, fmt.Errorf("name the table: %w", err)
	}
	return append([]string{"--template", filepath.Join(t.built(), "template.yaml"), "--skip-pull-image", "--env-vars", file}, t.overrides()...), nil
}

func (t *test) overrides() []string {
	return []string{"--parameter-overrides", strings.Join(append(parameters[:len(parameters):len(parameters)], "StoreEndpoint="+t.endpoint), " ")}
}

// sam runs the SAM CLI offline.
func (t *test) sam(ctx context.Context, args ...string) *exec.Cmd {
	cmd := process.Command(ctx, t.python, append([]string{"-m", "samcli"}, args...)...)
	cmd.Dir = t.root
	cmd.Env = environment("DOCKER_HOST=unix://"+t.docker.socket, "SAM_CLI_TELEMETRY=0", "__SAM_CLI_APP_DIR="+t.dir, "AWS_DEFAULT_REGION="+region,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "NO_PROXY=127.0.0.1,localhost",
		"CGO_ENABLED=0", `GOFLAGS=-buildvcs=false -tags=lambda.norpc -trimpath "-ldflags=-s -w"`) // it gives `go build` no flags of its own
	return cmd
}

// validateAndBuild runs the SAM CLI's checks and its build.
func (t *test) validateAndBuild(ctx context.Context) error {
	// Checked long after now: it does not ask for a newer version.
	metadata := `{"installationId":"00000000-0000-0000-0000-000000000000","telemetryEnabled":false,"lastVersionCheck":4102444800.0}`
	if err := os.WriteFile(filepath.Join(t.dir, "metadata.json"), []byte(metadata), 0o600); err != nil {
		return fmt.Errorf("stop the version check: %w", err)
	}
	for _, args := range [][]string{
		{"validate", "--lint"},
		append([]string{"build", "--build-dir", t.built()}, t.overrides()...), // never --cached: it sees no change in shared/
	} {
		start := time.Now()
		if text, err := t.sam(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("sam %s: %w: %s", args[0], err, text)
		}
		t.step(args[0], start, "sam "+args[0]+" "+args[1])
	}
	return nil
}
