package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const shop = `Transform: AWS::Serverless-2016-10-31
# A comment that stays.
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties: {Handler: bootstrap, CodeUri: functions/greet/, Runtime: provided.al2023}
  Tell:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ./functions/tell # the version
      Handler: bootstrap
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub "${AWS::StackName}-table"}}
`

const greet = `package main

import (
	"other/words"

	"github.com/aws/smithy-go/ptr"
)

func main() { println(words.Hello, ptr.ToBool(nil)) }
`

const tell = `package main

import "other/words"

var (
	commit = "dev"
)

func main() { println(words.Hello, commit) }
`

// dependency is the line of go.mod that requires what greet imports. Its package is small: zips are what takes the time here.
func dependency(t *testing.T) (module, version string) {
	t.Helper()
	module = "github.com/aws/smithy-go"
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	require.NoError(t, err)
	_, version, ok := strings.Cut(string(text), "\t"+module+" ")
	require.True(t, ok)
	version, _, _ = strings.Cut(version, "\n")
	return module, version
}

// project is a small module with two functions, one of which says its commit, and a package that both use.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	sums, err := os.ReadFile(filepath.Join("..", "..", "go.sum"))
	require.NoError(t, err)
	module, version := dependency(t)
	for name, text := range map[string]string{
		"go.mod":                      "module other\n\ngo 1.26\n\nrequire " + module + " " + version + "\n",
		"go.sum":                      string(sums),
		"template.yaml":               shop,
		"samconfig.toml":              "version = 0.1\n",
		"words/words.go":              "// Package words has words.\npackage words\n\nconst Hello = \"hello\"\n",
		"functions/greet/main.go":     greet,
		"functions/greet/x_test.go":   "package main\n\nvar commit = \"of a test only\"\n",
		"functions/tell/main.go":      tell,
		".hidden/functions/junk.go":   "no Go",
		"node_modules/functions/x.go": "no Go",
	} {
		put(t, dir, name, text)
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// pack packs a project into a new folder and returns the folder, what was printed and the manifest.
func pack(t *testing.T, dir string, o options) (string, string, Manifest) {
	t.Helper()
	o.template, o.out = filepath.Join(dir, "template.yaml"), filepath.Join(t.TempDir(), "out")
	if o.architectures == nil {
		o.architectures = []string{"x86_64"}
	}
	var printed bytes.Buffer
	require.NoError(t, run(t.Context(), o, &printed))
	var m Manifest
	require.NoError(t, json.Unmarshal([]byte(read(t, o.out, "manifest.json")), &m))
	return o.out, printed.String(), m
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(text)
}

// files are the files below a folder with their content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path) // it is below
			found[rel] = read(t, dir, rel)
		}
		return err
	}))
	return found
}

func TestRun_OnlyWhatChanged(t *testing.T) {
	t.Parallel()
	dir := project(t)
	first, printed, m := pack(t, dir, options{commit: "c1"})
	assert.Contains(t, printed, "commit c1, go")
	assert.Equal(t, "c1", m.Commit)
	put(t, dir, "functions/greet/main.go", greet+"\n// More words.\n")
	again, _, _ := pack(t, dir, options{commit: "c1"})
	assert.Equal(t, files(t, first), files(t, again), "the same bytes, since a comment is no change")

	// changed are the functions whose zip is not the first one.
	changed := func(commit string) []string {
		var names []string
		_, _, now := pack(t, dir, options{commit: commit})
		for name, a := range now.Functions {
			if a["x86_64"].Zip != m.Functions[name]["x86_64"].Zip {
				names = append(names, name)
			}
		}
		return names
	}
	assert.Equal(t, []string{"tell"}, changed("c2"), "the commit is in this one only")
	put(t, dir, "functions/greet/main.go", strings.Replace(greet, "println(", "println(1, ", 1))
	assert.Equal(t, []string{"greet"}, changed("c1"))
	put(t, dir, "functions/greet/main.go", greet)
	put(t, dir, "words/words.go", "package words\n\nconst Hello = \"good day\"\n")
	assert.ElementsMatch(t, []string{"greet", "tell"}, changed("c1"), "what both use")
}

