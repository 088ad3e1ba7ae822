// Package archtest checks the structure of the code, so that a broken rule is a failing test and not a matter of memory.
//
// Each rule is a function from what it looks at to the lines of what is wrong; the tests run it on the project and on
// a broken copy of what it looks at.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// rows says in which row of ARCHITECTURE.md a package stands. A package imports from rows below its own only.
var rows = map[string]int{
	"shared/fault": 1, "shared/jsondoc": 1, "shared/config": 1, "shared/meter": 1,
	"shared/price": 2, "shared/token": 2, "shared/start": 2, "shared/forward": 2,
	"shared/board":   3,
	"shared/gateway": 4, "shared/store": 4, "shared/schedule": 4,
	"shared/api": 5, "shared/boot": 5,
}

// jsondoc reports its findings as faults: the one import within a row.
var within = map[[2]string]bool{{"shared/jsondoc", "shared/fault"}: true}

// testkit holds what only tests and tools may import. It may import anything shared, and of samkit the engine.
const (
	testkit = "shared/testkit/"
	engine  = "samkit/engine"
)

// oraclePath computes a second time what the project computes, which proves nothing once they share a line.
const oraclePath = testkit + "oracle"

// clientPath is for programs of others, and so imports nothing of the project.
const clientPath = "client"

const functionRow = 6

// modules are those that deployed code may import, of all that go.mod lists, with what is below them: each is paid for at every cold
// start. Of the SDK these are its core and DynamoDB: its config package alone doubles the instructions of a start.
var modules = []string{
	"github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/service/dynamodb",
	"github.com/aws/smithy-go", "golang.org/x/text",
}

// Package is what `go list` says of one package of the module.
type Package struct {
	Path        string   // below the module, for example shared/price
	Imports     []string // of its code, below the module; others left out
	External    []string // modules and standard library packages of its code
	TestImports []string // of its tests, below the module
}

