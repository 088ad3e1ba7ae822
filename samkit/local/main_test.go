package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/shared/token"
)

// renames gives everything that the template calls by a name of the business another one: paths, functions, folders.
var renames = strings.NewReplacer(
	"/v1/observations", "/x9/facts", "v1/observations", "x9/facts", "/v1/products/", "/x9/things/", "/v1/competitors", "/x9/others", "/v1/health", "/x9/pulse",
	"/offers", "/now", "/history", "/past", "/batch", "/many", "v1/offers", "x9/now", "v1/summaries", "x9/sums", "v1/legacy", "x9/old",
	"RecordObservations", "AlphaMany", "RecordObservation", "Alpha", "ListOffers", "Beta", "ListHistory", "Gamma", "PutCompetitor", "Delta",
	"ListCompetitors", "Epsilon", "GetHealth", "Zeta", "AuthorizeRequest", "Eta",
	"record-observations", "alpha-many", "record-observation", "alpha", "list-offers", "beta", "list-history", "gamma", "put-competitor", "delta",
	"list-competitors", "epsilon", "get-health", "zeta", "authorize-request", "eta", "Table", "Heap", "Api", "Door", "pricing-", "other-",
)

// intrinsics keeps CloudFormation's own words that the renames would hit.
var intrinsics = regexp.MustCompile(`AWS::[A-Za-z]+::[A-Za-z]+|TableName|RestApi|OpenApiVersion|DescribeTable`)

// renamed copies the project, renamed, into a folder of its own.
func renamed(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "shared"), os.DirFS(filepath.Join(root, "shared"))))
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	folders, err := os.ReadDir(filepath.Join(root, "functions"))
	require.NoError(t, err)
	for _, folder := range folders {
		to := filepath.Join(dir, "functions", renames.Replace(folder.Name()))
		require.NoError(t, os.MkdirAll(to, 0o755))
		files, err := filepath.Glob(filepath.Join(root, "functions", folder.Name(), "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			if folder.Name() == "authorize-request" { // its policy names paths
				text = []byte(strings.NewReplacer("v1/observations", "x9/facts", "v1/legacy", "x9/old").Replace(string(text)))
			}
			require.NoError(t, os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o644))
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	require.NoError(t, err)
	var kept []string
	marked := intrinsics.ReplaceAllStringFunc(string(text), func(word string) string {
		kept = append(kept, word)
		return fmt.Sprintf("\x00%d\x00", len(kept)-1)
	})
	out := renames.Replace(marked)
	for i, word := range kept {
		out = strings.Replace(out, fmt.Sprintf("\x00%d\x00", i), word, 1)
	}
	template := filepath.Join(dir, "template.yaml")
	require.NoError(t, os.WriteFile(template, []byte(out), 0o644))
	return template
}

// gateway is a running samkit/local.
type gateway struct {
	url    string
	cmd    *exec.Cmd
	output *bytes.Buffer
	reader io.Closer // of what it prints from then on
	done   chan error
}

func binary(t *testing.T) (path, root string) {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "local")
	cmd := exec.Command("go", "build", "-o", path, "./samkit/local")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return path, root
}

// serve starts the tool and waits until it says that it serves.
func serve(t *testing.T, path, root string, args ...string) *gateway {
	t.Helper()
	g := &gateway{cmd: exec.Command(path, append([]string{"-addr", "127.0.0.1:0"}, args...)...), output: &bytes.Buffer{}, done: make(chan error, 1)}
	g.cmd.Dir = root
	out, err := g.cmd.StdoutPipe()
	require.NoError(t, err)
	g.cmd.Stderr = g.cmd.Stdout
	require.NoError(t, g.cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		g.output.WriteString(lines.Text() + "\n")
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving "); ok {
			g.url, _, _ = strings.Cut(rest, " ")
			break
		}
	}
	require.NotEmpty(t, g.url, g.output.String())
	g.reader = out
	go func() {
		_, _ = io.Copy(io.Discard, out) // until it ends
		g.done <- g.cmd.Wait()
	}()
	t.Cleanup(func() { _ = g.cmd.Process.Kill() }) // it has ended unless the test failed
	return g
}

// call sends a JSON body with a bearer token and returns status, headers and body.
func (g *gateway) call(t *testing.T, method, path, tok, body string) (int, http.Header, string) {
	t.Helper()
	headers := map[string]string{"Content-Type": "application/json"}
	if tok != "" {
		headers["Authorization"] = "Bearer " + tok
	}
	return g.send(t, method, path, headers, body)
}

