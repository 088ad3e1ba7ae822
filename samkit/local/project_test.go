package main

import (
	"bufio"
	"context"
	"errors"
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

// foreign writes a project with a module of its own: the files, and a template with functions, whose folders are given by
// logical id. Each is served at /<id>.
func foreign(t testing.TB, files, folders map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	edit(t, dir, "go.mod", "module other\n\ngo 1.26\n\nrequire github.com/aws/aws-lambda-go v1.55.1\n")
	edit(t, dir, "go.sum", file(t, filepath.Join("..", "..", "go.sum")))
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

func file(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// table is a table to add to a template.
const table = `  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
`

func template(folders map[string]string) string {
	text := `Transform: AWS::Serverless-2016-10-31
Parameters:
  Size: {Type: String, Default: small, AllowedValues: [small, large]}
Globals: {Function: {Handler: bootstrap, Runtime: provided.al2023, Timeout: 60}}
Resources:
`
	paths := ""
	for _, id := range slices.Sorted(maps.Keys(folders)) {
		fill := strings.NewReplacer("ID", id, "NAME", "the-"+strings.ToLower(id), "FOLDER", folders[id]).Replace
		text += fill(`  ID: {Type: AWS::Serverless::Function, Properties: {FunctionName: NAME, CodeUri: FOLDER}}
  IDMayBeCalled:
    Type: AWS::Lambda::Permission
    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref ID, Principal: apigateway.amazonaws.com}
`)
		paths += fill(`          /ID:
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${ID.Arn}/invocations"
`)
	}
	return text + `  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: x
      DefinitionBody:
        openapi: 3.0.1
        paths:
` + paths
}

// code is the source of a function that answers with the value of a Go expression and its process id.
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

// served is a running run.
type served struct {
	url    string
	banner []string
	lines  printed // since it serves; with -json only the requests'
	stop   func()  // waits for its end
}

// serveProject serves the template of a folder until the test ends.
func serveProject(t testing.TB, dir string, change func(*options)) *served {
	t.Helper()
	o := options{template: templateOf(dir), addr: "127.0.0.1:0", parameters: parameterFlag{"DeployEnv": "dev"}, guessed: true}
	if change != nil {
		change(&o)
	}
	people, peopleTo := io.Pipe()
	requestsTo := peopleTo
	lines := make(printed, 10_000)
	if o.objects {
		var objects *io.PipeReader
		objects, requestsTo = io.Pipe()
		go scan(objects, lines)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, o, requestsTo, peopleTo)
		_ = errors.Join(peopleTo.Close(), requestsTo.Close()) // a pipe's Close has no error
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
	scanner := bufio.NewScanner(people)
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
			if !o.objects {
				lines <- scanner.Text()
			}
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

// says calls a function that code made, asserts its text and returns the id of the process that answered.
func (s *served) says(t testing.TB, id, want string) (pid string) {
	t.Helper()
	status, body := s.get(t, "/"+id)
	require.Equal(t, 200, status, body)
	text, pid, ok := strings.Cut(body, " ")
	require.True(t, ok, body)
	require.Equal(t, want, text)
	return pid
}

// printed is what the tool prints, line by line.
type printed chan string

// unread returns the lines that nobody has looked at yet.
func (p printed) unread() []string {
	var all []string
	for {
		select {
		case line := <-p:
			all = append(all, line)
		default:
			return all
		}
	}
}

// next returns the next line that contains the text. A busy machine may take its time.
func (p printed) next(t testing.TB, text string) string {
	t.Helper()
	var before []string
	for late := time.After(time.Minute); ; {
		select {
		case line := <-p:
			if strings.Contains(line, text) {
				return line
			}
			before = append(before, line)
		case <-late:
			require.Fail(t, "no line contains "+text, strings.Join(before, "\n"))
		}
	}
}
