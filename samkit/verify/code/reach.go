package code

import (
	"go/types"
	"maps"
	"math"
	"slices"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/rta"
	"golang.org/x/tools/go/callgraph/vta"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"
)

// reached is what some programs can call.
type reached struct {
	*Program
	graph     *callgraph.Graph
	functions map[*ssa.Function]bool
}

// entries are where a program begins.
func entries(main *ssa.Package) []*ssa.Function {
	return []*ssa.Function{main.Func("init"), main.Func("main")}
}

// graph makes the call graph of all programs together. Rapid type analysis begins, which counts every method of a type
// that was put into an interface. Each round after it narrows the types that can flow to a call, which leaves fewer
// functions, through which fewer types flow, until the project's own are no fewer.
func (p *Program) graph(mains map[string]*ssa.Package) *callgraph.Graph {
	var roots []*ssa.Function
	for _, folder := range slices.Sorted(maps.Keys(mains)) {
		roots = append(roots, entries(mains[folder])...)
	}
	start := slices.Clone(roots)
	var r *reached
	for known := 0; known < len(roots); {
		known = len(roots)
		r = p.reach(rta.Analyze(roots, true).CallGraph, start)
		for f := range r.functions { // what only reflection calls
			if r.graph.Nodes[f] == nil && !slices.Contains(roots, f) {
				roots = append(roots, f)
			}
		}
	}
	for before := math.MaxInt; ; {
		r = p.reach(vta.CallGraph(r.functions, r.graph), start)
		own := 0
		for f := range r.functions {
			if p.own(f) {
				own++
			}
		}
		if own >= before {
			return r.graph
		}
		before = own
	}
}

// reach finds the functions that can be called from some on. In the graph of all programs, a call in shared code leads
// to whatever any of them gives it: each would reach every endpoint that the start-up code is ever given. So a call of a
// function value is followed only if reached code mentions that function, and a call of an interface's method only if
// reached code puts a value of that type into an interface.
func (p *Program) reach(graph *callgraph.Graph, from []*ssa.Function) *reached {
	r := &reached{Program: p, graph: graph, functions: map[*ssa.Function]bool{}}
	var reflected []*types.Signature   // of function values that the project puts into an interface
	var boxed typeutil.Map             // types that were put into an interface
	values := map[*ssa.Function]bool{} // functions that are more than called
	type dynamic struct {
		callee *ssa.Function
		method bool
	}
	waiting := map[dynamic]bool{} // calls that are not followed so far
	look := func(f *ssa.Function) {
		for _, b := range f.Blocks {
			for _, i := range b.Instrs {
				if m, ok := i.(*ssa.MakeInterface); ok {
					boxed.Set(m.X.Type(), true)
					if bareFunc(m.X.Type()) && p.own(f) {
						reflected = append(reflected, m.X.Type().Underlying().(*types.Signature))
					}
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
		if n := graph.Nodes[f]; n != nil {
			for _, e := range n.Out {
				if call := e.Site; call == nil || call.Common().StaticCallee() == e.Callee.Func {
					visit(e.Callee.Func)
				} else {
					waiting[dynamic{e.Callee.Func, call.Common().IsInvoke()}] = true
				}
			}
		}
	}
	for _, f := range from {
		visit(f)
	}
	for before := -1; before != len(r.functions); {
		before = len(r.functions)
		for call := range maps.Clone(waiting) {
			possible := values[call.callee]
			if call.method {
				possible = boxed.At(call.callee.Signature.Recv().Type()) != nil
			}
			if possible {
				visit(call.callee)
			}
		}
		for value := range maps.Clone(values) {
			if slices.ContainsFunc(reflected, func(s *types.Signature) bool { return types.Identical(plain(value.Signature), s) }) {
				visit(value)
			}
		}
	}
	return r
}

// names are the full names of the project's own functions among those reached.
func (r *reached) names() map[string]bool {
	names := map[string]bool{}
	for f := range r.functions {
		if r.own(f) {
			names[f.String()] = true
		}
	}
	return names
}

// plain is a signature without its receiver.
func plain(s *types.Signature) *types.Signature {
	return types.NewSignatureType(nil, nil, nil, s.Params(), s.Results(), s.Variadic())
}
