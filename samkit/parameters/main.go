// Command parameters prints the parameters of an environment as `aws cloudformation create-change-set --parameters` takes
// them.
//
//	parameters [-config samconfig.toml] [-template FILE] [-previous FILE] ENV
//	parameters [-config samconfig.toml] -only NAME -previous FILE ENV
//	parameters [-config samconfig.toml] -stack ENV
//	parameters [-config samconfig.toml] -value NAME ENV
//	parameters [-config samconfig.toml] -mark FILE ENV
//
// They are those of samconfig.toml. Values in the variable PARAMETERS (NAME=VALUE, one a line) take precedence; they are not
// arguments, because every process of the machine may read those. All other parameters go back to the template's defaults, even
// where the stack has another value now: what is deployed is what the repository says. Secrets are the exception, since they
// are not in the repository: a parameter with NoEcho in -template keeps its value if -previous (what `describe-stacks` prints)
// has it. -only sets one parameter and keeps the values that the stack has of all others. -stack prints the name of the stack.
// -value prints one value, or an empty line where it is left to its default. -mark prints a template as it has to be deployed
// with the parameters (samconfig.Marked).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"pricing/samkit/samconfig"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr, os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "parameters:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer, getenv func(string) string) error {
	flags := flag.NewFlagSet("parameters", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "samconfig.toml", "`file` with the environments")
	template := flags.String("template", "", "`file` of the template, for its secrets")
	previous := flags.String("previous", "", "`file` with what describe-stacks printed")
	stack := flags.Bool("stack", false, "print the stack's name")
	mark := flags.String("mark", "", "print this template `file` with a hash of the parameters in it")
	only := flags.String("only", "", "change this `parameter` alone")
	value := flags.String("value", "", "print the value of this `parameter`")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has said why
	}
	if flags.NArg() != 1 {
		return errors.New("name one environment")
	}
	environments, err := samconfig.Read(*config)
	if err != nil {
		return err
	}
	name := flags.Arg(0)
	e, ok := environments[name]
	if !ok {
		names := strings.Join(slices.Sorted(maps.Keys(environments)), ", ")
		return fmt.Errorf("%s has no environment %q; it has %s", *config, name, names)
	}
	for line := range strings.Lines(getenv("PARAMETERS")) {
		line = strings.TrimSuffix(line, "\n")
		key, v, ok := strings.Cut(line, "=")
		switch {
		case line == "":
			continue
		case !ok || key == "":
			return errors.New("PARAMETERS: a line is not NAME=VALUE") // the line may be a secret
		}
		e.Parameters[key] = v
	}
	switch {
	case *stack && e.Stack == "":
		return fmt.Errorf("%s: %s.deploy.parameters.stack_name is missing", *config, name)
	case *stack:
		_, err = fmt.Fprintln(stdout, e.Stack)
		return err
	case *value != "":
		_, err = fmt.Fprintln(stdout, e.Parameters[*value])
		return err
	case *mark != "":
		text, err := os.ReadFile(*mark)
		if err != nil {
			return fmt.Errorf("read the template: %w", err)
		}
		if text, err = samconfig.Marked(text, e.Parameters); err != nil {
			return fmt.Errorf("%s: %w", *mark, err)
		}
		_, err = stdout.Write(text)
		return err
	}
	var kept []string
	if *only != "" {
		kept, err = others(*previous, *only)
		maps.DeleteFunc(e.Parameters, func(key, _ string) bool { return key != *only })
	} else {
		kept, err = keep(*template, *previous, e.Parameters)
	}
	if err != nil {
		return err
	}
	list := []parameter{} // [] and not null when there is none
	for _, key := range slices.Sorted(maps.Keys(e.Parameters)) {
		v := e.Parameters[key]
		list = append(list, parameter{Key: key, Value: &v})
	}
	for _, key := range kept {
		list = append(list, parameter{Key: key, Previous: true})
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the parameters: %w", err)
	}
	_, err = fmt.Fprintln(stdout, string(text))
	return err
}

// parameter is CloudFormation's form.
type parameter struct {
	Key      string  `json:"ParameterKey"`
	Value    *string `json:"ParameterValue,omitempty"` // may be empty
	Previous bool    `json:"UsePreviousValue,omitempty"`
}

// keep lists the secrets of a template that the stack has and that are not set now.
func keep(template, previous string, set map[string]string) ([]string, error) {
	if template == "" || previous == "" {
		return nil, nil
	}
	text, err := os.ReadFile(template)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	var declared struct {
		Parameters map[string]struct {
			NoEcho bool `yaml:"NoEcho"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(text, &declared); err != nil {
		return nil, fmt.Errorf("%s: %w", template, err)
	}
	names, err := described(previous)
	return slices.DeleteFunc(names, func(name string) bool {
		_, ok := set[name]
		return ok || !declared.Parameters[name].NoEcho
	}), err
}

// others lists the parameters that the stack has, but for one.
func others(previous, only string) ([]string, error) {
	names, err := described(previous)
	return slices.DeleteFunc(names, func(name string) bool { return name == only }), err
}

// described lists, in order, the parameters of the stack that a file describes.
func described(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the stack's description: %w", err)
	}
	var stacks struct {
		Stacks []struct {
			Parameters []struct{ ParameterKey string }
		}
	}
	if err := json.Unmarshal(text, &stacks); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var names []string
	for _, s := range stacks.Stacks {
		for _, p := range s.Parameters {
			names = append(names, p.ParameterKey)
		}
	}
	slices.Sort(names)
	return names, nil
}
