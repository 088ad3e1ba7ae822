// Package code compares a template with the Go code that it deploys: what a role allows with the calls that the function can
// make, the variables that it is given with those that it reads, and its routes with those that its code and events name.
//
// It follows the calls from each function's main, so that a method which is never called needs no permission, while a call
// behind an interface, a closure or a method value counts. What surprises: the Lambda runtime calls a plain function that
// it is given by reflection, which no call graph sees. Every function value of that type in the code is taken for one.
//
// One call graph holds all functions together (package callgraph/vta), since making one takes a second or two. Each
// function's own part of it is found in some milliseconds (reach).
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

// Finding is one thing in which template and code differ.
type Finding struct {
	Function    string // its logical id; empty if it is not in the template
	Path        string // a file below the root, with the line if it is code, or a folder
	What        string
	Consequence string // what happens if it is deployed like this
	Fix         string
}

// String is the finding as one line.
func (f Finding) String() string {
	at := f.Path
	if f.Function != "" {
		at += ": " + f.Function
	}
	return fmt.Sprintf("%s: %s; %s; %s", at, f.What, f.Consequence, f.Fix)
}

// Check compares the functions of a template with their code, which Load has read.
func (p *Program) Check(functions []rules.Function) []Finding {
	found := p.routes(functions)
	for _, f := range functions {
		if of, ok := p.uses[path.Clean(f.Folder)]; ok { // routes reports the others
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
