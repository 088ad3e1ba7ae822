// Command parameters prints the parameters of an environment as `aws cloudformation create-change-set --parameters` takes
// them.
//
//	parameters [-config samconfig.toml] [-template FILE] [-previous FILE] ENV
//	parameters [-config samconfig.toml] -only NAME -previous FILE ENV
//	parameters [-config samconfig.toml] -stack ENV
//	parameters [-config samconfig.toml] -value NAME ENV
//	parameters [-config samconfig.toml] -mark FILE ENV
//	parameters [-config samconfig.toml] -template FILE [-previous FILE -keep NAME] -check FILE ENV
//
// They are those of samconfig.toml. Values in the variable PARAMETERS (NAME=VALUE, one a line) take precedence; they are not
// arguments, because every process of the machine may read those. All other parameters go back to the template's defaults, even
// where the stack has another value now: what is deployed is what the repository says. Secrets are the exception, since they
// are not in the repository: a parameter with NoEcho in -template keeps its value if -previous (what `describe-stacks` prints)
// has it. -keep names one more that stays as the stack has it, and is an error if the template does not know it: it says where data
// is, which no commit may decide. -only sets one parameter and keeps the values that the stack has of all others. -stack prints the name
// of the stack. -value prints one value, or an empty line where it is left to its default. -mark prints a template as it has to be
// deployed with the parameters (samconfig.Marked). -check compares with a change set (what `describe-change-set` prints): it ends with
// status 1 where a parameter is neither what it would be told nor the template's default. Secrets are not compared, since AWS does not
// show them.
//
// It prints no parameters that cannot be deployed: one that nobody has decided (samconfig.Undecided), or what the Rules of the
// template refuse, which CloudFormation would refuse too. -only does not look at them: what it keeps has been deployed.
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
	keep := flags.String("keep", "", "a `parameter` that keeps the stack's value where none is given")
	stack := flags.Bool("stack", false, "print the stack's name")
	mark := flags.String("mark", "", "print this template `file` with a hash of the parameters in it")
	only := flags.String("only", "", "change this `parameter` alone")
	value := flags.String("value", "", "print the value of this `parameter`")
	changeSet := flags.String("check", "", "compare with the parameters of the change set in this `file`")
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
	var text []byte
	if *template != "" {
		if text, err = os.ReadFile(*template); err != nil {
			return fmt.Errorf("read the template: %w", err)
		}
	}
	kept, err := former(text, *previous, *keep, e.Parameters)
	if err != nil {
		return err
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
	switch {
	case *changeSet != "":
		return check(text, *changeSet, e.Parameters)
	case *only != "":
		kept, err = others(*previous, *only)
		maps.DeleteFunc(e.Parameters, func(key, _ string) bool { return key != *only })
	default:
		err = refuse(e, text, *config, name)
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

// former lists the secrets of a template that the stack has and that are not set now. The parameter to keep is set to what the stack has.
func former(template []byte, previous, keep string, set map[string]string) ([]string, error) {
	if len(template) == 0 || previous == "" {
		return nil, nil
	}
	declared, err := declarations(template)
	if err != nil {
		return nil, err
	}
	has, err := described(previous)
	if err != nil {
		return nil, err
	}
	var secrets []string
	for _, p := range has {
		_, known := declared[p.ParameterKey]
		_, given := set[p.ParameterKey]
		switch {
		case given:
		case declared[p.ParameterKey].NoEcho:
			secrets = append(secrets, p.ParameterKey)
		case p.ParameterKey != keep || p.ParameterValue == "":
		case !known:
			return nil, fmt.Errorf("the stack has %s=%s, which this template does not know", keep, p.ParameterValue)
		default:
			set[keep] = p.ParameterValue
		}
	}
	return secrets, nil
}

// others lists the parameters that the stack has, but for one.
func others(previous, only string) ([]string, error) {
	has, err := described(previous)
	var names []string
	for _, p := range has {
		if p.ParameterKey != only {
			names = append(names, p.ParameterKey)
		}
	}
	return names, err
}

// stackParameter is a parameter as AWS describes it.
type stackParameter struct{ ParameterKey, ParameterValue string }

// described lists, in the order of their names, the parameters of the stack that a file describes.
func described(file string) ([]stackParameter, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the stack's description: %w", err)
	}
	var described struct {
		Stacks []struct{ Parameters []stackParameter }
	}
	if err := json.Unmarshal(text, &described); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []stackParameter
	for _, s := range described.Stacks {
		all = append(all, s.Parameters...)
	}
	slices.SortFunc(all, func(a, b stackParameter) int { return strings.Compare(a.ParameterKey, b.ParameterKey) })
	return all, nil
}

func declarations(template []byte) (map[string]samconfig.Declaration, error) {
	var t struct {
		Parameters map[string]samconfig.Declaration `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(template, &t); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	return t.Parameters, nil
}

// check compares the parameters of a change set with those that are set and with the template's defaults. CloudFormation lists all that the
// template declares; one that is not listed counts as left to its default.
func check(template []byte, changeSet string, set map[string]string) error {
	declared, err := declarations(template)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(changeSet)
	if err != nil {
		return fmt.Errorf("read the change set: %w", err)
	}
	var described struct {
		Parameters []stackParameter
	}
	if err := json.Unmarshal(text, &described); err != nil {
		return fmt.Errorf("%s: %w", changeSet, err)
	}
	got := map[string]string{}
	for _, p := range described.Parameters {
		got[p.ParameterKey] = p.ParameterValue
	}
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		want, ok := set[key]
		if !ok {
			want = declared[key].Default
		}
		is, ok := got[key]
		if !ok {
			is = declared[key].Default
		}
		if is != want && !declared[key].NoEcho {
			return fmt.Errorf("the change set has %s=%s, which would be %s now", key, is, want)
		}
	}
	return nil
}
