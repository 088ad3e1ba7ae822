package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"pricing/tools/verify/rules"
)

// report is what lint.py found.
type report struct {
	Mistakes    []Mistake                             `json:"mistakes"`
	Bodies      map[string]map[string]json.RawMessage `json:"bodies"`      // OpenAPI by environment and logical id
	Transformed map[string]json.RawMessage            `json:"transformed"` // templates by environment
}

// installPython returns the Python that has the packages of requirements.txt, installing them when there is none for
// this very list. It may run twice at the same time: each run installs aside, the first to finish wins.
func installPython(ctx context.Context, root string, log io.Writer) (string, error) {
	requirements := filepath.Join(root, "tools", "verify", "requirements.txt")
	text, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("install the Python checks: %w", err)
	}
	sum := sha256.Sum256(text)
	dir := filepath.Join(root, ".local", "verify-venv-"+hex.EncodeToString(sum[:6]))
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(python); err == nil {
		return python, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("install the Python checks: %w", err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "verify-venv-new-")
	if err != nil {
		return "", fmt.Errorf("install the Python checks: %w", err)
	}
	defer func() { _ = os.RemoveAll(aside) }() // gone by then, or of no use
	_, _ = fmt.Fprintln(log, "verify: installing the Python checks, once")
	inside := filepath.Join(aside, "bin", "python")
	for _, command := range [][]string{
		{"python3", "-m", "venv", aside}, // Debian: package python3-venv
		// Wheels only, so that nothing is compiled; no dependencies but the list's own, which the next command checks.
		{inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--no-deps", "--requirement", requirements},
		{inside, "-m", "pip", "check"},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("install the Python checks: %s: %w: %s", strings.Join(command[:3], " "), err, shorten(string(out)))
		}
	}
	if err := os.Rename(aside, dir); err != nil {
		if _, lost := os.Stat(python); lost != nil {
			return "", fmt.Errorf("install the Python checks: %w", err)
		}
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

// callPython runs lint.py, which is given JSON and answers with JSON.
func callPython(ctx context.Context, python, root string, given, answer any, args ...string) error {
	input, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("run the Python checks: %w", err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, python, append([]string{filepath.Join(root, "tools", "verify", "lint.py")}, args...)...)
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