func TestRun_Artifacts(t *testing.T) {
	t.Parallel()
	dir := project(t)
	module, version := dependency(t)
	out, _, m := pack(t, dir, options{commit: "c1", bucket: "store"})
	require.Len(t, m.Functions, 2)
	for name, commit := range map[string]bool{"greet": false, "tell": true} {
		a := m.Functions[name]["x86_64"]
		assert.Equal(t, commit, a.Commit, name)
		archive := read(t, out, a.Zip)
		assert.Equal(t, "functions/"+name+"/"+sum([]byte(archive))+".zip", a.Zip)
		assert.Len(t, archive, a.Bytes)
		z, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
		require.NoError(t, err)
		require.Len(t, z.File, 1)
		f := z.File[0]
		assert.Equal(t, "bootstrap", f.Name)
		assert.Equal(t, fs.FileMode(0o755), f.Mode())
		assert.True(t, f.Modified.IsZero() || f.Modified.Year() == 1979, f.Modified) // zip's zero
		r, err := f.Open()
		require.NoError(t, err)
		binary, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.Equal(t, a.Binary, sum(binary))
		assert.NotContains(t, string(binary), dir, "where it was built")
		run := filepath.Join(t.TempDir(), "bootstrap")
		require.NoError(t, os.WriteFile(run, binary, 0o700))
		said, err := exec.Command(run).CombinedOutput()
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"greet": "hello false\n", "tell": "hello c1\n"}[name], string(said))

		bom := read(t, out, a.SBOM)
		assert.Contains(t, bom, `"specVersion": "1.6"`)
		assert.Contains(t, bom, `"purl": "pkg:golang/stdlib@go`)
		assert.Contains(t, bom, a.Binary)
		assert.Equal(t, name == "greet", strings.Contains(bom, `"purl": "pkg:golang/`+module+"@"+version+`"`), bom)
	}
	greet := m.Functions["greet"]["x86_64"].Zip
	tell := m.Functions["tell"]["x86_64"].Zip
	places := func(prefix string) string {
		return strings.NewReplacer("functions/greet/,", prefix+greet+",", "./functions/tell #", prefix+tell+" #").Replace(shop)
	}
	want := places("./")
	assert.Equal(t, want, read(t, out, "template-x86_64.yaml"), "nothing else changes")
	assert.Equal(t, map[string]string{"template-x86_64.yaml": sum([]byte(want))}, m.Templates)
	assert.Equal(t, places("s3://store/"), read(t, out, "release/template-x86_64.yaml"))
	assert.Equal(t, map[string]string{"samconfig.toml": sum([]byte("version = 0.1\n"))}, m.Files)
	assert.Equal(t, "version = 0.1\n", read(t, out, "release/samconfig.toml"))
	assert.Equal(t, read(t, out, "manifest.json"), read(t, out, "release/manifest.json"))
	assert.NotContains(t, read(t, out, "manifest.json"), "store", "it is the same for the bucket of another account")
}

// TestRun_Arm64 has a function that imports nothing, so that nothing but the runtime is compiled for arm64.
func TestRun_Arm64(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "go.mod", "module other\n\ngo 1.26\n")
	put(t, dir, "main/main.go", "package main\n\nfunc main() {}\n")
	put(t, dir, "template.yaml", "Resources:\n  A:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: main\n")
	out, _, m := pack(t, dir, options{commit: "c1", architectures: []string{"x86_64", "arm64"}})
	for arch, want := range map[string]struct {
		machine  elf.Machine
		template string
	}{"arm64": {elf.EM_AARCH64, "template.yaml"}, "x86_64": {elf.EM_X86_64, "template-x86_64.yaml"}} {
		a := m.Functions["main"][arch]
		z, err := zip.OpenReader(filepath.Join(out, a.Zip))
		require.NoError(t, err)
		r, err := z.Open("bootstrap")
		require.NoError(t, err)
		binary, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		parsed, err := elf.NewFile(bytes.NewReader(binary))
		require.NoError(t, err)
		assert.Equal(t, want.machine, parsed.Machine)
		assert.Contains(t, read(t, out, want.template), "CodeUri: ./"+a.Zip+"\n")
	}
}

// TestRun_Commit: where no commit is given git says it, and whether the working tree has other changes.
func TestRun_Commit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := head(t.Context(), dir)
	require.ErrorContains(t, err, "or give -commit")
	git := func(args ...string) string {
		identity := []string{"-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"}
		cmd := exec.Command("git", append(identity, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	put(t, dir, "a", "1")
	git("add", "a")
	git("commit", "-q", "-m", "one")
	commit := git("rev-parse", "HEAD")
	got, err := head(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, commit, got)
	put(t, dir, "a", "2")
	got, err = head(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, commit+"-dirty", got)
}

func TestRun_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	function := func(id, code string) string {
		return "  " + id + ":\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: " + code + "\n"
	}
	sameName := "Resources:\n" + function("A", "x/a") + function("B", "y/a")
	const noFolder = "Resources:\n  A: {Type: AWS::Serverless::Function, Properties: {Handler: x}}\n"
	tests := map[string]struct {
		template, main string
		architecture   string
		want           string
	}{
		"an architecture":   {"Resources:\n" + function("A", "a"), "", "amd64", `-arch: "amd64" is neither`},
		"no YAML":           {"a: [", "", "x86_64", "template.yaml: yaml"},
		"empty":             {"", "", "x86_64", "is empty"},
		"no functions":      {"Resources:\n  T: {Type: AWS::SNS::Topic}\n", "", "x86_64", "has no functions"},
		"no folder":         {noFolder, "", "x86_64", "Resources.A.Properties.CodeUri: a folder is needed"},
		"a bucket":          {"Resources:\n" + function("A", "{Bucket: b, Key: k}"), "", "x86_64", "a folder is needed"},
		"quotes":            {"Resources:\n" + function("A", `"a"`), "", "x86_64", "without quotes"},
		"two of a name":     {sameName, "", "x86_64", "A and B have code folders of the same name a"},
		"what is no Go":     {"Resources:\n" + function("A", "a"), "package main\n\nfunc main() { nothing() }\n", "x86_64", "undefined: nothing"},
		"nothing to build":  {"Resources:\n" + function("A", "c"), "package main\n\nfunc main() {}\n", "x86_64", "build for x86_64"},
		"one no program":    {"Resources:\n" + function("A", "a") + function("B", "b"), "package a\n", "x86_64", "a is no program"},
		"no program at all": {"Resources:\n" + function("A", "a"), "package a\n", "x86_64", "no main packages"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, "go.mod", "module other\n\ngo 1.26\n")
			put(t, dir, "template.yaml", tt.template)
			put(t, dir, "a/main.go", tt.main)
			put(t, dir, "b/main.go", "package main\n\nfunc main() {}\n")
			o := options{
				template: filepath.Join(dir, "template.yaml"), out: filepath.Join(dir, "out"),
				architectures: []string{tt.architecture}, commit: "c1",
			}
			err := run(t.Context(), o, io.Discard)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
