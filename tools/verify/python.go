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

	"pricing/tools/internal/pythonenv"
)

// report is what lint.py found.
type report struct {
	Mistakes []Mistake                             `json:"mistakes"`
	Bodies   map[string]map[string]json.RawMessage `json:"bodies"` // OpenAPI by environment and logical id
}

// installPython returns the Python that has the packages of requirements.txt, installing them when there is none for
// this very list.
func installPython(ctx context.Context, root string, log io.Writer) (string, error) {
	python, err := pythonenv.Install(ctx, filepath.Join(root, "tools", "verify", "requirements.txt"), filepath.Join(root, ".local", "verify-venv"), log)
	if err != nil {
		return "", fmt.Errorf("install the Python checks: %w", err)
	}
	return python, nil
}

// lint runs lint.py.
func lint(ctx context.Context, python, root, template string, environments map[string]map[string]string) (report, error) {
	input, err := json.Marshal(environments)
	if err != nil {
		return report{}, fmt.Errorf("run the Python checks: %w", err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, python, filepath.Join(root, "tools", "verify", "lint.py"), template)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	cmd.Env = append(os.Environ(), "AWS_DEFAULT_REGION=eu-west-1") // the transform asks for a region, not for AWS
	if err := cmd.Run(); err != nil {
		return report{}, fmt.Errorf("run the Python checks: %w\n%s", err, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return report{}, fmt.Errorf("read what the Python checks found: %w", err)
	}
	return r, nil
}
