package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
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
	"pricing/samkit/local/samtemplate"
)

func TestRun_OneLinePerRequest(t *testing.T) {
	t.Parallel()
	const id = ` \([A-Z2-7]{15}=\)$`
	t.Run("text", func(t *testing.T) {
		t.Parallel()
		s := serveProject(t, foreign(t, map[string]string{"a/main.go": file(t, "testdata/faulty/main.go")}, map[string]string{"A": "a"}), nil)
		s.get(t, "/A")
		assert.Regexp(t, `^GET    /A 200 A cold [0-9.]+ms$`, s.lines.next(t, "/A"))
		s.get(t, "/A")
		assert.Regexp(t, `^GET    /A 200 A warm [0-9.]+ms$`, s.lines.next(t, "/A"))
		for _, tt := range []struct{ request, want string }{
			{"/A?do=fail", `^GET    /A\?do=fail 502 A warm [0-9.]+ms  the function failed: errorString: in two lines` + id},
			{"/A?do=urn", `404 A warm [0-9.]+ms  no-such-book: There is no  \[2Jbook 7\.` + id},
			{"/A?do=url", `409 A warm [0-9.]+ms  lent: It is lent` + id},
			{"/A?do=blank", `400 A warm [0-9.]+ms  Bad Request` + id},
			{"/A?do=long", `400 A warm [0-9.]+ms  (long ){32}…` + id},
			{"/A?do=plain", `410 A warm [0-9.]+ms` + id},
			{"/nowhere", `^GET    /nowhere 403 - [0-9.]+ms  no route for this path and method` + id},
		} {
			s.get(t, tt.request)
			assert.Regexp(t, tt.want, s.lines.next(t, tt.request))
		}
	})
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		s := serveProject(t, foreign(t, map[string]string{"a/main.go": file(t, "testdata/faulty/main.go")}, map[string]string{"A": "a"}),
			func(o *options) { o.objects = true })
		line := func(path string) map[string]any {
			s.get(t, path)
			var line map[string]any
			require.NoError(t, json.Unmarshal([]byte(s.lines.next(t, "{")), &line))
			assert.Positive(t, line["milliseconds"])
			assert.NotEmpty(t, line["requestId"])
			delete(line, "milliseconds")
			delete(line, "requestId")
			return line
		}
		assert.Equal(t, map[string]any{"method": "GET", "path": "/A", "status": 200.0, "function": "A", "start": "cold"}, line("/A"))
		assert.Equal(t, map[string]any{"method": "GET", "path": "/A?do=url", "status": 409.0, "function": "A", "start": "warm",
			"code": "lent", "reason": "It is lent"}, line("/A?do=url"))
		refused := line("/nowhere")
		assert.Contains(t, refused["reason"], "no route")
		assert.NotContains(t, refused, "function")
	})
	t.Run("quiet", func(t *testing.T) {
		t.Parallel()
		s := serveProject(t, foreign(t, map[string]string{"a/main.go": code(`"a"`)}, map[string]string{"A": "a"}),
			func(o *options) { o.quiet = true })
		s.says(t, "A", "a")
		s.stop()
		assert.Empty(t, s.lines.unread())
	})
}

func TestRun_SaysWhatItBuilds(t *testing.T) {
	t.Parallel()
	dir := foreign(t, map[string]string{"a/main.go": code(`"a"`)}, map[string]string{"A": "a"})
	s := serveProject(t, dir, nil)
	require.GreaterOrEqual(t, len(s.banner), 2)
	assert.Equal(t, "Building 1 function. The first build takes longer: it compiles their libraries as well.", s.banner[0])
	assert.Regexp(t, `^Built in [0-9.]+ s\.$`, s.banner[1])
}

var stamped = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

// TestRun_LogIsKept: what an earlier run logged is evidence, also when that run was killed within a line.
func TestRun_LogIsKept(t *testing.T) {
	talk := strings.Replace(code(`"a"`), "return map", "fmt.Println(\"it logs\")\n\t\treturn map", 1)
	dir := foreign(t, map[string]string{"a/main.go": talk}, map[string]string{"A": "a"})
	lines := func() []string {
		s := serveProject(t, dir, nil)
		s.says(t, "A", "a")
		s.stop()
		return strings.Split(stamped.ReplaceAllString(file(t, filepath.Join(dir, ".local", "log.ndjson")), "TIME"), "\n")
	}
	const cut, line = `{"function":"A","timestamp":"cut`, `{"function":"A","timestamp":"TIME","level":"INFO","message":"it logs"}`
	edit(t, dir, ".local/log.ndjson", cut)
	assert.Equal(t, []string{cut, line, ""}, lines())
	assert.Equal(t, []string{cut, line, line, ""}, lines())
	t.Setenv("RESET", "1")
	assert.Equal(t, []string{line, ""}, lines())
}

