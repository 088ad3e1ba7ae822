// Package pythonenv makes the Python environment a tool needs, once, from a complete list of pinned packages.
//
// Run what is in it as `python -m module`: scripts of an environment name the folder in which it was made.
package pythonenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Install returns the Python that has the packages of the file requirements, and makes its environment when there is none
// for this very list; log is told then, as it takes a while. The environment's folder is prefix, a hyphen and a digest of
// the list. It may run twice at the same time: each run installs aside, the first to finish wins.
func Install(ctx context.Context, requirements, prefix string, log io.Writer) (string, error) {
	text, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("read the list of packages: %w", err)
	}
	sum := sha256.Sum256(text)
	dir := prefix + "-" + hex.EncodeToString(sum[:6])
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(python); err == nil {
		return python, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make a folder for the environment: %w", err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(prefix)+"-new-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the environment: %w", err)
	}
	defer func() { _ = os.RemoveAll(aside) }() // gone by then, or of no use
	_, _ = fmt.Fprintln(log, "installing, once, what", requirements, "lists")
	inside := filepath.Join(aside, "bin", "python")
	for _, command := range [][]string{
		{"python3", "-m", "venv", aside}, // Debian: package python3-venv
		// Wheels only, so that nothing is compiled; no dependencies but the list's own, which the next command checks.
		{inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--no-deps", "--requirement", requirements},
		{inside, "-m", "pip", "check"},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(command[:3], " "), err, strings.TrimSpace(string(out)))
		}
	}
	if err := os.Rename(aside, dir); err != nil {
		if _, lost := os.Stat(python); lost != nil {
			return "", fmt.Errorf("move the environment to its place: %w", err)
		}
	}
	return python, nil
}
