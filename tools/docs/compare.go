package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// differences returns a line for each route, scope, parameter, body or status by which the two files differ.
func differences(d described, t template) []string {
	var wrong []string
	routes := map[string]bool{}
	paths := t.Resources.Api.Properties.DefinitionBody.Paths
	for path, methods := range paths {
		for method, operation := range methods {
			route := routeOf(method, path)
			routes[route] = true
			_, isDescribed := d.Paths[path][method]
			_, undescribed := d.Undescribed[route]
			switch {
			case isDescribed && undescribed:
				wrong = append(wrong, route+": stands below x-undescribed and is described")
			case isDescribed:
				for _, line := range d.compare(path, method, operation) {
					wrong = append(wrong, route+": "+line)
				}
			case !undescribed:
				wrong = append(wrong, route+": the contract does not describe it")
			}
		}
	}
	for path, methods := range d.Paths {
		for method := range methods {
			if route := routeOf(method, path); !routes[route] {
				wrong = append(wrong, route+": the template has no such route")
			}
		}
	}
	for route := range d.Undescribed {
		if !routes[route] {
			wrong = append(wrong, route+": stands below x-undescribed, and the template has no such route")
		}
	}
	slices.Sort(wrong)
	return wrong
}

// routeOf returns a route's method and path, as people write them.
func routeOf(method, path string) string {
	if method == "x-amazon-apigateway-any-method" {
		method = "any"
	}
	return strings.ToUpper(method) + " " + path
}

// compare compares a route's two halves.
func (d described) compare(path, method string, theirs operation) []string {
	var wrong []string
	ours := d.Paths[path][method]
	if in := scope(theirs); in != ours.Scope {
		wrong = append(wrong, fmt.Sprintf("x-scope of the contract is %q, the template's description says %q", ours.Scope, in))
	}
	switch {
	case len(theirs.Security) == 0 && ours.Scope != "":
		wrong = append(wrong, "the template needs no token, the contract has a scope")
	case len(theirs.Security) > 0 && ours.Scope == "":
		wrong = append(wrong, "the template needs a token, the contract has no scope")
	}
	compare := func(what string, ours, theirs []string) {
		wrong = append(wrong, lacks("the template", what, ours, theirs)...)
		wrong = append(wrong, lacks("the contract", what, theirs, ours)...)
	}
	compare("the parameter ", d.parameters(ours.Parameters), d.parameters(theirs.Parameters))
	compare("the status ", slices.Collect(maps.Keys(ours.Responses)), slices.Collect(maps.Keys(theirs.Responses)))
	compare("the body", bodies(ours.Body), bodies(theirs.Body))
	return wrong
}

// scope returns the scope that the first words of an operation's description name.
func scope(o operation) string {
	words := strings.Fields(o.Description)
	if len(words) < 2 || words[0] != "Scope" {
		return ""
	}
	return strings.Trim(words[1], ".")
}

// parameters names the parameters that the gateway must know; a header needs no declaration there.
func (d described) parameters(all []parameter) []string {
	var out []string
	for _, p := range all {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = d.Components.Parameters[name]
		}
		if p.In != "header" {
			out = append(out, fmt.Sprintf("%s in %s, required: %t", p.Name, p.In, p.Required))
		}
	}
	return out
}

func bodies(body object) []string {
	if body == nil {
		return nil
	}
	return []string{""}
}

// lacks returns a line for each of all that a file has not.
func lacks(file, what string, all, its []string) []string {
	var wrong []string
	for _, s := range all {
		if !slices.Contains(its, s) {
			wrong = append(wrong, file+" lacks "+what+s)
		}
	}
	return wrong
}
