package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func watched(o *options) { o.watch = true }

func TestWatch_BuildsTheChangedFunctionOnly(t *testing.T) {
	t.Parallel()
	embed := strings.Replace(code("embedded+word.Say()", "other/word"), "import (", "import (\n\t_ \"embed\"", 1) +
		"\n//go:embed texts/text.txt\nvar embedded string\n"
	dir := foreign(t, map[string]string{
		"a/fn/main.go":        embed,
		"a/fn/texts/text.txt": "text,",
		"word/word.go":        "package word\n\nfunc Say() string { return \"word\" }\n",
		"b/fn/main.go":        code(`"b"`),
	}, map[string]string{"A": "a/fn/", "B": "b/fn"})
	s := serveProject(t, dir, watched)
	a, b := s.says(t, "A", "text,word"), s.says(t, "B", "b")
	changes := []struct{ what, file, text, want string }{
		{"a package that it imports", "word/word.go", "package word\n\nfunc Say() string { return \"other\" }\n", "text,other"},
		{"a file that it embeds", "a/fn/texts/text.txt", "more,", "more,other"},
		{"a new file of a package", "word/init.go", "package word\n\nfunc init() { println() }\n", "more,other"},
		{"its own code", "a/fn/main.go", code(`"own"`), "own"},
	}
	for _, change := range changes {
		edit(t, dir, change.file, change.text)
		again := s.says(t, "A", change.want)
		assert.NotEqual(t, a, again, change.what)
		a = again
		assert.Equal(t, b, s.says(t, "B", "b"), "%s: the other stays warm", change.what)
	}
	t.Run("for many at once", func(t *testing.T) {
		edit(t, dir, "a/fn/main.go", code(`"many"`))
		answers := make(chan string, 16)
		for range cap(answers) {
			go func() {
				_, body, err := s.fetch("/A")
				answers <- fmt.Sprint(body, err)
			}()
		}
		for range cap(answers) {
			assert.Contains(t, <-answers, "many ")
		}
		edit(t, dir, "a/fn/main.go", code(`"own"`))
		a = s.says(t, "A", "own")
	})
	t.Run("the same text again", func(t *testing.T) {
		edit(t, dir, "a/fn/main.go", code(`"own"`))
		assert.Equal(t, a, s.says(t, "A", "own"), "it stays warm")
	})
	t.Run("a test file", func(t *testing.T) {
		edit(t, dir, "a/fn/main_test.go", "package main\n\nthis is no Go")
		assert.Equal(t, a, s.says(t, "A", "own"))
	})
	t.Run("what it no longer imports", func(t *testing.T) {
		edit(t, dir, "word/word.go", "package word\n\nthis is no Go")
		assert.Equal(t, a, s.says(t, "A", "own"))
	})
}

func TestWatch_ModuleChangeReachesAll(t *testing.T) {
	t.Parallel()
	const module = `module other

go 1.26

require (
	github.com/aws/aws-lambda-go v1.55.1
	example.com/lib v1.0.0
)

replace example.com/lib => ./`
	dir := foreign(t, map[string]string{
		"go.mod":      module + "one\n",
		"one/go.mod":  "module example.com/lib\n\ngo 1.26\n",
		"one/lib.go":  "package lib\n\nconst Text = \"one\"\n",
		"two/go.mod":  "module example.com/lib\n\ngo 1.26\n",
		"two/lib.go":  "package lib\n\nconst Text = \"two\"\n",
		"a/main.go":   code("lib.Text", "example.com/lib"),
		"b/c/main.go": code("lib.Text", "example.com/lib"),
	}, map[string]string{"A": "a", "B": "b/c"})
	s := serveProject(t, dir, watched)
	s.says(t, "A", "one")
	s.says(t, "B", "one")
	edit(t, dir, "go.mod", module+"two\n")
	s.says(t, "A", "two")
	s.says(t, "B", "two")
	edit(t, dir, "two/lib.go", "package lib\n\nconst Text = \"three\"\n")
	s.says(t, "A", "three")
}

