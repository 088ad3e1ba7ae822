// Package code holds a template against the Go code it deploys: what a role allows against the calls a function can make,
// the variables it is given against those it reads, the routes it is wired to against those its code and its events name.
//
// All of it comes from the code. The call graph starts at each function's main (package callgraph/vta), so a method that
// is never called asks for nothing, and a call behind an interface, a closure or a method value counts. What surprises:
// a handler that is given to the Lambda runtime as a plain function is called by reflection, which no call graph sees;
// every function value of its type that the code makes is taken for one.
package code

import (
	"cmp"
	"fmt"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"pricing/samkit/verify/rules"
)

// Finding is one disagreement between template and code.
type Finding struct {
	Function    string // its logical id; empty when the template has none
	Path        string // file below the root, with the line if it is one of code; or a folder
	What        string
	Consequence string // of a deployment as it is
	Mend        string
}

// String is the finding as one line.
func (f Finding) String() string {
	at := f.Path
	if f.Function != "" {
		at += ": " + f.Function
	}
	return fmt.Sprintf("%s: %s; %s; %s", at, f.What, f.Consequence, f.Mend)
}

// Check compares the functions of a template with their code, which Load has read.
func (p *Program) Check(functions []rules.Function) []Finding {
	found := p.routes(functions)
	for _, f := range functions {
		if of, ok := p.uses[path.Clean(f.Folder)]; ok { // routes reports those that have none
			found = append(found, of.permissions(f)...)
			found = append(found, of.variables.compare(f)...)
		}
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
	return found
}

// at writes a position as file:line below the root.
func (p *Program) at(pos token.Pos) string {
	position := p.prog.Fset.Position(pos)
	file := position.Filename
	if below, err := filepath.Rel(p.root, file); err == nil && !strings.HasPrefix(below, "..") {
		file = below
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(file), position.Line)
}
