package code

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

// Program is the code of a project's functions and of all that they import.
type Program struct {
	root     string
	files    fs.FS // of the project
	prog     *ssa.Program
	modules  []string                     // the import paths that the project's own packages begin with
	packages map[string]*packages.Package // the functions', by folder
	uses     map[string]uses              // of those that are programs, by folder
}

// uses are what one function's code asks of its template.
type uses struct {
	calls     map[string]call // by IAM action, or by a pattern of which one is called
	services  map[string]bool // prefixes of IAM actions whose clients are compiled in
	functions map[string]bool // the project's own that it can call, by full name
	variables variables
}

// Load compiles the code in some folders of the project root, as it is built for Lambda, and follows its calls. Folders
// without Go code are left out. The error says that the code cannot be read or does not compile.
func Load(ctx context.Context, root string, folders []string) (*Program, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", root, err)
	}
	p := &Program{root: root, files: os.DirFS(root), packages: map[string]*packages.Package{}, uses: map[string]uses{}}
	patterns := map[string]bool{}
	for _, folder := range folders {
		if code, _ := filepath.Glob(filepath.Join(root, folder, "*.go")); len(code) > 0 {
			patterns["./"+path.Clean(folder)] = true
		}
	}
	if len(patterns) == 0 {
		return p, nil
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.LoadAllSyntax | packages.NeedModule, Context: ctx, Dir: root,
		Env:        append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"),
		BuildFlags: []string{"-tags=lambda.norpc"},
	}, keys(patterns)...)
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
	mains := map[string]*ssa.Package{} // by folder
	for i, l := range loaded {
		folder := p.folder(l)
		p.packages[folder] = l
		if l.Name != "main" {
			continue
		}
		mains[folder] = built[i]
		module := l.PkgPath
		if l.Module != nil {
			module = l.Module.Path
		}
		p.modules = append(p.modules, module)
	}
	graph := p.graph(mains)
	for folder, main := range mains {
		if ctx.Err() != nil {
			return nil, errors.New("follow the functions' calls: interrupted")
		}
		r := p.reach(graph, entries(main))
		p.uses[folder] = uses{calls: r.calls(), services: r.services(), functions: r.names(), variables: r.variables()}
	}
	return p, nil
}

// Calls reports whether the program in a folder can call one of the project's own functions. Its name is written with the
// package: pricing/shop.Open, or (*pricing/shop.Shop).Close.
func (p *Program) Calls(folder, function string) bool {
	return p.uses[path.Clean(folder)].functions[function]
}

// opaque reports whether a package's code is left out. These packages are two thirds of what a function is compiled
// from, and nothing leads from them back into a project but the callbacks of a TLS configuration.
func opaque(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return slices.Contains([]string{"crypto", "runtime", "unicode", "vendor"}, first)
}

// folder returns where a package stands, below the root.
func (p *Program) folder(l *packages.Package) string {
	folder, err := filepath.Rel(p.root, l.Dir)
	if err != nil {
		return l.Dir
	}
	return filepath.ToSlash(folder)
}

// own reports whether a function is the project's, not a module's or the standard library's.
func (p *Program) own(f *ssa.Function) bool {
	pkg := packageOf(f)
	return slices.ContainsFunc(p.modules, func(module string) bool {
		return pkg == module || strings.HasPrefix(pkg, module+"/")
	})
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

// bareFunc reports whether a function type has no methods: what an interface holds of it, only reflection can call.
func bareFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok && types.NewMethodSet(t).Len() == 0
}
