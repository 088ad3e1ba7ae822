// Command parameters prints the parameters of an environment as `aws cloudformation create-change-set --parameters` takes
// them.
//
//	parameters [-config samconfig.toml] [-template FILE] [-previous FILE] ENV
//	parameters [-config samconfig.toml] -stack ENV
//	parameters [-config samconfig.toml] -value NAME ENV
//	parameters [-config samconfig.toml] -mark FILE ENV
//
// They are those of samconfig.toml. Values in the variable PARAMETERS (NAME=VALUE, one a line) take precedence; they are not
// arguments, because every process of the machine may read those. All other parameters go back to the template's defaults, even
// where the stack has another value now: what is deployed is what the repository says. Secrets are the exception, since they
// are not in the repository: a parameter with NoEcho in -template keeps its value if -previous (what `describe-stacks` prints)
// has it. -stack prints the name of the stack. -value prints one value, or an empty line where it is left to its default. -mark
// prints a template as it has to be deployed with the parameters (samconfig.Marked).
//
// It prints no parameters that cannot be deployed: one that nobody has decided (samconfig.Undecided), or what the Rules of the
// template refuse, which CloudFormation would refuse too.
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
	template := flags.String("template", "", "`file` of the template, for its Rules and secrets")
	previous := flags.String("previous", "", "`file` with what describe-stacks printed")
	stack := flags.Bool("stack", false, "print the stack's name")
	mark := flags.String("mark", "", "print this template `file` with a hash of the parameters in it")
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
		if err := refuse(e, text, *config, name); err != nil {
			return err
		}
		if text, err = samconfig.Marked(text, e.Parameters); err != nil {
			return fmt.Errorf("%s: %w", *mark, err)
		}
		_, err = stdout.Write(text)
		return err
	}
	var text []byte
	if *template != "" {
		if text, err = os.ReadFile(*template); err != nil {
			return fmt.Errorf("read the template: %w", err)
		}
	}
	if err := refuse(e, text, *config, name); err != nil {
		return err
	}
	kept, err := keep(text, *previous, e.Parameters)
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
	if text, err = json.MarshalIndent(list, "", "  "); err != nil {
		return fmt.Errorf("encode the parameters: %w", err)
	}
	_, err = fmt.Fprintln(stdout, string(text))
	return err
}

// refuse says why an environment cannot be deployed as it is. The template may be empty: then nothing is known of its Rules.
func refuse(e samconfig.Environment, template []byte, config, name string) error {
	if undecided := e.Undecided(); len(undecided) > 0 {
		return fmt.Errorf("%s: nobody has decided %s of %s yet; the parameter's description in the template says what it may be",
			config, strings.Join(undecided, ", "), name)
	}
	if len(template) == 0 {
		return nil
	}
	refused, err := samconfig.Refused(template, e.Parameters)
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		return fmt.Errorf("%s: the template refuses the parameters of %s: %s", config, name, strings.Join(refused, "; "))
	}
	return nil
}

// parameter is CloudFormation's form.
type parameter struct {
	Key      string  `json:"ParameterKey"`
	Value    *string `json:"ParameterValue,omitempty"` // may be empty
	Previous bool    `json:"UsePreviousValue,omitempty"`
}

// keep lists the secrets of a template that the stack has and that are not set now.
func keep(template []byte, previous string, set map[string]string) ([]string, error) {
	if len(template) == 0 || previous == "" {
		return nil, nil
	}
	var declared struct {
		Parameters map[string]struct {
			NoEcho bool `yaml:"NoEcho"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(template, &declared); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	text, err := os.ReadFile(previous)
	if err != nil {
		return nil, fmt.Errorf("read the stack's description: %w", err)
	}
	var described struct {
		Stacks []struct {
			Parameters []struct{ ParameterKey string }
		}
	}
	if err := json.Unmarshal(text, &described); err != nil {
		return nil, fmt.Errorf("%s: %w", previous, err)
	}
	var kept []string
	for _, s := range described.Stacks {
		for _, p := range s.Parameters {
			if _, ok := set[p.ParameterKey]; !ok && declared.Parameters[p.ParameterKey].NoEcho {
				kept = append(kept, p.ParameterKey)
			}
		}
	}
	slices.Sort(kept)
	return kept, nil
}
