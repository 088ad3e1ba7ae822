package code

import (
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"pricing/samkit/verify/rules"
)

// provided are the variables that code may read although the template does not set them: Lambda does, or people who use
// the SDK.
var provided = []string{
	"AWS_ENDPOINT_URL",
	"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG",
	"LD_LIBRARY_PATH", "PATH", "TZ", "_HANDLER", "_X_AMZN_TRACE_ID",
}

// unseen are the variables that a template may set although no code seems to read them: Go's runtime and Lambda read them
// before any code runs.
var unseen = []string{
	"AWS_LAMBDA_EXEC_WRAPPER", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "LD_LIBRARY_PATH", "PATH", "TZ",
}

// variables are the names of the environment variables that a main reads.
type variables struct {
	own     map[string]string // in the project's code, each with its first place
	others  map[string]bool   // in the SDK, other modules and the standard library
	unknown []string          // places in the project's code whose names could not be found out
	blind   []string          // how the names begin that modules with such places may read
}

func (r *reached) variables() variables {
	v := variables{own: map[string]string{}, others: map[string]bool{}}
	for _, read := range r.reads() {
		names, ok := r.constants(read.name, nil)
		if !r.own(read.by) {
			if begin, module := namesOf(packageOf(read.by)); module && !ok {
				v.blind = append(v.blind, begin)
			}
			for _, name := range names {
				v.others[name] = true
			}
			continue
		}
		if !ok {
			v.unknown, v.blind = append(v.unknown, read.at), append(v.blind, "")
		}
		for _, name := range names {
			if at, ok := v.own[name]; !ok || read.at < at {
				v.own[name] = read.at
			}
		}
	}
	return v
}

// compare compares the variables that a function is given with those that it reads. What only the SDK or the standard library
// reads is a use of a variable, but the variable need not be set.
func (v variables) compare(f rules.Function) []Finding {
	var found []Finding
	for _, at := range v.unknown {
		found = append(found, Finding{
			Function: f.ID, Path: at, What: "reads an environment variable whose name is known only when it runs",
			Consequence: "nothing can tell whether the template sets it", Fix: "use a constant as its name",
		})
	}
	for _, name := range slices.Sorted(maps.Keys(v.own)) {
		if !slices.Contains(f.Variables, name) && !slices.Contains(provided, name) && !v.others[name] {
			found = append(found, Finding{
				Function: f.ID, Path: v.own[name], What: "reads " + name + ", which the template does not set",
				Consequence: "it is empty when deployed", Fix: "add " + name + " to the function's Environment, or to Globals",
			})
		}
	}
	for _, name := range f.Variables {
		perhaps := slices.ContainsFunc(v.blind, func(begin string) bool { return strings.HasPrefix(name, begin) })
		if v.own[name] == "" && !v.others[name] && !perhaps && !slices.Contains(unseen, name) {
			found = append(found, Finding{
				Function: f.ID, Path: path.Clean(f.Folder), What: "is given the variable " + name + ", which nothing in its code reads",
				Consequence: "the setting has no effect", Fix: "correct its name, or remove it",
			})
		}
	}
	return found
}

// namesOf returns how the variables begin that a module's package may read: the SDK's have a beginning of their own, others
// may have any. The standard library is not a module.
func namesOf(pkg string) (begin string, module bool) {
	first, _, _ := strings.Cut(pkg, "/")
	if strings.HasPrefix(pkg, "github.com/aws/") {
		return "AWS_", true
	}
	return "", strings.Contains(first, ".")
}

// readers are the functions that read the environment; true means only the variable that the argument names.
var readers = map[string]bool{
	"os.Getenv": true, "os.LookupEnv": true, "syscall.Getenv": true, "os.Environ": false, "os.ExpandEnv": false, "syscall.Environ": false,
}

// read is one place that reads the environment.
type read struct {
	name ssa.Value // nil: all of it
	at   string
	by   *ssa.Function
}

func (r *reached) reads() []read {
	var reads []read
	for f := range r.functions {
		named, ok := readers[f.String()]
		if !ok || r.graph.Nodes[f] == nil {
			continue
		}
		for _, e := range r.graph.Nodes[f].In {
			if !r.functions[e.Caller.Func] || e.Site == nil || packageOf(e.Caller.Func) == "os" {
				continue
			}
			one := read{at: r.at(e.Pos()), by: e.Caller.Func}
			if named {
				one.name = e.Site.Common().Args[0]
			}
			reads = append(reads, one)
		}
	}
	return reads
}

// constants returns the texts that a value can have. It follows the value through parameters, variables, fields and elements
// to the constants that it comes from; false means that some could not be found.
func (r *reached) constants(v ssa.Value, seen []ssa.Value) ([]string, bool) {
	if v == nil {
		return nil, false
	}
	if slices.Contains(seen, v) {
		return nil, true
	}
	seen = append(seen, v)
	switch v := v.(type) {
	case *ssa.Const:
		if v.Value != nil && v.Value.Kind() == constant.String {
			return []string{constant.StringVal(v.Value)}, true
		}
		return nil, false
	case *ssa.ChangeType:
		return r.constants(v.X, seen)
	case *ssa.Phi:
		return r.all(v.Edges, seen)
	case *ssa.Parameter:
		arguments, ok := r.arguments(v)
		names, found := r.all(arguments, seen)
		return names, ok && found
	case *ssa.FreeVar:
		return r.all(bindings(v), seen)
	case *ssa.BinOp:
		if v.Op != token.ADD {
			return nil, false
		}
		heads, ok1 := r.constants(v.X, seen)
		tails, ok2 := r.constants(v.Y, seen)
		var names []string
		for _, head := range heads {
			for _, tail := range tails {
				names = append(names, head+tail)
			}
		}
		return names, ok1 && ok2
	case *ssa.Field:
		return r.all(r.stored(func(a ssa.Value) bool { return sameField(a, v.X.Type(), v.Field) }), seen)
	case *ssa.UnOp:
		if v.Op == token.MUL {
			values, ok := r.loads(v.X, seen)
			names, found := r.all(values, seen)
			return names, ok && found
		}
	}
	return nil, false
}

