// Package lint runs the checks of a template that exist only in Python: cfn-lint, the SAM transform and
// openapi-spec-validator. lint.py, which stands beside it, calls them.
package lint

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
)

// Python is an interpreter that has the packages of requirements.txt.
type Python struct {
	path, script string
}

// Job is one template to check, with the parameters of its environments.
type Job struct {
	File         string                       `json:"file"`
	Environments map[string]map[string]string `json:"environments,omitempty"`
}

// Report is what the tools say of a template.
type Report struct {
	Mistakes    []Mistake                             `json:"mistakes"`
	Bodies      map[string]map[string]json.RawMessage `json:"bodies"`      // OpenAPI documents by environment and logical id
	Transformed map[string]json.RawMessage            `json:"transformed"` // templates by environment; none where the transform refuses it
}

// Mistake is one thing that a tool says is wrong.
type Mistake struct {
	Tool        string   `json:"tool"`
	Path        []string `json:"path"` // keys from the template's root
	What        string   `json:"what"`
	Environment string   `json:"environment"` // empty: the source
	Line        int      `json:"line"`        // 0: not known
}

// Request asks for the transform of one template, which is text or already read.
type Request struct {
	Template   any               `json:"source"`
	Parameters map[string]string `json:"parameters"`
}

// folder is where the list of packages stands, below the module's root.
var folder = filepath.Join("samkit", "verify")

// Install returns the Python that has the packages of requirements.txt, for the module in root. It installs them when
// there is none for this very list, and then tells log.
func Install(ctx context.Context, root string, log io.Writer) (Python, error) {
	path, err := pythonenv.Install(ctx, root, folder, log)
	if err != nil {
		return Python{}, fmt.Errorf("install the Python checks: %w", err)
	}
	return in(root, path), nil
}

// Find is Install for tests: it installs nothing, and its error says what does.
func Find(root string) (Python, error) {
	path, err := pythonenv.Find(root, folder)
	if err != nil {
		return Python{}, fmt.Errorf("find the Python checks: %w", err)
	}
	return in(root, path), nil
}

func in(root, path string) Python {
	return Python{path: path, script: filepath.Join(root, folder, "lint", "lint.py")}
}

// Check runs every tool on each template. cfn-lint alone reads one that has no environments.
func (p Python) Check(ctx context.Context, jobs ...Job) ([]Report, error) {
	var reports []Report
	err := p.call(ctx, "check", jobs, &reports)
	return reports, err
}

// Transform returns what the SAM transform makes of each template.
func (p Python) Transform(ctx context.Context, requests []Request) ([]json.RawMessage, error) {
	var transformed []json.RawMessage
	err := p.call(ctx, "transform", requests, &transformed)
	return transformed, err
}

// Schemas returns the folder in which cfn-lint keeps CloudFormation's schemas of resource types.
func (p Python) Schemas() (string, error) {
	pattern := filepath.Join(filepath.Dir(filepath.Dir(p.path)), "lib", "python3*", "site-packages", "cfnlint", "data", "schemas")
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("find cfn-lint's schemas: %d folders match %s", len(found), pattern)
	}
	return found[0], nil
}

// call runs lint.py, which is given JSON and answers with JSON.
func (p Python) call(ctx context.Context, command string, given, answer any) error {
	input, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("run the Python checks: %w", err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, p.path, p.script, command)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	cmd.Env = append(os.Environ(), "AWS_DEFAULT_REGION=eu-west-1") // the transform asks for a region, not for AWS
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run the Python checks: %w\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), answer); err != nil {
		return fmt.Errorf("read what the Python checks found: %w", err)
	}
	return nil
}
