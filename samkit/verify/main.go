// Command verify names the mistakes in a SAM template that would deploy broken or unsafe.
//
//	verify [-plain FILE] [template.yaml]
//	verify -compare dev prod [template.yaml]
//
// It prints one line a mistake (file, place, what is wrong, and who says so), then a line about what it looked at. It
// ends with status 1 if there is a mistake, and with 2 if it could not look. samconfig.toml, which has the environments,
// stands in the template's folder. A parameter that is undecided there is a note and no mistake: nothing can be deployed by it.
//
// No single tool sees much of a template whose API is an inline OpenAPI document, so verify asks all of them: cfn-lint
// on the source and on the template as the SAM transform leaves it for each environment, the transform itself,
// openapi-spec-validator and kin-openapi on the API's body, and a draft 4 compiler on its models. What none of them knows
// are rules of its own: package rules looks at the template, package code at the Go code that it deploys.
//
// -plain names one more template, which belongs to no environment and is not SAM: cfn-lint reads it. -compare prints
// what two environments would get differently, and ends with status 1 if no parameter declares one of the differences.
//
// Some of the tools are Python. They are installed once, at the versions of requirements.txt, below .local/.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"pricing/samkit/engine"
	"pricing/samkit/samconfig"
	"pricing/samkit/verify/code"
	"pricing/samkit/verify/lint"
	"pricing/samkit/verify/rules"
)