// all joins the constants of values. No values at all means that some could not be found.
func (r *reached) all(values []ssa.Value, seen []ssa.Value) ([]string, bool) {
	var names []string
	ok := len(values) > 0
	for _, v := range values {
		more, found := r.constants(v, seen)
		names, ok = append(names, more...), ok && found
	}
	slices.Sort(names)
	return slices.Compact(names), ok
}

// arguments returns what reached code passes for a parameter.
func (r *reached) arguments(p *ssa.Parameter) ([]ssa.Value, bool) {
	f := p.Parent()
	n := r.graph.Nodes[f]
	at := slices.Index(f.Params, p)
	if n == nil {
		return nil, false
	}
	var values []ssa.Value
	for _, e := range n.In {
		if !r.functions[e.Caller.Func] {
			continue
		}
		i := at
		if e.Site != nil && e.Site.Common().IsInvoke() {
			i-- // the receiver is not an argument there
		}
		if e.Site == nil || i < 0 || i >= len(e.Site.Common().Args) {
			return nil, false
		}
		values = append(values, e.Site.Common().Args[i])
	}
	return values, true
}

// bindings returns what a closure's free variable stands for.
func bindings(v *ssa.FreeVar) []ssa.Value {
	var values []ssa.Value
	f := v.Parent()
	at := slices.Index(f.FreeVars, v)
	if f.Parent() == nil {
		return nil
	}
	for _, b := range f.Parent().Blocks {
		for _, i := range b.Instrs {
			if c, ok := i.(*ssa.MakeClosure); ok && c.Fn == f {
				values = append(values, c.Bindings[at])
			}
		}
	}
	return values
}

// loads returns what was stored where an address points. It is exact for a variable; for a field it takes all values of its
// type, for an element all elements.
func (r *reached) loads(address ssa.Value, seen []ssa.Value) ([]ssa.Value, bool) {
	switch a := address.(type) {
	case *ssa.Alloc, *ssa.Global:
		return r.stored(func(to ssa.Value) bool { return r.points(to, a) }), true
	case *ssa.FreeVar:
		var values []ssa.Value
		for _, b := range bindings(a) {
			more, ok := r.loads(b, seen)
			if !ok {
				return nil, false
			}
			values = append(values, more...)
		}
		return values, true
	case *ssa.FieldAddr:
		return r.stored(func(to ssa.Value) bool { return sameField(to, a.X.Type(), a.Field) }), true
	case *ssa.IndexAddr:
		arrays, ok := r.arrays(a.X, seen)
		return r.stored(func(to ssa.Value) bool {
			element, ok := to.(*ssa.IndexAddr)
			return ok && slices.Contains(arrays, element.X)
		}), ok
	}
	return nil, false
}

// arrays returns the arrays that a slice can be a part of.
func (r *reached) arrays(v ssa.Value, seen []ssa.Value) ([]ssa.Value, bool) {
	if slices.Contains(seen, v) {
		return nil, true
	}
	seen = append(seen, v)
	var from []ssa.Value
	ok := true
	switch v := v.(type) {
	case *ssa.Alloc, *ssa.Global:
		return []ssa.Value{v}, true
	case *ssa.Slice:
		from = []ssa.Value{v.X}
	case *ssa.Phi:
		from = v.Edges
	case *ssa.Parameter:
		from, ok = r.arguments(v)
	case *ssa.UnOp:
		from, ok = r.loads(v.X, seen)
	}
	var arrays []ssa.Value
	for _, f := range from {
		more, found := r.arrays(f, seen)
		arrays, ok = append(arrays, more...), ok && found
	}
	return arrays, ok && len(from) > 0
}

// stored returns what reached code stores at some addresses.
func (r *reached) stored(at func(ssa.Value) bool) []ssa.Value {
	var values []ssa.Value
	for f := range r.functions {
		for _, b := range f.Blocks {
			for _, i := range b.Instrs {
				if s, ok := i.(*ssa.Store); ok && at(s.Addr) {
					values = append(values, s.Val)
				}
			}
		}
	}
	return values
}

// points reports whether an address is that of a variable, also under the name that a closure has for it.
func (r *reached) points(address, variable ssa.Value) bool {
	if address == variable {
		return true
	}
	free, ok := address.(*ssa.FreeVar)
	return ok && slices.ContainsFunc(bindings(free), func(b ssa.Value) bool { return r.points(b, variable) })
}

func sameField(address ssa.Value, owner types.Type, field int) bool {
	a, ok := address.(*ssa.FieldAddr)
	return ok && a.Field == field && types.Identical(structOf(a.X.Type()), structOf(owner))
}

func structOf(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}