// TestRun_EngineDies kills the engine: it is started again where functions that are warm look for it, with its data.
func TestRun_EngineDies(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	if e, err := engine.Start(t.Context(), root, ""); errors.Is(err, engine.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err.Error())
	} else {
		require.NoError(t, err)
		e.Stop()
	}
	dir := foreign(t, map[string]string{"a/main.go": file(t, "testdata/store/main.go")}, map[string]string{"A": "a"})
	edit(t, dir, "template.yaml", template(map[string]string{"A": "a"})+table)
	g := serve(t, root, "-template", templateOf(dir), "-dynamodb=")
	status, _, body := g.send(t, "GET", "/A?call=PutItem", nil, "")
	require.Equal(t, 200, status, body)
	process, _, _ := strings.Cut(body, " ")

	for range 2 {
		require.NoError(t, syscall.Kill(engineOf(t, g.cmd.Process.Pid), syscall.SIGKILL))
		assert.Contains(t, g.lines.next(t, "DynamoDB engine"), "has died")
		assert.Contains(t, g.lines.next(t, "DynamoDB engine"), "runs again")
		status, _, body = g.send(t, "GET", "/A?call=GetItem", nil, "")
		require.Equal(t, 200, status, body)
		assert.Contains(t, body, `"hello"`)
		assert.True(t, strings.HasPrefix(body, process+" "), "the same process of the function: %s", body)
	}
	last := engineOf(t, g.cmd.Process.Pid)
	require.NoError(t, g.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-g.done, "exit status 0")
	assert.ErrorIs(t, syscall.Kill(last, 0), syscall.ESRCH)
}

// engineOf finds the engine among a process's children.
func engineOf(t *testing.T, pid int) int {
	t.Helper()
	for _, child := range children(t, pid) {
		program, err := os.Readlink("/proc/" + strconv.Itoa(child) + "/exe")
		if err == nil && filepath.Base(program) == "dynoxide" {
			return child
		}
	}
	require.Fail(t, "there is no engine")
	return 0
}

func TestRun_FoldersOfOneName(t *testing.T) {
	t.Parallel()
	dir := foreign(t, map[string]string{
		"orders/handler/main.go":      code(`"orders"`),
		"deep/er/invoices/go.mod":     "module invoices\n\ngo 1.26\n\nrequire github.com/aws/aws-lambda-go v1.55.1\n",
		"deep/er/invoices/main.go":    code(`"invoices"`),
		"deep/er/customers/main.go":   code(`"customers"`),
		"other/customers/main.go":     code(`"others"`),
		"deep/er/customers/ignore.md": "text",
	}, map[string]string{"O": "orders/handler", "I": "deep/er/invoices/", "C": "./deep/er/customers", "D": "other/customers"})
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	require.NoError(t, err)
	edit(t, dir, "deep/er/invoices/go.sum", string(sums))
	s := serveProject(t, dir, nil)
	for id, want := range map[string]string{"O": "orders", "I": "invoices", "C": "customers", "D": "others"} {
		s.says(t, id, want)
	}
	assert.FileExists(t, filepath.Join(dir, ".local", "log.ndjson"))
}

// TestRun_NobodyReadsTheTerminal: the terminal takes no line after the first request.
func TestRun_NobodyReadsTheTerminal(t *testing.T) {
	t.Parallel()
	talk := strings.Replace(code(`"a"`), "return map", "fmt.Println(os.Environ())\n\t\treturn map", 1)
	dir := foreign(t, map[string]string{"a/main.go": talk}, map[string]string{"A": "a"})
	out, terminal := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		o := options{template: templateOf(dir), addr: "127.0.0.1:0", parameters: parameterFlag{}}
		ended <- run(ctx, o, terminal, terminal)
	}()
	s := &served{}
	for read := make([]byte, 4096); s.url == ""; {
		n, err := out.Read(read)
		require.NoError(t, err)
		if _, rest, ok := strings.Cut(string(read[:n]), "Serving "); ok {
			s.url, _, _ = strings.Cut(rest, " ")
		}
	}
	for range 100 {
		s.says(t, "A", "a")
	}
	cancel()
	require.NoError(t, <-ended)
}

