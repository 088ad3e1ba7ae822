package code

import (
	"context"
	"fmt"
	"go/types"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/rta"
	"golang.org/x/tools/go/callgraph/vta"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"

	"pricing/samkit/verify/rules"
)

// program is the code of all functions and of what they import.
type program struct {
	root     string
	files    fs.FS // of the project
	prog     *ssa.Program
	packages map[string]*packages.Package // the functions', by folder
	facts    map[string]facts             // of those that are programs, by folder
}

// facts are what the template is held against.
type facts struct {
	calls     map[string]call // by IAM action, or by a pattern of which one is called
	services  map[string]bool // prefixes of IAM actions whose clients are compiled in
	variables variables
}

// load compiles the functions as they are built for Lambda. Folders without Go code are left out.
func load(ctx context.Context, root string, functions []rules.Function) (*program, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", root, err)
	}
	p := &program{root: root, files: os.DirFS(root), packages: map[string]*packages.Package{}, facts: map[string]facts{}}
	folders := map[string]bool{}
	for _, f := range functions {
		if code, _ := filepath.Glob(filepath.Join(root, f.Folder, "*.go")); len(code) > 0 {
			folders["./"+path.Clean(f.Folder)] = true
		}
	}
	if len(folders) == 0 {
		return p, nil
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.LoadAllSyntax | packages.NeedModule, Context: ctx, Dir: root,
		Env:        append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"),
		BuildFlags: []string{"-tags=lambda.norpc"},
	}, keys(folders)...)
	if err != nil {
		return nil, fmt.Errorf("read the functions' code: %w", err)
	}
	for all := range packages.Postorder(loaded) {
		for _, e := range all.Errors {
			return nil, fmt.Errorf("compile the functions: %w", e)
		}
	}
	prog, built := ssautil.AllPackages(loaded, ssa.InstantiateGenerics)
	for _, pkg := range prog.AllPackages() {
		if !opaque(pkg.Pkg.Path()) {
			pkg.Build()
		}
	}
	p.prog = prog
	of := make([]facts, len(loaded))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2) // a graph takes some hundred megabytes
	for i, l := range loaded {
		p.packages[p.folder(l)] = l
		if l.Name != "main" {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			r := p.reach(built[i], l.Module)
			of[i] = facts{calls: r.calls(), services: r.services(), variables: r.variables()}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("follow the functions' calls: %w", err)
	}
	for i, l := range loaded {
		if l.Name == "main" {
			p.facts[p.folder(l)] = of[i]
		}
	}
	return p, nil
}

// opaque tells the packages whose code is left out. They are two thirds of what a function is compiled from, and nothing
// leads from them back into a project but the callbacks of a TLS configuration.
func opaque(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return slices.Contains([]string{"crypto", "runtime", "unicode", "vendor"}, first)
}

// folder returns where a package stands, below the root.
func (p *program) folder(l *packages.Package) string {
	folder, err := filepath.Rel(p.root, l.Dir)
	if err != nil {
		return l.Dir
	}
	return filepath.ToSlash(folder)
}

// reached is what one main can call.
type reached struct {
	*program
	main      *ssa.Package
	module    string // the import path that the project's packages begin with
	graph     *callgraph.Graph
	functions map[*ssa.Function]bool
}

// reach makes the call graph of one main; in one of them all, each would reach every endpoint that boot is ever given.
// Rapid type analysis begins, which counts every method of a type that was put into an interface. Each round after it
// narrows the types that can flow to a call, which leaves fewer functions, through which fewer types flow, until the
// project's own are no fewer.
func (p *program) reach(main *ssa.Package, module *packages.Module) *reached {
	r := &reached{program: p, main: main, module: main.Pkg.Path()}
	if module != nil {
		r.module = module.Path
	}
	roots := []*ssa.Function{main.Func("init"), main.Func("main")}
	for known := 0; known < len(roots); {
		known = len(roots)
		r.graph = rta.Analyze(roots, true).CallGraph
		r.walk()
		for f := range r.functions { // what only reflection calls
			if r.graph.Nodes[f] == nil && !slices.Contains(roots, f) {
				roots = append(roots, f)
			}
		}
	}
	for before := math.MaxInt; ; {
		r.graph = vta.CallGraph(r.functions, r.graph)
		r.walk()
		own := 0
		for f := range r.functions {
			if r.own(f) {
				own++
			}
		}
		if own >= before {
			return r
		}
		before = own
	}
}

// walk finds the functions that main and the packages' initialisation reach in the graph.
func (r *reached) walk() {
	r.functions = map[*ssa.Function]bool{}
	var reflected []types.Type         // of function values that the project puts into an interface
	values := map[*ssa.Function]bool{} // functions that are more than called
	look := func(f *ssa.Function) {
		for _, b := range f.Blocks {
			for _, i := range b.Instrs {
				if m, ok := i.(*ssa.MakeInterface); ok && bareFunc(m.X.Type()) && r.own(f) {
					reflected = append(reflected, m.X.Type().Underlying())
				}
				var called ssa.Value
				if c, ok := i.(ssa.CallInstruction); ok {
					called = c.Common().Value
				}
				for _, o := range i.Operands(nil) {
					if value, ok := (*o).(*ssa.Function); ok && *o != called {
						values[value] = true
					}
				}
			}
		}
	}
	var visit func(*ssa.Function)
	visit = func(f *ssa.Function) {
		if f == nil || r.functions[f] {
			return
		}
		r.functions[f] = true
		look(f)
		if n := r.graph.Nodes[f]; n != nil {
			for _, e := range n.Out {
				visit(e.Callee.Func)
			}
		}
	}
	visit(r.main.Func("init"))
	visit(r.main.Func("main"))
	for before := -1; before != len(r.functions); {
		before = len(r.functions)
		for value := range maps.Clone(values) {
			for _, t := range reflected {
				if types.Identical(types.NewSignatureType(nil, nil, nil, value.Signature.Params(), value.Signature.Results(), value.Signature.Variadic()), t) {
					visit(value)
				}
			}
		}
	}
}

// bareFunc tells function types that have no methods: only reflection can call what an interface holds of them.
func bareFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok && types.NewMethodSet(t).Len() == 0
}

// own tells the project's functions from those of modules and of the standard library.
func (r *reached) own(f *ssa.Function) bool {
	pkg := packageOf(f)
	return pkg == r.module || strings.HasPrefix(pkg, r.module+"/")
}

// packageOf returns the import path of a function's package: for an instance of a generic function, that of its source.
func packageOf(f *ssa.Function) string {
	if o := f.Origin(); o != nil {
		f = o
	}
	for f.Pkg == nil && f.Parent() != nil {
		f = f.Parent()
	}
	switch {
	case f.Pkg != nil:
		return f.Pkg.Pkg.Path()
	case f.Object() != nil && f.Object().Pkg() != nil: // a wrapper
		return f.Object().Pkg().Path()
	}
	return ""
}
