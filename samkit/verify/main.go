// Command verify names the mistakes in a SAM template that would deploy broken or unsafe.
//
//	verify [template.yaml]
//	verify -plain ops/account.yaml
//	verify -compare dev prod [template.yaml]
//
// It prints one line a mistake (file, place, what, and who says so) and ends with status 1; 2 means that it could not
// look. No single tool sees much of a template whose API is an inline OpenAPI document, so it asks all of them: cfn-lint
// on the source and on the template as the SAM transform leaves it for each environment of samconfig.toml, the transform
// itself, openapi-spec-validator and kin-openapi on the API's body, and a draft 4 compiler on its models. What none of
// them knows are rules of its own: package rules looks at the template, package code at the Go code it deploys. -plain is
// for a template that belongs to no environment and is not SAM: cfn-lint reads it. -compare prints what two environments
// would get differently, and ends with status 1 if a difference is declared by no parameter.
//
// Some of these are Python. They are installed once, at the versions of requirements.txt, below .local/.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"pricing/samkit/engine"
	"pricing/samkit/verify/code"
	"pricing/samkit/verify/lint"
	"pricing/samkit/verify/rules"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	template, plain := "template.yaml", false
	switch {
	case (len(args) == 3 || len(args) == 4) && args[0] == "-compare":
		if len(args) == 4 {
			template = args[3]
		}
		undeclared, err := compare(ctx, template, args[1], args[2], stdout, stderr)
		switch {
		case err != nil:
			_, _ = fmt.Fprintf(stderr, "verify: %v\n", err)
			return 2
		case undeclared > 0:
			return 1
		}
		return 0
	case len(args) == 2 && args[0] == "-plain":
		template, plain = args[1], true
	case len(args) == 1 && args[0] != "" && args[0][0] != '-':
		template = args[0]
	case len(args) > 0:
		_, _ = fmt.Fprintln(stderr, "usage: verify [template.yaml]     samconfig.toml is read from the same folder\n       verify -plain FILE\n       verify -compare ENVIRONMENT ENVIRONMENT [template.yaml]")
		return 2
	}
	mistakes, err := check(ctx, template, plain, stderr)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "verify: %v\n", err)
		return 2
	}
	for _, m := range mistakes {
		_, _ = fmt.Fprintln(stdout, m)
	}
	if len(mistakes) > 0 {
		return 1
	}
	return 0
}

// check runs every check on a template, or cfn-lint alone on a plain one; progress is told to log.
func check(ctx context.Context, template string, plain bool, log io.Writer) ([]Mistake, error) {
	source, err := readSource(template)
	if err != nil {
		return nil, err
	}
	environments := map[string]rules.Environment{}
	if !plain {
		if environments, err = readEnvironments(source.configPath()); err != nil {
			return nil, err
		}
	}
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	python, err := lint.Install(ctx, root, log)
	if err != nil {
		return nil, err
	}
	parameters := map[string]map[string]string{}
	for name, e := range environments {
		parameters[name] = e.Parameters
	}
	report, err := python.Check(ctx, template, parameters)
	if err != nil {
		return nil, err
	}
	var found []Mistake
	for _, m := range report.Mistakes {
		found = append(found, Mistake{Line: m.Line, Path: m.Path, What: m.What, Tool: m.Tool, Environment: m.Environment})
	}
	if plain {
		return source.tidy(found, 0), nil
	}
	for environment, bodies := range report.Bodies {
		for api, body := range bodies {
			found = append(found, checkBody(ctx, environment, api, body)...)
		}
	}
	if source.root.Kind == 0 { // no YAML, and cfn-lint says so
		return source.tidy(found, len(environments)), nil
	}
	for name, e := range environments {
		e.Transformed = report.Transformed[name]
		environments[name] = e
	}
	project, err := rules.New(source.text, environments)
	if err != nil && len(found) > 0 { // cfn-lint says what is wrong with the text
		return source.tidy(found, len(environments)), nil
	}
	if err != nil {
		return nil, err
	}
	found = append(found, checkRules(project)...)
	inCode, err := checkCode(ctx, filepath.Dir(template), project, slices.Sorted(maps.Keys(environments)), log)
	if err != nil {
		return nil, err
	}
	return source.tidy(append(found, inCode...), len(environments)), nil
}

// checkRules runs the rules that no tool has.
func checkRules(project *rules.Project) []Mistake {
	var found []Mistake
	for _, m := range project.Check() {
		found = append(found, Mistake{
			Path: m.Path, What: m.What, Consequence: m.Rule.Consequence, Mend: m.Rule.Mend, Tool: m.Rule.Name, Environment: m.Environment,
		})
	}
	return found
}

// checkCode holds the template against the Go module that stands in its folder, if one does. Environments whose functions
// are alike, as they should be, are looked at once.
func checkCode(ctx context.Context, root string, project *rules.Project, environments []string, log io.Writer) ([]Mistake, error) {
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		_, _ = fmt.Fprintln(log, "verify: no go.mod beside the template, so it is not held against any code")
		return nil, nil
	}
	functions, folders := map[string][]rules.Function{}, map[string]bool{}
	for _, environment := range environments {
		functions[environment] = project.Functions(environment)
		for _, f := range functions[environment] {
			folders[f.Folder] = true
		}
	}
	program, err := code.Load(ctx, root, slices.Sorted(maps.Keys(folders)))
	if err != nil {
		return nil, err
	}
	var found []Mistake
	for _, environment := range environments {
		for _, f := range program.Check(functions[environment]) {
			m := Mistake{File: filepath.Join(root, f.Path), What: f.What, Consequence: f.Consequence, Mend: f.Mend, Tool: "code", Environment: environment}
			if f.Function != "" {
				m.Path = []string{"Resources", f.Function}
			}
			found = append(found, m)
		}
	}
	return found, nil
}