func TestLineWriter_CountsLostLines(t *testing.T) {
	t.Parallel()
	out, to := io.Pipe()
	l := newLineWriter(to)
	for range 2 * queued {
		l.println("line")
	}
	go func() {
		l.close()
		_ = to.Close() // a pipe's Close has no error
	}()
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	lines := strings.Count(string(text), "line\n")
	assert.GreaterOrEqual(t, lines, queued)
	assert.Less(t, lines, 2*queued)
	assert.Contains(t, string(text), " lines were lost: nobody read them\n")
}

func TestEnvironment_IsExactly(t *testing.T) {
	f := samtemplate.Function{Name: "the-name", Alias: "live", Handler: "bootstrap", MemoryMB: 256,
		Logging:     samtemplate.Logging{Format: "JSON", Level: "WARN", Group: "the-group"},
		Environment: map[string]string{"MINE": "1", "TZ": ":Europe/Berlin", "AWS_REGION": "mars", "AWS_ENDPOINT_URL_DYNAMODB": ""}}
	want := []string{
		"AWS_ACCESS_KEY_ID=local", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_FUNCTION_NAME=the-name", "AWS_LAMBDA_FUNCTION_VERSION=1",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_GROUP_NAME=the-group", "AWS_LAMBDA_LOG_LEVEL=WARN",
		"AWS_LAMBDA_LOG_STREAM_NAME=local", "AWS_REGION=eu-west-1", "AWS_SECRET_ACCESS_KEY=local", "AWS_SESSION_TOKEN=local",
		"LAMBDA_RUNTIME_DIR=/var/runtime", "LAMBDA_TASK_ROOT=/var/task", "LANG=en_US.UTF-8", "MINE=1", "TZ=:Europe/Berlin", "_HANDLER=bootstrap",
	}
	assert.Equal(t, want, environment(f, "http://127.0.0.1:1"))
	f.Environment, f.Alias, f.Logging = nil, "", samtemplate.Logging{Format: "Text"}
	assert.Contains(t, environment(f, ""), "AWS_LAMBDA_FUNCTION_VERSION=$LATEST")
	assert.NotContains(t, strings.Join(environment(f, ""), "\n"), "AWS_LAMBDA_LOG_LEVEL", "text has no level")
	assert.NotContains(t, strings.Join(environment(f, ""), "\n"), "DYNAMODB", "none without tables")
}

// TestStop serves from a shell that is set to build for another machine, and is ended as people and systems do it.
func TestStop(t *testing.T) {
	dir := foreign(t, map[string]string{"a/main.go": code(`"a"`)}, map[string]string{"A": "a"})
	binary(t) // before the shell is set
	t.Setenv("GOOS", "windows")
	t.Setenv("GOARCH", "arm64")
	t.Setenv("CGO_ENABLED", "1")
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			g := serve(t, dir, "-quiet")
			status, _, body := g.send(t, "GET", "/A", nil, "")
			require.Equal(t, 200, status, body)
			running := children(t, g.cmd.Process.Pid)
			assert.Len(t, running, 1)
			require.NoError(t, g.cmd.Process.Signal(signal))
			require.NoError(t, <-g.done, "exit status 0")
			for _, pid := range running {
				assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
			}
		})
	}
}

// TestStop_TerminalGone: nobody reads the lines any more, as after head has ended or a window was closed.
func TestStop_TerminalGone(t *testing.T) {
	t.Parallel()
	g := serve(t, foreign(t, map[string]string{"a/main.go": code(`"a"`)}, map[string]string{"A": "a"}))
	require.NoError(t, g.reader.Close())
	for range 20 {
		status, _, body := g.send(t, "GET", "/A", nil, "")
		require.Equal(t, 200, status, body)
	}
	require.NoError(t, g.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-g.done, "exit status 0")
}

