package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreign writes a project with a module of its own: the files, and a template whose functions' folders are given by
// logical id; each is served at /<id>.
func foreign(t testing.TB, files, folders map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	sums, err := os.ReadFile(filepath.Join("..", "..", "go.sum"))
	require.NoError(t, err)
	edit(t, dir, "go.mod", "module other\n\ngo 1.26\n\nrequire github.com/aws/aws-lambda-go v1.55.1\n")
	edit(t, dir, "go.sum", string(sums))
	edit(t, dir, "template.yaml", template(folders))
	for name, text := range files {
		edit(t, dir, name, text)
	}
	return dir
}

func edit(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func template(folders map[string]string) string {
	resources, paths := "", ""
	for _, id := range slices.Sorted(maps.Keys(folders)) {
		resources += fmt.Sprintf("  %s: {Type: AWS::Serverless::Function, Properties: {FunctionName: the-%s, CodeUri: %s, Handler: bootstrap, Runtime: provided.al2023, Timeout: 20}}\n", id, strings.ToLower(id), folders[id])
		resources += fmt.Sprintf("  %sMayBeCalled: {Type: AWS::Lambda::Permission, Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref %s, Principal: apigateway.amazonaws.com, SourceArn: !Sub \"arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*/*\"}}\n", id, id)
		paths += fmt.Sprintf("          /%s: {get: {x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: !Sub \"arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${%s.Arn}/invocations\"}}}\n", id, id)
	}
	return "Transform: AWS::Serverless-2016-10-31\nResources:\n" + resources +
		"  Api:\n    Type: AWS::Serverless::Api\n    Properties:\n      StageName: x\n      DefinitionBody:\n        openapi: 3.0.1\n        paths:\n" + paths
}

// code is a function that answers with a Go expression and its process id.
func code(expression string, imports ...string) string {
	text := "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\n\t\"github.com/aws/aws-lambda-go/lambda\"\n"
	for _, path := range imports {
		text += "\t\"" + path + "\"\n"
	}
	return text + `)

func main() {
	lambda.Start(func(event map[string]any) (map[string]any, error) {
		return map[string]any{"statusCode": 200, "body": fmt.Sprint(` + expression + `, " ", os.Getpid())}, nil
	})
}
`
}

// served is run at work.
type served struct {
	url    string
	banner []string
	lines  <-chan string // one per request
	stop   func()        // waits for its end
}

// start serves with the options, and the template of the folder, until the test ends.
func serveProject(t testing.TB, dir string, change func(*options)) *served {
	t.Helper()
	o := options{template: filepath.Join(dir, "template.yaml"), addr: "127.0.0.1:0", parameters: parameterFlag{"DeployEnv": "dev"}, guessed: true}
	if change != nil {
		change(&o)
	}
	out, told := io.Pipe()
	requests, told2 := told, told
	lines := make(chan string, 10_000)
	if o.objects {
		var objects *io.PipeReader
		objects, requests = io.Pipe()
		go scan(objects, lines)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, o, requests, told2)
		_, _ = told.Close(), requests.Close() // a pipe's Close has no error
	}()
	s := &served{lines: lines}
	stopped := false
	s.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			assert.NoError(t, <-ended)
		}
	}
	scanner := bufio.NewScanner(out)
	for s.url == "" && scanner.Scan() {
		s.banner = append(s.banner, scanner.Text())
		if rest, ok := strings.CutPrefix(scanner.Text(), "Serving "); ok {
			s.url, _, _ = strings.Cut(rest, " ")
		}
	}
	if s.url == "" {
		cancel()
		require.NoError(t, <-ended)
	}
	t.Cleanup(s.stop)
	go func() {
		for scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	return s
}

func scan(from io.Reader, to chan<- string) {
	for scanner := bufio.NewScanner(from); scanner.Scan(); {
		to <- scanner.Text()
	}
}

// get returns status and body.
func (s *served) get(t testing.TB, path string) (int, string) {
	t.Helper()
	status, body, err := s.fetch(path)
	require.NoError(t, err)
	return status, body
}

func (s *served) fetch(path string) (status int, body string, err error) {
	resp, err := http.Get(s.url + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// says calls a function made of code, wants its text, and returns the id of the process that answered.
func (s *served) says(t testing.TB, id, want string) (pid string) {
	t.Helper()
	status, body := s.get(t, "/"+id)
	require.Equal(t, 200, status, body)
	text, pid, ok := strings.Cut(body, " ")
	require.True(t, ok, body)
	require.Equal(t, want, text)
	return pid
}

// printed returns the lines printed since.
func (s *served) printed() []string {
	var all []string
	for {
		select {
		case line := <-s.lines:
			all = append(all, line)
		default:
			return all
		}
	}
}

// next returns the next printed line that contains the text.
func (s *served) next(t testing.TB, text string) string {
	t.Helper()
	var before []string
	for late := time.After(20 * time.Second); ; {
		select {
		case line := <-s.lines:
			if strings.Contains(line, text) {
				return line
			}
			before = append(before, line)
		case <-late:
			require.Fail(t, "no line contains "+text, strings.Join(before, "\n"))
		}
	}
}
