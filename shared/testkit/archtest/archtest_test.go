package archtest_test

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/shared/testkit/archtest"
)

// packages asks `go list` for the module's packages. It runs in a child process, which `go test` does not see when it
// reuses a result: run with -count=1.
func packages(t *testing.T) []archtest.Package {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	var list []archtest.Package
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Name                   string
			Imports, TestImports, XTestImports []string
		}
		err := decoder.Decode(&p)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		own := func(imports []string) (below, external []string) {
			for _, i := range imports {
				if rest, ok := strings.CutPrefix(i, "pricing/"); ok {
					below = append(below, rest)
				} else {
					external = append(external, i)
				}
			}
			return below, external
		}
		one := archtest.Package{Path: strings.TrimPrefix(p.ImportPath, "pricing/")}
		one.Imports, one.External = own(p.Imports)
		one.TestImports, _ = own(append(p.TestImports, p.XTestImports...))
		list = append(list, one)
	}
	return list
}

func TestProject(t *testing.T) {
	root, err := engine.Root()
	require.NoError(t, err)
	project := os.DirFS(root)
	assert.Empty(t, archtest.Imports(packages(t)))
	assert.Empty(t, archtest.Mains(project))
	assert.Empty(t, archtest.Exits(project))
	assert.Empty(t, archtest.Tests(project))
}

func TestImports_Broken(t *testing.T) {
	tests := map[string]struct {
		broken archtest.Package
		want   string
	}{
		"upwards": {archtest.Package{Path: "shared/price", Imports: []string{"shared/store"}},
			"shared/price (row 2): imports shared/store of row 4"},
		"sideways": {archtest.Package{Path: "shared/store", Imports: []string{"shared/gateway"}},
			"shared/store (row 4): imports shared/gateway of row 4"},
		"no row": {archtest.Package{Path: "shared/utils"}, "shared/utils: stands in no row"},
		"a function's code": {archtest.Package{Path: "functions/a", Imports: []string{"functions/b"}},
			"functions/a: must not import functions/b"},
		"a tool": {archtest.Package{Path: "shared/boot", Imports: []string{"tools/feed"}},
			"shared/boot: must not import tools/feed"},
		"a tool in a test": {archtest.Package{Path: "shared/boot", TestImports: []string{"tools/feed"}},
			"shared/boot: must not import tools/feed in a test"},
		"the engine": {archtest.Package{Path: "shared/boot", Imports: []string{"samkit/engine"}},
			"shared/boot: must not import samkit/engine"},
		"the engine in a test": {archtest.Package{Path: "shared/store", TestImports: []string{"samkit/engine"}},
			"shared/store: must not import samkit/engine in a test"},
		"test support": {archtest.Package{Path: "functions/a", Imports: []string{"shared/testkit/storetest"}},
			"functions/a: imports shared/testkit/storetest, which is for tests and tools"},
		"testkit and the kit": {archtest.Package{Path: "shared/testkit/storetest", Imports: []string{"samkit/engine", "samkit/local"}},
			"shared/testkit/storetest: must not import samkit/local"},
		"a function by a tool": {archtest.Package{Path: "tools/x", Imports: []string{"functions/a"}}, "tools/x: must not import functions/a"},
		"the product by samkit": {archtest.Package{Path: "samkit/local", Imports: []string{"shared/token"}},
			"samkit/local: must not import shared/token"},
		"the product in a test": {archtest.Package{Path: "samkit/verify", TestImports: []string{"shared/meter"}},
			"samkit/verify: must not import shared/meter"},
		"a tool by samkit": {archtest.Package{Path: "samkit/local", Imports: []string{"tools/token"}},
			"samkit/local: must not import tools/token"},
		"the product by the client": {archtest.Package{Path: "client", Imports: []string{"shared/price"}},
			"client: must not import shared/price"},
		"samkit by the client, in a test": {archtest.Package{Path: "client", TestImports: []string{"client", "samkit/engine"}},
			"client: must not import samkit/engine"},
		"the client by a function": {archtest.Package{Path: "functions/a", Imports: []string{"client"}},
			"functions/a: must not import client"},
		"the client by a function's test": {archtest.Package{Path: "functions/a", TestImports: []string{"client"}},
			"functions/a: must not import client in a test"},
		"the client by samkit": {archtest.Package{Path: "samkit/local", Imports: []string{"client"}},
			"samkit/local: must not import client"},
		"the client by the product's tests": {archtest.Package{Path: "shared/testkit/cases", Imports: []string{"client"}},
			"shared/testkit/cases: must not import client"},
		"the oracle, ours": {archtest.Package{Path: "shared/testkit/oracle", Imports: []string{"shared/price"}},
			"shared/testkit/oracle: imports shared/price"},
		"a module for tests": {archtest.Package{Path: "functions/a", External: []string{"context", "github.com/getkin/kin-openapi/openapi3"}},
			"functions/a: imports github.com/getkin/kin-openapi/openapi3, a module that is for tests and tools"},
		"the SDK's configuration": {archtest.Package{Path: "shared/boot", External: []string{
			"github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/aws/retry", "github.com/aws/aws-sdk-go-v2/config"}},
			"shared/boot: imports github.com/aws/aws-sdk-go-v2/config, a module that is for tests and tools"},
		"a name that begins alike": {archtest.Package{Path: "shared/store", External: []string{
			"github.com/aws/aws-sdk-go-v2/service/dynamodb/types", "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"}},
			"shared/store: imports github.com/aws/aws-sdk-go-v2/service/dynamodbstreams, a module that is for tests and tools"},
		"the oracle, a module": {archtest.Package{Path: "shared/testkit/oracle", External: []string{"fmt", "golang.org/x/text"}},
			"shared/testkit/oracle: imports golang.org/x/text"},
		"the oracle's test": {archtest.Package{Path: "shared/testkit/oracle",
			TestImports: []string{"shared/testkit/oracle", "shared/board"}}, "shared/testkit/oracle: imports shared/board"},
		"the oracle's tool": {archtest.Package{Path: "tools/oracle", Imports: []string{"shared/testkit/oracle", "shared/price"}},
			"tools/oracle: imports shared/price"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wrong := archtest.Imports([]archtest.Package{tt.broken})
			require.Len(t, wrong, 1)
			assert.Contains(t, wrong[0], tt.want)
		})
	}
}