const usage = `usage: verify [-plain FILE] [template.yaml]     samconfig.toml is read from the same folder
       verify -compare ENVIRONMENT ENVIRONMENT [template.yaml]
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	plain := flags.String("plain", "", "")
	comparing := flags.Bool("compare", false, "")
	err := flags.Parse(args)
	rest := flags.Args()
	fewest := 0
	if *comparing {
		fewest = 2
	}
	if err != nil || len(rest) < fewest || len(rest) > fewest+1 || *comparing && *plain != "" {
		_, _ = fmt.Fprint(stderr, usage)
		return 2
	}
	template := "template.yaml"
	if len(rest) > fewest {
		template = rest[fewest]
	}
	var wrong int
	if *comparing {
		wrong, err = compare(ctx, template, rest[0], rest[1], stdout, stderr)
	} else {
		wrong, err = verify(ctx, template, *plain, stdout, stderr)
	}
	switch {
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "verify: %v\n", err)
		return 2
	case wrong > 0:
		return 1
	}
	return 0
}

// verify prints the mistakes of a template, and of a plain one if it is named, and returns how many there are.
func verify(ctx context.Context, template, plain string, stdout, stderr io.Writer) (int, error) {
	found, err := check(ctx, template, plain, stderr)
	if err != nil {
		return 0, err
	}
	for _, m := range found.mistakes {
		_, _ = fmt.Fprintln(stdout, m)
	}
	for _, note := range found.notes {
		_, _ = fmt.Fprintln(stdout, note)
	}
	and := ""
	if plain != "" {
		and = " and " + plain
	}
	_, _ = fmt.Fprintf(stderr, "verify: %s in %s%s: %s, %s, %s\n", count(len(found.mistakes), "mistake"), template, and,
		count(found.rules, "rule"), count(found.functions, "function"), count(found.environments, "environment"))
	return len(found.mistakes), nil
}

// count writes a number of things: 1 rule, 2 rules.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// result is what was found wrong, and how much was looked at.
type result struct {
	mistakes                       []Mistake
	notes                          []string // what is no mistake, but has to be done before a deployment
	rules, functions, environments int
}

// check runs every check on a template, and cfn-lint alone on a plain one. It tells log of its progress.
func check(ctx context.Context, template, plain string, log io.Writer) (result, error) {
	whole, err := readSource(template)
	if err != nil {
		return result{}, err
	}
	other := &source{} // the plain one
	if plain != "" {
		if other, err = readSource(plain); err != nil {
			return result{}, err
		}
	}
	environments, err := readEnvironments(whole.configPath())
	if err != nil {
		return result{}, err
	}
	root, err := engine.Root()
	if err != nil {
		return result{}, err
	}
	python, err := lint.Install(ctx, root, log)
	if err != nil {
		return result{}, err
	}
	project, unreadable := rules.New(whole.text, environments)
	loading := make(chan loaded, 1)
	if unreadable == nil { // the code is read while the linters are at work
		loadCode(ctx, filepath.Dir(template), project.Folders(), log, loading)
	}
	reports, err := python.Check(ctx, jobs(template, plain, environments)...)
	if err != nil {
		return result{}, err
	}
	r := result{environments: len(environments)}
	found := slices.Concat(fromLint(reports[0]), checkBodies(ctx, reports[0].Bodies))
	switch {
	case unreadable == nil:
		for name, transformed := range reports[0].Transformed {
			e := environments[name]
			e.Transformed = transformed
			environments[name] = e
		}
		if project, err = rules.New(whole.text, environments); err != nil {
			return result{}, err
		}
		code := <-loading
		if code.err != nil {
			return result{}, code.err
		}
		inCode, functions := checkCode(code.program, filepath.Dir(template), project, environments)
		found = slices.Concat(found, checkRules(project), inCode)
		r.rules = len(rules.All())
		r.functions = functions
	case len(found) == 0: // else cfn-lint says what is wrong with the text
		return result{}, unreadable
	}
	r.mistakes = whole.tidy(found, len(environments))
	r.notes = undecided(whole.configPath(), environments)
	if plain != "" {
		r.mistakes = append(r.mistakes, other.tidy(fromLint(reports[1]), 0)...)
	}
	return r, nil
}

// undecided says of each environment which parameters somebody has to decide before it can be deployed.
func undecided(config string, environments map[string]rules.Environment) []string {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(environments)) {
		e := samconfig.Environment{Parameters: environments[name].Parameters}
		if names := e.Undecided(); len(names) > 0 {
			notes = append(notes, fmt.Sprintf("%s: note: %s cannot be deployed before somebody has decided %s",
				config, name, strings.Join(names, ", ")))
		}
	}
	return notes
}

// jobs are what the Python checks have to read: the template, then the plain one.
func jobs(template, plain string, environments map[string]rules.Environment) []lint.Job {
	parameters := map[string]map[string]string{}
	for name, e := range environments {
		parameters[name] = e.Parameters
	}
	all := []lint.Job{{File: template, Environments: parameters}}
	if plain != "" {
		all = append(all, lint.Job{File: plain})
	}
	return all
}

// fromLint returns what the Python checks found.
func fromLint(report lint.Report) []Mistake {
	var found []Mistake
	for _, m := range report.Mistakes {
		found = append(found, Mistake{Line: m.Line, Path: m.Path, What: m.What, Tool: m.Tool, Environment: m.Environment})
	}
	return found
}

// checkRules runs the rules that no tool has.
func checkRules(project *rules.Project) []Mistake {
	var found []Mistake
	for _, m := range project.Check() {
		found = append(found, Mistake{
			Path: m.Path, What: m.What, Consequence: m.Rule.Consequence, Fix: m.Rule.Fix, Tool: m.Rule.Name, Environment: m.Environment,
		})
	}
	return found
}

// loaded is the code that a template deploys. The program is nil if there is no code.
type loaded struct {
	program *code.Program
	err     error
}

// loadCode begins to read the functions' code, if there is a Go module in the template's folder. It sends the result, for
// which the channel must have room: nobody may be waiting any more.
func loadCode(ctx context.Context, root string, folders []string, log io.Writer, result chan<- loaded) {
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		_, _ = fmt.Fprintln(log, "verify: no go.mod beside the template, so it is compared with no code")
		result <- loaded{}
		return
	}
	go func() {
		program, err := code.Load(ctx, root, folders)
		result <- loaded{program, err}
	}()
}

// checkCode compares the functions of each environment with their code, and returns how many functions there are.
func checkCode(program *code.Program, root string, project *rules.Project, environments map[string]rules.Environment) ([]Mistake, int) {
	var found []Mistake
	ids := map[string]bool{}
	absent := map[string]int{} // in how many environments code has no function: a condition may leave it out of some
	checked := 0
	for _, environment := range slices.Sorted(maps.Keys(environments)) {
		functions := project.Functions(environment)
		for _, f := range functions {
			ids[f.ID] = true
		}
		if functions == nil || program == nil { // the transform refuses it, or there is no code
			continue
		}
		checked++
		for _, f := range program.Check(functions) {
			m := Mistake{
				File: filepath.Join(root, f.Path), What: f.What, Consequence: f.Consequence, Fix: f.Fix,
				Tool: "code", Environment: environment,
			}
			if f.Function != "" {
				m.Path = []string{"Resources", f.Function}
			} else {
				absent[m.File+m.What]++
			}
			found = append(found, m)
		}
	}
	found = slices.DeleteFunc(found, func(m Mistake) bool { return m.Path == nil && absent[m.File+m.What] < checked })
	return found, len(ids)
}
