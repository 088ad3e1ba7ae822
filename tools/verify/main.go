// Command verify names the mistakes in a SAM template that would deploy broken or unsafe.
//
//	verify [template.yaml]
//	verify -plain ops/account.yaml
//
// It prints one line a mistake (file, place, what, and who says so) and ends with status 1; 2 means that it could not
// look. No single tool sees much of a template whose API is an inline OpenAPI document, so it asks all of them: cfn-lint
// on the source and on the template as the SAM transform leaves it for each environment of samconfig.toml, the transform
// itself, openapi-spec-validator and kin-openapi on the API's body, and a draft 4 compiler on its models. -plain is for a
// template that belongs to no environment and is not SAM: cfn-lint reads it.
//
// Some of these are Python. They are installed once, at the versions of requirements.txt, below .local/.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"pricing/shared/engine"
	"pricing/tools/verify/rules"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	template, plain := "template.yaml", false
	switch {
	case len(args) == 2 && args[0] == "-plain":
		template, plain = args[1], true
	case len(args) == 1 && args[0] != "" && args[0][0] != '-':
		template = args[0]
	case len(args) > 0:
		_, _ = fmt.Fprintln(stderr, "usage: verify [template.yaml]     samconfig.toml is read from the same folder\n       verify -plain FILE")
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
	environments := map[string]map[string]string{}
	if !plain {
		if environments, err = readEnvironments(source.configPath()); err != nil {
			return nil, err
		}
	}
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	python, err := installPython(ctx, root, log)
	if err != nil {
		return nil, err
	}
	report, err := lint(ctx, python, root, template, environments)
	if err != nil {
		return nil, err
	}
	found := report.Mistakes
	if plain {
		return source.tidy(found, 0), nil
	}
	for environment, bodies := range report.Bodies {
		for api, body := range bodies {
			found = append(found, checkBody(ctx, environment, api, body)...)
		}
	}
	own, err := checkRules(source, environments, report.Transformed)
	if err != nil {
		return nil, err
	}
	return source.tidy(append(found, own...), len(environments)), nil
}

// checkRules runs the rules that no tool has. A source that is no YAML has none: cfn-lint says so.
func checkRules(s *source, environments map[string]map[string]string, transformed map[string]json.RawMessage) ([]Mistake, error) {
	if s.root.Kind == 0 {
		return nil, nil
	}
	all := map[string]rules.Environment{}
	for name, parameters := range environments {
		all[name] = rules.Environment{Parameters: parameters, Transformed: transformed[name]}
	}
	project, err := rules.New(s.text, all)
	if err != nil {
		return nil, err
	}
	var found []Mistake
	for _, m := range project.Check() {
		found = append(found, Mistake{
			Path: m.Path, What: m.What, Consequence: m.Rule.Consequence, Mend: m.Rule.Mend, Tool: m.Rule.Name, Environment: m.Environment,
		})
	}
	return found, nil
}