// small is a project that breaks no rule.
func small() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"functions/get-a/main.go": file("// Command get-a.\npackage main\n\nimport \"pricing/shared/boot\"\n\n" +
			"func main() { boot.Start(endpoint) }\n"),
		"functions/get-a/handler.go":      file("package main\n\nvar endpoint = 1\n"),
		"functions/get-a/handler_test.go": file("package main\n"),
		"shared/start/start.go":           file("package start\n\nimport \"os\"\n\nfunc Serve() { os.Exit(1) }\n"),
	}
}

func TestFiles_Broken(t *testing.T) {
	rules := func(project fstest.MapFS) []string {
		return append(append(archtest.Mains(project), archtest.Exits(project)...), archtest.Tests(project)...)
	}
	require.Empty(t, rules(small()))
	tests := map[string]struct {
		file, text string // text "" removes the file
		want       string
	}{
		"a long main": {"functions/get-a/main.go", "package main\n" + strings.Repeat("\n", 15) + "func main() {}\n",
			"15 are enough"},
		"a second function in main.go": {"functions/get-a/main.go", "package main\n\nfunc main() {}\n\nfunc other() {}\n", "declares other"},
		"a variable in main.go":        {"functions/get-a/main.go", "package main\n\nvar x = 1\n\nfunc main() {}\n", "declares more than main"},
		"no main":                      {"functions/get-a/main.go", "", "is missing"},
		"an exit": {"functions/get-a/handler.go", "package main\n\nimport \"os\"\n\nfunc f() { os.Exit(1) }\n",
			"calls os.Exit"},
		"a panic": {"functions/get-a/handler.go", "package main\n\nfunc f() { panic(1) }\n", "calls panic"},
		"a fatal log": {"functions/get-a/handler.go", "package main\n\nimport \"log\"\n\nfunc f() { log.Fatalf(\"\") }\n",
			"calls log.Fatalf"},
		"no test": {"functions/get-a/handler_test.go", "", "has no handler_test.go"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			project := maps.Clone(small())
			if delete(project, tt.file); tt.text != "" {
				project[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
			}
			assert.Contains(t, strings.Join(rules(project), "\n"), tt.want)
		})
	}
}
