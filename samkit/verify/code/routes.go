package code

import (
	"encoding/json"
	"fmt"
	"go/constant"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"pricing/samkit/verify/rules"
)

// These folders of a project hold one folder for each function.
const (
	functionsFolder = "functions"
	eventsFolder    = "events"
)

// routes checks that the folders, the events and the template's functions are the same set, and that each function's code
// and events name the routes that the template gives it.
func (p *Program) routes(functions []rules.Function) []Finding {
	found := slices.Concat(shared(functions), p.folders(functions))
	for _, f := range functions {
		if folder, name := path.Split(path.Clean(f.Folder)); folder == functionsFolder+"/" {
			found = append(found, p.eventRoutes(f, name)...)
		}
	}
	return append(found, p.constantRoutes(functions)...)
}

// shared finds code and routes that two functions have in common.
func shared(functions []rules.Function) []Finding {
	var found []Finding
	coded := map[string]string{}  // by folder, the function whose code is there
	routed := map[string]string{} // by route, its function
	for _, f := range functions {
		folder := path.Clean(f.Folder)
		if other, ok := coded[folder]; ok {
			found = append(found, Finding{
				Function: f.ID, Path: folder, What: "is the code of " + other + " too",
				Consequence: "changing one changes both", Fix: "give each its own folder",
			})
		}
		coded[folder] = f.ID
		for _, route := range f.Routes {
			if other, ok := routed[route]; ok {
				found = append(found, Finding{
					Function: f.ID, Path: folder, What: "shares the route " + route + " with " + other,
					Consequence: "it is chance which of them answers", Fix: "give the route to one of them",
				})
			}
			routed[route] = f.ID
		}
	}
	return found
}

// folders compares the folders of code and events with the template's functions.
func (p *Program) folders(functions []rules.Function) []Finding {
	var found []Finding
	known := map[string]string{} // by name of the folder
	for _, f := range functions {
		folder := path.Clean(f.Folder)
		if _, ok := p.uses[folder]; !ok {
			found = append(found, Finding{
				Function: f.ID, Path: folder, What: "holds no Go program",
				Consequence: "the build fails", Fix: "correct its CodeUri, or add a package main",
			})
		}
		if parent, name := path.Split(folder); parent == functionsFolder+"/" {
			known[name] = f.ID
		}
	}
	for _, name := range subfolders(p.files, functionsFolder) {
		if known[name] == "" {
			found = append(found, Finding{
				Path: path.Join(functionsFolder, name), What: "belongs to no function in the template",
				Consequence: "it is never deployed", Fix: "add the function, or remove the folder",
			})
		}
	}
	events := subfolders(p.files, eventsFolder)
	if events == nil {
		return found // the project keeps none
	}
	for _, name := range events {
		if known[name] == "" {
			found = append(found, Finding{
				Path: path.Join(eventsFolder, name), What: "holds events of no function in the template",
				Consequence: "nothing runs them", Fix: "give it the name of the function's folder, or remove it",
			})
		}
	}
	return found
}

// eventRoutes compares the route in each event with those of its function. An authorizer, which has no route, may have
// events of any. A schedule's event has none.
func (p *Program) eventRoutes(f rules.Function, name string) []Finding {
	if subfolders(p.files, eventsFolder) == nil {
		return nil
	}
	var found []Finding
	wrong := func(file, format string, a ...any) {
		found = append(found, Finding{
			Function: f.ID, Path: file, What: fmt.Sprintf(format, a...),
			Consequence: "its tests pass on events that are never sent", Fix: "make the event what the gateway sends",
		})
	}
	files, err := fs.Glob(p.files, path.Join(eventsFolder, name, "*.json"))
	if err != nil || len(files) == 0 {
		wrong(path.Join(eventsFolder, name), "has no event")
	}
	for _, file := range files {
		var event struct {
			Method   string `json:"httpMethod"`
			Resource string `json:"resource"`
			Context  struct {
				Method   string `json:"httpMethod"`
				Resource string `json:"resourcePath"`
			} `json:"requestContext"`
		}
		text, err := fs.ReadFile(p.files, file)
		if err == nil {
			err = json.Unmarshal(text, &event)
		}
		route := event.Method + " " + event.Resource
		inner := event.Context.Method + " " + event.Context.Resource
		switch {
		case err != nil:
			wrong(file, "cannot be read: %v", err)
		case inner != route:
			wrong(file, "is %s, but %s in its requestContext", route, inner)
		case f.Scheduled && event.Method == "":
		case f.Scheduled && len(f.Routes) == 0:
			wrong(file, "is the request %s, but the function has a schedule and no route", route)
		case len(f.Routes) > 0 && event.Method == "":
			wrong(file, "is no request, but the template gives the function %s", list(f.Routes))
		case len(f.Routes) > 0 && !slices.ContainsFunc(f.Routes, func(r string) bool { return serves(r, route) }):
			wrong(file, "is %s, but the template gives the function %s", route, list(f.Routes))
		}
	}
	return found
}

// serves reports whether a route of the template takes the events of a route.
func serves(template, route string) bool {
	_, any, ok := strings.Cut(template, "ANY ")
	_, resource, _ := strings.Cut(route, " ")
	return template == route || ok && any == resource
}

// routeForm matches a route as a function's code names it.
var routeForm = regexp.MustCompile(`^(ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) /\S*$`)

// constantRoutes compares the routes that functions name in their code with those that the template gives them. If no
// function names any, there is nothing to compare.
func (p *Program) constantRoutes(functions []rules.Function) []Finding {
	var found []Finding
	named := make([]map[string]string, len(functions)) // place by route
	owner := map[string]string{}
	for i, f := range functions {
		named[i] = p.constantsOf(path.Clean(f.Folder))
		for route := range named[i] {
			owner[route] = f.ID
		}
	}
	if len(owner) == 0 {
		return nil
	}
	for i, f := range functions {
		for route, at := range named[i] {
			if !slices.Contains(f.Routes, route) {
				found = append(found, Finding{
					Function: f.ID, Path: at, What: fmt.Sprintf("its code names the route %s, but the template gives it %s", route, list(f.Routes)),
					Consequence: "callers of one route get the answers of another, or none", Fix: "give the function its own route",
				})
			}
		}
		for _, route := range f.Routes {
			if named[i][route] != "" || p.packages[path.Clean(f.Folder)] == nil {
				continue
			}
			what := fmt.Sprintf("has the route %s, which its code does not name", route)
			if other := owner[route]; other != "" {
				what = fmt.Sprintf("has the route %s, which belongs to %s", route, other)
			}
			found = append(found, Finding{
				Function: f.ID, Path: path.Clean(f.Folder), What: what,
				Consequence: "callers of one route get the answers of another, or none", Fix: "give the function its own route",
			})
		}
	}
	return found
}

// constantsOf returns the routes among the constants in a function's package, each with its first place.
func (p *Program) constantsOf(folder string) map[string]string {
	routes := map[string]string{}
	l := p.packages[folder]
	if l == nil {
		return routes
	}
	for expression, value := range l.TypesInfo.Types {
		if value.Value == nil || value.Value.Kind() != constant.String || !routeForm.MatchString(constant.StringVal(value.Value)) {
			continue
		}
		route, at := constant.StringVal(value.Value), p.at(expression.Pos())
		if first, ok := routes[route]; !ok || at < first {
			routes[route] = at
		}
	}
	return routes
}

func subfolders(files fs.FS, folder string) []string {
	entries, err := fs.ReadDir(files, folder)
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