// piped returns a standard input with a text.
func piped(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() }) // only read
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return r
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	echo := `package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(event map[string]any) (map[string]any, error) {
		fmt.Println("it logs")
		if event["fail"] == true {
			return nil, errors.New("as told")
		}
		event["name"] = os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
		return event, nil
	})
}
`
	dir := foreign(t, map[string]string{"a/main.go": echo, "b/main.go": "package main\n\nfunc main() { x }\n"},
		map[string]string{"A": "a", "B": "b"})
	edit(t, dir, "event.json", `{"from":"file"}`)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close() //nolint:errcheck // nothing to lose
	call := func(name, event string, in *os.File) (out, logs string, err error) {
		var answer, said strings.Builder
		o := options{template: templateOf(dir), parameters: parameterFlag{"DeployEnv": "dev"}, guessed: true, invoke: name, event: event}
		err = invoke(t.Context(), o, in, &answer, &said)
		return answer.String(), said.String(), err
	}
	t.Run("by logical id, an event piped in", func(t *testing.T) {
		out, logs, err := call("A", "", piped(t, `{"from":"pipe"}`))
		require.NoError(t, err)
		assert.Equal(t, `{"from":"pipe","name":"the-a"}`+"\n", out) //nolint:testifylint // as printed
		logs = stamped.ReplaceAllString(logs, "TIME")
		assert.Equal(t, `{"function":"A","timestamp":"TIME","level":"INFO","message":"it logs"}`+"\n", logs) //nolint:testifylint // as printed
	})
	t.Run("by name, an event of a file", func(t *testing.T) {
		out, _, err := call("the-a", filepath.Join(dir, "event.json"), piped(t, `{"from":"pipe"}`))
		require.NoError(t, err)
		assert.Contains(t, out, `"from":"file"`)
	})
	t.Run("of a schedule, by the folder of the code", func(t *testing.T) {
		out, _, err := call("a", "", null)
		require.NoError(t, err)
		var event struct {
			Source, Time, Region string
			DetailType           string `json:"detail-type"`
			Resources            []string
		}
		require.NoError(t, json.Unmarshal([]byte(out), &event))
		assert.Equal(t, "aws.events", event.Source)
		assert.Equal(t, "Scheduled Event", event.DetailType)
		assert.Len(t, event.Resources, 1)
		_, err = time.Parse(time.RFC3339, event.Time)
		require.NoError(t, err)
	})
	t.Run("a failure", func(t *testing.T) {
		out, _, err := call("A", "", piped(t, `{"fail":true}`))
		require.EqualError(t, err, "A failed: errorString: as told")
		assert.Equal(t, `{"errorType":"errorString","errorMessage":"as told"}`+"\n", out) //nolint:testifylint // as printed
	})
	failures := map[string]struct {
		name, event string
		in          *os.File
		want        string
	}{
		"no such function":     {"C", "", null, "there is no function C; there are A, B"},
		"no JSON":              {"A", "", piped(t, "{"), "standard input is not JSON"},
		"no file":              {"A", filepath.Join(dir, "none"), null, "read the event: open "},
		"it does not compile":  {"B", "", null, "b/main.go:3:15: undefined: x"},
		"its own failure only": {"A", "", piped(t, `[]`), "cannot unmarshal array"},
	}
	for name, tt := range failures {
		t.Run(name, func(t *testing.T) {
			_, _, err := call(tt.name, tt.event, tt.in)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestRun_CompileErrorsAreALineEach(t *testing.T) {
	t.Parallel()
	dir := foreign(t, map[string]string{
		"a/main.go":    "package main\n\nimport \"other/both\"\n\nfunc main() { both.F(1, 2) }\n",
		"b/main.go":    "package main\n\nimport _ \"other/both\"\n\nfunc main() {}\n",
		"both/both.go": "package both\n\nfunc F(string) { x }\n\nfunc G() { return 1 }\n",
		"c/main.go":    "package main\n\nimport (\n\t\"github.com/none/such\"\n)\n\nfunc main() { such.F() }\n",
		"d/library.go": "package library\n",
		"e/README.md":  "no code\n",
	}, map[string]string{"A": "a", "B": "b", "C": "c", "D": "d", "E": "e"})
	o := options{template: templateOf(dir), addr: "127.0.0.1:0", parameters: parameterFlag{}}
	err := run(t.Context(), o, io.Discard, io.Discard)
	var failed *buildError
	require.ErrorAs(t, err, &failed)
	var lines []string
	for _, line := range strings.Split(err.Error(), "\n") {
		lines = append(lines, strings.ReplaceAll(line, relative(dir)+"/", ""))
	}
	assert.Equal(t, []string{
		"the functions do not compile:",
		"  both/both.go:3:18: undefined: x",
		"  both/both.go:5:19: too many return values have (number) want ()",
		"  c/main.go:4:2: no required module provides package github.com/none/such; to add it: go get github.com/none/such",
		"  d: package library is not a main package",
		"  e: no Go files",
	}, lines)
}
