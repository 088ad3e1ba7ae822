package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"pricing/samkit/engine"
	"pricing/samkit/verify/lint"
	"pricing/samkit/verify/rules"
)

// compare prints the differences between two environments of a template, and returns how many of them no parameter declares:
// those that remain when both environments have the same values and only their names differ.
func compare(ctx context.Context, template, a, b string, stdout, stderr io.Writer) (undeclared int, err error) {
	s, err := readSource(template)
	if err != nil {
		return 0, err
	}
	environments, err := readEnvironments(s.configPath())
	if err != nil {
		return 0, err
	}
	root, err := engine.Root()
	if err != nil {
		return 0, err
	}
	python, err := lint.Install(ctx, root, stderr)
	if err != nil {
		return 0, err
	}
	for _, name := range []string{a, b} {
		if _, ok := environments[name]; !ok {
			return 0, fmt.Errorf("%s has no environment %s", s.configPath(), name)
		}
	}
	of := environments[a].Parameters
	values := []map[string]string{of, environments[b].Parameters, rules.Renamed(of, a, b)}
	transformed, err := python.Transform(ctx, requests(string(s.text), values))
	if err != nil {
		return 0, err
	}
	differences := func(i int) ([]rules.Difference, error) { // between a and one that is called b
		project, err := rules.New(s.text, map[string]rules.Environment{
			a: {Parameters: of, Transformed: transformed[0]}, b: {Parameters: values[i], Transformed: transformed[i]},
		})
		if err != nil {
			return nil, err
		}
		return project.Differences(a, b), nil
	}
	both, err := differences(1)
	if err != nil {
		return 0, err
	}
	alone, err := differences(2)
	if err != nil {
		return 0, err
	}
	declared := differ(of, environments[b].Parameters)
	_, _ = fmt.Fprintf(stdout, "declared: %s\n", strings.Join(declared, ", "))
	for _, d := range both {
		_, _ = fmt.Fprintf(stdout, "%s: %s %s, %s %s\n", strings.Join(d.Path, "."), a, shown(d.A), b, shown(d.B))
	}
	for _, d := range alone {
		_, _ = fmt.Fprintf(stdout, "by the name alone: %s: %s %s, %s %s\n", strings.Join(d.Path, "."), a, shown(d.A), b, shown(d.B))
	}
	_, _ = fmt.Fprintf(stdout, "%d differences, %d of them declared by no parameter\n", len(both), len(alone))
	return len(alone), nil
}

func shown(value string) string {
	if value == "" {
		return "-"
	}
	return shorten(value)
}

// differ returns the names of the parameters whose values differ.
func differ(a, b map[string]string) []string {
	names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return a[name] == b[name] })
}

// requests ask for the transform of one template with each of some values.
func requests(template string, values []map[string]string) []lint.Request {
	var all []lint.Request
	for _, v := range values {
		all = append(all, lint.Request{Template: template, Parameters: v})
	}
	return all
}