// send sends a request and returns status, headers and body.
func (g *gateway) send(t *testing.T, method, path string, headers map[string]string, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(text)
}

// children lists the processes below one.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var all []int
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil // ps says so when there is none
	}
	for _, field := range strings.Fields(string(out)) {
		child, err := strconv.Atoi(field)
		require.NoError(t, err)
		all = append(all, child)
	}
	return all
}

// TestRenamedTemplate runs the whole project under other names: paths, functions, folders, table. What would still
// work only under the old ones is built in where it must not be.
func TestRenamedTemplate(t *testing.T) {
	endpoint := storetest.Endpoint(t)
	path, root := binary(t)
	environment := "t" + strings.ToLower(strconv.FormatInt(time.Now().UnixNano(), 36))
	g := serve(t, path, root, "-template", renamed(t, root), "-dynamodb", endpoint, "-env", environment, "-param", "HistoryDays=4000")
	for _, old := range []string{"/v1/", "RecordObservation", "ListOffers"} {
		assert.NotContains(t, g.output.String(), old)
	}
	tok := token.Mint(environment)
	s := store.New(storetest.Client(endpoint), store.Options{Table: "other-" + environment})
	require.NoError(t, s.PutToken(t.Context(), token.Record{KeyID: tok.KeyID, Digest: tok.Digest(), Client: "t", Scopes: token.Scopes, Expires: time.Now().Add(time.Hour), Active: true}))

	status, _, body := g.call(t, "GET", "/x9/pulse", "", "")
	require.Equal(t, 200, status, body)
	status, _, body = g.call(t, "PUT", "/x9/others/bigmart", tok.String(), `{"name":"BigMart","kind":"retailer"}`)
	require.Equal(t, 201, status, body)
	status, _, body = g.call(t, "POST", "/x9/facts/many", tok.String(), `{"observations":[{"productId":"P1","competitorId":"bigmart","availability":"InStock","price":{"amount":"1.50","currency":"USD"},"source":{"id":"a","kind":"feed"},"observedAt":"2026-07-06T09:14:03Z"},{}]}`)
	require.Equal(t, 207, status, body)
	status, _, body = g.call(t, "GET", "/x9/things/P1/now", tok.String(), "")
	require.Equal(t, 200, status, body)
	assert.Contains(t, body, `"amount":"1.50"`)
	status, _, body = g.call(t, "GET", "/x9/things/P1/past?view=raw&from=2026-07-01T00:00:00Z&to=2026-07-10T00:00:00Z", tok.String(), "")
	require.Equal(t, 200, status, body)

	t.Run("what the gateway refuses is a problem of the template's form", func(t *testing.T) {
		tests := map[string]struct {
			method, path, token, body string
			wantStatus                int
			wantCode                  string
		}{
			"no token":             {"GET", "/x9/others", "", "", 401, "unauthorized"},
			"a wrong token":        {"GET", "/x9/others", "cpi_x", "", 401, "unauthorized"},
			"no such path":         {"GET", "/v1/health", "", "", 403, "forbidden"},
			"no such method":       {"DELETE", "/x9/others", tok.String(), "", 403, "forbidden"},
			"a body without array": {"POST", "/x9/facts/many", tok.String(), `{}`, 400, "malformed-json"},
			"a body no JSON":       {"PUT", "/x9/others/bigmart", tok.String(), `{`, 400, "malformed-json"},
			"an unknown field":     {"PUT", "/x9/others/bigmart", tok.String(), `{"name":"a","kind":"retailer","x":1}`, 400, "malformed-json"},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				status, header, body := g.call(t, tt.method, tt.path, tt.token, tt.body)
				assert.Equal(t, tt.wantStatus, status)
				assert.Equal(t, "application/problem+json", header.Get("Content-Type"))
				assert.NotEmpty(t, header.Get("X-Request-Id"))
				assert.NotEmpty(t, header.Get("X-Correlation-Id"))
				var p struct {
					Type, Instance string
					Status         int
				}
				require.NoError(t, json.Unmarshal([]byte(body), &p), body)
				assert.Equal(t, "urn:problem-type:pricing:"+tt.wantCode, p.Type)
				assert.Equal(t, header.Get("X-Request-Id"), p.Instance)
				assert.Equal(t, tt.wantStatus, p.Status)
			})
		}
	})
	t.Run("limits of a batch", func(t *testing.T) {
		item := `{"productId":"P1"}`
		status, _, body := g.call(t, "POST", "/x9/facts/many", tok.String(), `{"observations":[`+strings.TrimSuffix(strings.Repeat(item+",", 501), ",")+`]}`)
		assert.Equal(t, 422, status)
		assert.Contains(t, body, `{"pointer":"/observations","code":"too-many-items","detail":"At most 500 observations are taken at once, not 501."}`)
		status, _, body = g.call(t, "POST", "/x9/facts/many", tok.String(), `{"observations":[]}`)
		assert.Equal(t, 422, status)
		assert.Contains(t, body, "There is no observation.")
		exact := `{"observations":[` + strings.Repeat(" ", 1<<20-len(`{"observations":[]}`)) + `]}`
		status, _, _ = g.call(t, "POST", "/x9/facts/many", tok.String(), exact)
		assert.Equal(t, 422, status, "1 MiB is read")
		status, _, body = g.call(t, "POST", "/x9/facts/many", tok.String(), exact+" ")
		assert.Equal(t, 413, status, "1 MiB + 1 is not")
		assert.Contains(t, body, "too-large")
	})
	t.Run("an interrupt ends every child", func(t *testing.T) {
		running := children(t, g.cmd.Process.Pid)
		assert.GreaterOrEqual(t, len(running), 5, "functions are warm")
		require.NoError(t, g.cmd.Process.Signal(os.Interrupt))
		require.NoError(t, <-g.done, "exit status 0")
		for _, pid := range running {
			assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
		}
	})
}

