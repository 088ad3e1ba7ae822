package rules

import (
	"path"
	"slices"
)

// Function is what a template promises of one function, for checks that compare it with the function's code.
type Function struct {
	ID        string   // logical id
	Folder    string   // its CodeUri, relative to the template and without a slash at the end: functions/get-health
	Actions   []string // those that its role allows, sorted: dynamodb:GetItem; nil if the role is not in the template
	Variables []string // the names of its environment variables, sorted
	Routes    []string // the methods that call it, sorted: GET /v1/health; ANY means any method
	Scheduled bool     // a schedule calls it
}

// Functions returns the functions of an environment, sorted by id, or nil if the transform refuses the template for it.
func (p *Project) Functions(environment string) []Function {
	s := p.stacks[environment]
	if s == nil {
		return nil
	}
	r := newResolver(p.source, p.environments[environment].Parameters)
	var all []Function
	for _, f := range s.functions() {
		one := Function{
			ID: f.id, Folder: p.folder(f.id, r), Actions: s.actions(f), Scheduled: s.scheduled(f),
			Variables: sorted(object(f.properties, "Environment", "Variables")),
		}
		s.each(func(_ *api, o operation) {
			if id, _, ok := s.called(o.integration["uri"]); ok && id == f.id {
				one.Routes = append(one.Routes, o.name())
			}
		})
		slices.Sort(one.Routes)
		all = append(all, one)
	}
	return all
}

// Folders returns the folders of all functions in all environments, sorted. It does without the transform.
func (p *Project) Folders() []string {
	folders := map[string]bool{}
	for _, e := range p.environments {
		r := newResolver(p.source, e.Parameters)
		for id := range p.sourceResources("AWS::Serverless::Function") {
			folders[p.folder(id, r)] = true
		}
	}
	return sorted(folders)
}

// folder is a function's CodeUri as the source has it, or "". The transform puts another in its place.
func (p *Project) folder(id string, r *resolver) string {
	uri := cmpAny(object(p.source, "Resources", id, "Properties")["CodeUri"], object(p.source, "Globals", "Function")["CodeUri"])
	if uri == nil {
		return ""
	}
	return path.Clean(text(r.resolve(uri)))
}

// actions are what a function's role may do, or nil if the role is not in the template.
func (s *Stack) actions(f resource) []string {
	role := s.role(f.properties["Role"])
	if role == "" {
		return nil
	}
	actions := []string{}
	s.eachStatement(func(at []string, statement map[string]any) {
		owner := s.resources[at[1]]
		attached := owner.id == role || slices.ContainsFunc(list(owner.properties["Roles"]), func(v any) bool { return s.role(v) == role }) ||
			slices.ContainsFunc(list(s.resources[role].properties["ManagedPolicyArns"]), func(v any) bool { return v == "<"+owner.id+">" })
		if statement["Effect"] != "Allow" || !attached {
			return
		}
		for _, action := range list(statement["Action"]) {
			actions = append(actions, text(action))
		}
	})
	slices.Sort(actions)
	return slices.Compact(actions)
}

// role returns the logical id of the role that a reference, name or ARN means, or "".
func (s *Stack) role(v any) string {
	for _, r := range s.of("AWS::IAM::Role") {
		if r.is(v, "RoleName") || v == "<"+r.id+".Arn>" {
			return r.id
		}
	}
	return ""
}