func TestWatch_CompileError(t *testing.T) {
	t.Parallel()
	good := code(`"good"`)
	dir := foreign(t, map[string]string{"a/main.go": good, "b/main.go": code(`"b"`)}, map[string]string{"A": "a", "B": "b"})
	s := serveProject(t, dir, watched)
	a, b := s.says(t, "A", "good"), s.says(t, "B", "b")
	for range 2 { // the second time nothing is built, and it is said again
		const nonsense = "func main() {\n\tnonsense\n\tlambda.Begin(1,\n\t\t2)"
		edit(t, dir, "a/main.go", strings.Replace(good, "func main() {", nonsense, 1))
		status, body := s.get(t, "/A")
		assert.Equal(t, 502, status)
		assert.NotContains(t, body, "nonsense", "the client is told nothing of it")
		line := s.lines.next(t, "GET    /A 502")
		assert.Contains(t, line, "a/main.go:11:2: undefined: nonsense; ")
		assert.Contains(t, line, "a/main.go:12:9: undefined: lambda.Begin")
	}
	assert.Equal(t, b, s.says(t, "B", "b"), "the other is served, warm")
	require.Eventually(t, func() bool {
		log := file(t, filepath.Join(dir, ".local", "log.ndjson"))
		return strings.Count(log, `"message":"start"`) == 2 && strings.Count(log, "a/main.go:11:2: undefined: nonsense") == 2
	}, time.Minute, time.Millisecond, "the function's log says why it could not start")

	edit(t, dir, "a/main.go", good)
	assert.Equal(t, a, s.says(t, "A", "good"), "the same program as before the mistake is still warm")

	edit(t, dir, "a/main.go", code("late.Text", "other/late"))
	status, _ := s.get(t, "/A")
	assert.Equal(t, 502, status)
	assert.Contains(t, s.lines.next(t, "GET    /A 502"), "a/main.go:8:2: package other/late is not in std")
	edit(t, dir, "late/late.go", "package late\n\nconst Text = \"late\"\n")
	assert.NotEqual(t, a, s.says(t, "A", "late"), "a folder that was missing is noticed")
}

func TestWatch_StartsWithCodeThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	dir := foreign(t, map[string]string{"a/main.go": "package main\n\nfunc main() { x }\n", "b/main.go": code(`"b"`)},
		map[string]string{"A": "a", "B": "b"})
	s := serveProject(t, dir, watched)
	assert.Contains(t, strings.Join(s.banner, "\n"), "a/main.go:3:15: undefined: x")
	status, _ := s.get(t, "/A")
	assert.Equal(t, 502, status)
	s.says(t, "B", "b")
	edit(t, dir, "a/main.go", code(`"a"`))
	s.says(t, "A", "a")
}

func TestWatch_Template(t *testing.T) {
	t.Parallel()
	dir := foreign(t, map[string]string{"a/main.go": code(`"a"`), "b/main.go": code(`"b"`)}, map[string]string{"A": "a"})
	s := serveProject(t, dir, watched)
	a := s.says(t, "A", "a")
	status, _ := s.get(t, "/B")
	require.Equal(t, 403, status)

	edit(t, dir, "template.yaml", template(map[string]string{"A": "a", "B": "b"}))
	s.says(t, "B", "b")
	assert.NotEqual(t, a, s.says(t, "A", "a"), "everything is new")
	assert.NotEmpty(t, s.lines.next(t, "template.yaml was read again"))

	edit(t, dir, "template.yaml", template(map[string]string{"A": "a", "B": "nowhere"}))
	s.says(t, "B", "b")
	line := s.lines.next(t, "local: ")
	assert.Contains(t, line, "Resources.B.Properties.CodeUri: there is no folder")
	assert.Contains(t, line, "the template is served as it was before")
	s.says(t, "B", "b")
	for _, line := range s.lines.unread() {
		assert.NotContains(t, line, "local: ", "it is said once")
	}
}

func TestWatch_OffServesWhatWasBuilt(t *testing.T) {
	t.Parallel()
	dir := foreign(t, map[string]string{"a/main.go": code(`"a"`)}, map[string]string{"A": "a"})
	s := serveProject(t, dir, nil)
	a := s.says(t, "A", "a")
	edit(t, dir, "a/main.go", code(`"changed"`))
	edit(t, dir, "template.yaml", "nonsense")
	assert.Equal(t, a, s.says(t, "A", "a"))
}

func TestSnapshot_NoticesWhatTheCompilerReads(t *testing.T) {
	tests := map[string]func(t *testing.T, dir string){
		"a changed file": func(t *testing.T, dir string) { edit(t, dir, "a.go", "package b\n") },
		"another time": func(t *testing.T, dir string) {
			require.NoError(t, os.Chtimes(filepath.Join(dir, "a.go"), time.Time{}, time.Unix(1, 0)))
		},
		"a new file":     func(t *testing.T, dir string) { edit(t, dir, "b.go", "package a\n") },
		"a removed file": func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "a.go"))) },
		"a file to come": func(t *testing.T, dir string) { edit(t, dir, "sum/go.sum", "") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			edit(t, dir, "a.go", "package a\n")
			s := take([]string{dir}, []string{filepath.Join(dir, "sum", "go.sum")})
			require.True(t, s.holds())
			change(t, dir)
			assert.False(t, s.holds())
		})
	}
}
