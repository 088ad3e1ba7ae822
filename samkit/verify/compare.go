package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"pricing/samkit/engine"
	"pricing/samkit/verify/lint"
	"pricing/samkit/verify/rules"
)

// compare prints what differs between two environments of a template, and returns how much of it no parameter declares:
// the differences that remain when both have the same values and only the name is another.
func compare(ctx context.Context, template, a, b string, stdout, stderr io.Writer) (undeclared int, err error) {
	s, err := readSource(template)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(template)
	if err != nil {
		return 0, fmt.Errorf("read the template: %w", err)
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
	declared := differ(environments[a].Parameters, environments[b].Parameters)
	renamed := rules.Renamed(environments[a].Parameters, a, b)
	both, err := differences(ctx, python, text, map[string]map[string]string{a: environments[a].Parameters, b: environments[b].Parameters}, a, b)
	if err != nil {
		return 0, err
	}
	alone, err := differences(ctx, python, text, map[string]map[string]string{a: environments[a].Parameters, b: renamed}, a, b)
	if err != nil {
		return 0, err
	}
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

// differ lists the parameters that have other values.
func differ(a, b map[string]string) []string {
	names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return a[name] == b[name] })
}

// differences transforms a template for two sets of values and compares the results.
func differences(ctx context.Context, python lint.Python, text []byte, values map[string]map[string]string, a, b string) ([]rules.Difference, error) {
	transformed, err := python.Transform(ctx, []lint.Request{{Template: string(text), Parameters: values[a]}, {Template: string(text), Parameters: values[b]}})
	if err != nil {
		return nil, err
	}
	project, err := rules.New(text, map[string]rules.Environment{a: {Parameters: values[a], Transformed: transformed[0]}, b: {Parameters: values[b], Transformed: transformed[1]}})
	if err != nil {
		return nil, err
	}
	return project.Differences(a, b), nil
}