// project writes a small project with one function of the given code, and a table if wanted.
func project(t *testing.T, code string, table bool) string {
	t.Helper()
	dir := t.TempDir()
	template := `Transform: AWS::Serverless-2016-10-31
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: f/, Handler: bootstrap, Runtime: provided.al2023}}
  A:
    Type: AWS::Serverless::Api
    Properties:
      StageName: x
      DefinitionBody:
        openapi: 3.0.1
        paths:
          /f: {get: {x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations"}}}
`
	if table {
		template += "  T: {Type: AWS::DynamoDB::Table, Properties: {AttributeDefinitions: [{AttributeName: pk, AttributeType: S}], KeySchema: [{AttributeName: pk, KeyType: HASH}]}}\n"
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "f"), 0o755))
	for name, text := range map[string]string{"template.yaml": template, "go.mod": "module other\n\ngo 1.26\n", "f/main.go": code} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func TestStartFailures(t *testing.T) {
	path, root := binary(t)
	good := "package main\n\nfunc main() {}\n"
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close() //nolint:errcheck // a test's listener
	tests := map[string]struct {
		dir  string
		args []string
		want string
	}{
		"a compile error":      {project(t, "package main\n\nfunc main() { x }\n", false), nil, "f/main.go:3"},
		"a busy port":          {project(t, good, false), []string{"-addr", busy.Addr().String()}, busy.Addr().String() + " is in use"},
		"a missing engine":     {project(t, good, true), nil, "give -dynamodb URL, or: the DynamoDB engine is missing: run `npm ci --prefix samkit/engine`"},
		"no project of ours":   {t.TempDir(), []string{"-template", filepath.Join(project(t, good, true), "template.yaml")}, "give -dynamodb URL, or: find the module root"},
		"a wrong environment":  {project(t, good, false), []string{"-env", "dev"}, "there is no parameter DeployEnv"},
		"no such folder":       {missing(t), nil, "Resources.F.Properties.CodeUri: there is no folder f"},
		"no such parameter":    {root, []string{"-param", "Nope=1"}, "there is no parameter Nope"},
		"a value not allowed":  {root, []string{"-param", "Architecture=mips"}, "mips is not one of"},
		"no template":          {t.TempDir(), nil, "template.yaml: no such file"},
		"an unknown intrinsic": {root, []string{"-template", unsupported(t)}, "Fn::Base64: this intrinsic function is not supported"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(path, append([]string{"-addr", "127.0.0.1:0"}, tt.args...)...)
			cmd.Dir = tt.dir
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, string(out))
			assert.Equal(t, 1, exit.ExitCode())
			assert.Contains(t, string(out), tt.want)
			assert.Equal(t, 1, strings.Count(string(out), "\n"), "one line: %s", out)
		})
	}
}

// missing is a project without the code that its template names.
func missing(t *testing.T) string {
	t.Helper()
	dir := project(t, "package main\n", false)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "f")))
	return dir
}

// unsupported is a template whose function's name needs an intrinsic function that is not supported.
func unsupported(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	require.NoError(t, os.WriteFile(file, []byte("Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {FunctionName: !Base64 x, CodeUri: f/}}\n"), 0o644))
	return file
}