// Imports checks who imports whom: rows within the product, and the borders between the product, its tools, samkit and the
// client.
func Imports(packages []Package) []string {
	var wrong []string
	for _, p := range packages {
		all := append(slices.Clone(p.Imports), p.TestImports...)
		switch {
		case p.Path == oraclePath:
			wrong = append(wrong, alone(p)...)
		case p.Path == "tools/oracle":
			wrong = append(wrong, alone(p, oraclePath)...)
		case strings.HasPrefix(p.Path, "samkit/"):
			wrong = append(wrong, outside(p.Path, all, "samkit/")...)
		case p.Path == clientPath:
			wrong = append(wrong, outside(p.Path, all, clientPath)...)
		case strings.HasPrefix(p.Path, "tools/"):
			wrong = append(wrong, outside(p.Path, all, "tools/", "shared/", "samkit/", clientPath)...)
		case strings.HasPrefix(p.Path, testkit):
			wrong = append(wrong, outside(p.Path, all, "shared/", engine)...)
		default:
			wrong = append(wrong, rowImports(p)...)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// rowImports checks a package that is deployed inside functions: its code imports downwards only, its tests of testkit too.
func rowImports(p Package) []string {
	row, known := rows[p.Path]
	if strings.HasPrefix(p.Path, "functions/") {
		row = functionRow
		known = true
	}
	if !known {
		return []string{p.Path + ": stands in no row; give it one in ARCHITECTURE.md and archtest, or a home elsewhere"}
	}
	var wrong []string
	for _, imported := range p.Imports {
		below, ok := rows[imported]
		switch {
		case strings.HasPrefix(imported, testkit):
			wrong = append(wrong, fmt.Sprintf("%s: imports %s, which is for tests and tools", p.Path, imported))
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s: must not import %s", p.Path, imported))
		case below >= row && !within[[2]string{p.Path, imported}]:
			wrong = append(wrong, fmt.Sprintf("%s (row %d): imports %s of row %d", p.Path, row, imported, below))
		}
	}
	for _, imported := range p.External {
		if ofModule(imported) && !slices.ContainsFunc(modules, func(m string) bool { return strings.HasPrefix(imported+"/", m+"/") }) {
			wrong = append(wrong, fmt.Sprintf("%s: imports %s, a module that is for tests and tools", p.Path, imported))
		}
	}
	for _, line := range outside(p.Path, p.TestImports, "shared/", p.Path) {
		wrong = append(wrong, line+" in a test")
	}
	return wrong
}

// outside names the imports that lie in none of the allowed places: a folder, or one package.
func outside(path string, imports []string, allowed ...string) []string {
	var wrong []string
	for _, imported := range imports {
		if !slices.ContainsFunc(allowed, func(place string) bool {
			return imported == place || strings.HasSuffix(place, "/") && strings.HasPrefix(imported, place)
		}) {
			wrong = append(wrong, fmt.Sprintf("%s: must not import %s", path, imported))
		}
	}
	return wrong
}

// alone checks that a package and its tests import nothing of the project but what is allowed, and no module.
func alone(p Package, allowed ...string) []string {
	var wrong []string
	for _, imported := range append(slices.Clone(p.Imports), p.TestImports...) {
		if imported != p.Path && !slices.Contains(allowed, imported) {
			wrong = append(wrong, fmt.Sprintf("%s: imports %s, but must import nothing of the project", p.Path, imported))
		}
	}
	for _, imported := range p.External {
		if ofModule(imported) {
			wrong = append(wrong, fmt.Sprintf("%s: imports %s, but must do with the standard library", p.Path, imported))
		}
	}
	return wrong
}

// ofModule reports whether a package is not of the standard library.
func ofModule(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}

// Mains checks that each function's main.go is one call: at most 15 lines, only func main.
func Mains(project fs.FS) []string {
	var wrong []string
	for _, folder := range folders(project, "functions") {
		file := path.Join("functions", folder, "main.go")
		text, err := fs.ReadFile(project, file)
		if err != nil {
			wrong = append(wrong, file+": is missing")
			continue
		}
		if lines := strings.Count(string(text), "\n"); lines > 15 {
			wrong = append(wrong, fmt.Sprintf("%s: has %d lines; 15 are enough for one call", file, lines))
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, 0)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		for _, declaration := range parsed.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if d.Name.Name != "main" {
					wrong = append(wrong, fmt.Sprintf("%s: declares %s; it holds main only", file, d.Name.Name))
				}
			case *ast.GenDecl:
				if d.Tok != token.IMPORT {
					wrong = append(wrong, file+": declares more than main")
				}
			}
		}
	}
	return wrong
}

// Exits checks that nothing but start and the tools' mains ends the process, and nothing panics.
func Exits(project fs.FS) []string {
	var wrong []string
	for _, root := range []string{"shared", "functions"} {
		_ = fs.WalkDir(project, root, func(file string, d fs.DirEntry, err error) error { // the function never fails
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return nil //nolint:nilerr // what cannot be read does not compile either
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, must(fs.ReadFile(project, file)), 0)
			if err != nil {
				wrong = append(wrong, err.Error())
				return nil
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && path.Dir(file) != "shared/start" {
					if name := called(call); name == "panic" || name == "os.Exit" || strings.HasPrefix(name, "log.Fatal") {
						wrong = append(wrong, fmt.Sprintf("%s: calls %s; return an error", file, name))
					}
				}
				return true
			})
			return nil
		})
	}
	return wrong
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// must gives nothing for a file that cannot be read, which then does not parse.
func must(text []byte, _ error) []byte { return text }

// Tests checks that each function has a test of its handler.
func Tests(project fs.FS) []string {
	var wrong []string
	for _, folder := range folders(project, "functions") {
		if _, err := fs.Stat(project, path.Join("functions", folder, "handler_test.go")); err != nil {
			wrong = append(wrong, "functions/"+folder+": has no handler_test.go")
		}
	}
	return wrong
}

func folders(project fs.FS, root string) []string {
	entries, err := fs.ReadDir(project, root)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
