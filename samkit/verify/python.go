package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"pricing/samkit/pythonenv"
	"pricing/samkit/verify/rules"
)

// report is what lint.py found.
type report struct {
	Mistakes    []Mistake                             `json:"mistakes"`
	Bodies      map[string]map[string]json.RawMessage `json:"bodies"`      // OpenAPI by environment and logical id
	Transformed map[string]json.RawMessage            `json:"transformed"` // templates by environment
}

// installPython returns the Python that has the packages of requirements.txt, installing them when there is none for
// this very list.
func installPython(ctx context.Context, root string, log io.Writer) (string, error) {
	python, err := pythonenv.Install(ctx, root, filepath.Join("samkit", "verify"), log)
	if err != nil {
		return "", fmt.Errorf("install the Python checks: %w", err)
	}
	return python, nil
}

// lint runs lint.py on a template.
func lint(ctx context.Context, python, root, template string, environments map[string]rules.Environment) (report, error) {
	parameters := map[string]map[string]string{}
	for name, e := range environments {
		parameters[name] = e.Parameters
	}
	var r report
	err := callPython(ctx, python, root, parameters, &r, template)
	return r, err
}

// request asks lint.py for the transform of one template, which is text or already read.
type request struct {
	Template   any               `json:"source"`
	Parameters map[string]string `json:"parameters"`
}

// callPython runs lint.py, which is given JSON and answers with JSON.
func callPython(ctx context.Context, python, root string, given, answer any, args ...string) error {
	input, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("run the Python checks: %w", err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, python, append([]string{filepath.Join(root, "samkit", "verify", "lint.py")}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	cmd.Env = append(os.Environ(), "AWS_DEFAULT_REGION=eu-west-1") // the transform asks for a region, not for AWS
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run the Python checks: %w\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), answer); err != nil {
		return fmt.Errorf("read what the Python checks found: %w", err)
	}
	return nil
}
