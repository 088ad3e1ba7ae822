package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gateway is a running samkit/local.
type gateway struct {
	url    string
	cmd    *exec.Cmd
	reader io.Closer
	lines  printed // since it serves
	done   chan error
}

// built is the folder of the one samkit/local that all tests run.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "local"); err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(built) // a temporary folder
	os.Exit(status)
}

var build = sync.OnceValue(func() error {
	if out, err := exec.Command("go", "build", "-o", built, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
})

// binary returns the path of samkit/local.
func binary(t *testing.T) string {
	t.Helper()
	require.NoError(t, build())
	return filepath.Join(built, "local")
}

// serve starts the tool in a working directory and waits until it says that it serves.
func serve(t *testing.T, dir string, args ...string) *gateway {
	t.Helper()
	g := &gateway{cmd: exec.Command(binary(t), append([]string{"-addr", "127.0.0.1:0"}, args...)...), done: make(chan error, 1)}
	g.cmd.Dir = dir
	out, err := g.cmd.StdoutPipe()
	require.NoError(t, err)
	g.cmd.Stderr = g.cmd.Stdout
	require.NoError(t, g.cmd.Start())
	t.Cleanup(func() { _ = g.cmd.Process.Kill() }) // it has ended unless the test failed
	scanner := bufio.NewScanner(out)
	banner := ""
	for g.url == "" && scanner.Scan() {
		banner += scanner.Text() + "\n"
		if rest, ok := strings.CutPrefix(scanner.Text(), "Serving "); ok {
			g.url, _, _ = strings.Cut(rest, " ")
		}
	}
	require.NotEmpty(t, g.url, banner)
	g.reader, g.lines = out, make(printed, 10_000)
	go func() {
		for scanner.Scan() { // until it ends
			g.lines <- scanner.Text()
		}
		g.done <- g.cmd.Wait()
	}()
	return g
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

// children lists the processes that a process has started.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var all []int
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil // ps fails if there is none
	}
	for _, field := range strings.Fields(string(out)) {
		child, err := strconv.Atoi(field)
		require.NoError(t, err)
		all = append(all, child)
	}
	return all
}

func TestStartFailures(t *testing.T) {
	t.Parallel()
	project := func(code string) string {
		return foreign(t, map[string]string{"f/main.go": code}, map[string]string{"F": "f"})
	}
	const good = "package main\n\nfunc main() {}\n"
	withTable := func() string {
		dir := project(good)
		edit(t, dir, "template.yaml", template(map[string]string{"F": "f"})+table)
		return dir
	}
	missing := project(good)
	require.NoError(t, os.RemoveAll(filepath.Join(missing, "f")))
	unsupported := project(good)
	edit(t, unsupported, "template.yaml", strings.Replace(template(map[string]string{"F": "f"}), "the-f", "!Base64 x", 1))
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close() //nolint:errcheck // a test's listener
	tests := map[string]struct {
		dir  string
		args []string
		want string
	}{
		"a compile error":      {project("package main\n\nfunc main() { x }\n"), nil, "f/main.go:3"},
		"a busy port":          {project(good), []string{"-addr", busy.Addr().String()}, busy.Addr().String() + " is in use"},
		"a missing engine":     {withTable(), nil, "give -dynamodb URL, or: the DynamoDB engine is missing: run `npm ci"},
		"no engine's project":  {t.TempDir(), []string{"-template", templateOf(withTable())}, "or: find the module root"},
		"a wrong environment":  {project(good), []string{"-env", "dev"}, "there is no parameter DeployEnv"},
		"no such folder":       {missing, nil, "Resources.F.Properties.CodeUri: there is no folder f"},
		"no such parameter":    {project(good), []string{"-param", "Nope=1"}, "there is no parameter Nope"},
		"a value not allowed":  {project(good), []string{"-param", "Size=huge"}, "huge is not one of"},
		"no template":          {t.TempDir(), nil, "template.yaml: no such file"},
		"an unknown intrinsic": {unsupported, nil, "Fn::Base64: this intrinsic function is not supported"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(binary(t), append([]string{"-addr", "127.0.0.1:0"}, tt.args...)...)
			cmd.Dir = tt.dir
			cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_DYNAMODB=")
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, string(out))
			assert.Equal(t, 1, exit.ExitCode())
			_, failure, building := strings.Cut(string(out), "compiles their libraries as well.\n")
			if !building {
				failure = string(out)
			}
			assert.Contains(t, failure, tt.want)
			assert.Equal(t, 1, strings.Count(failure, "\n"), "one line: %s", out)
		})
	}
}

func templateOf(dir string) string { return filepath.Join(dir, "template.yaml") }
