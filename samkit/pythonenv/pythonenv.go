// Package pythonenv makes the Python environments that tools of this module need, each once, from a complete list of pinned
// packages.
//
// The list is the file requirements.txt of the tool's folder. Its environment is .local/NAME-venv-DIGEST below the module's
// root, where NAME is the folder's own name and DIGEST that of the list: with another list there is another environment.
// Programs install what they need when they first run (Install). Tests do not: they take what is there (Find), and
// `make python` puts it there.
//
// A list has a hash for every file that pip may take, so that nothing is installed that was not there when the list was written. Write
// the lines again, the comment above them aside, from those with a version alone:
//
//	uv pip compile --no-deps --generate-hashes --only-binary :all: --python-version 3.11 --no-header --no-annotate requirements.txt
//
// Run what is in an environment as `python -m module`: its scripts name the folder in which they were made.
package pythonenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing says that an environment was not made.
var ErrMissing = errors.New("the Python environment is missing: run `make python`")

// place returns the list of packages of a tool's folder and where its environment belongs.
func place(root, folder string) (requirements, dir string, err error) {
	requirements = filepath.Join(root, folder, "requirements.txt")
	text, err := os.ReadFile(requirements)
	if err != nil {
		return "", "", fmt.Errorf("read the list of packages: %w", err)
	}
	sum := sha256.Sum256(text)
	name := filepath.Base(folder) + "-venv-" + hex.EncodeToString(sum[:6])
	return requirements, filepath.Join(root, ".local", name), nil
}

// Find returns the Python that has the packages of a tool's folder. Where its environment was not made, or was made for
// another list, the error is ErrMissing.
func Find(root, folder string) (string, error) {
	requirements, dir, err := place(root, folder)
	if err != nil {
		return "", err
	}
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return "", fmt.Errorf("%s: %w", requirements, ErrMissing)
	}
	return python, nil
}

// Install returns what Find would, and makes the environment where there is none. That takes a while, so it says so in log. It may
// run twice at the same time: each run installs into a folder aside, and the first to finish wins.
func Install(ctx context.Context, root, folder string, log io.Writer) (string, error) {
	python, err := Find(root, folder)
	if !errors.Is(err, ErrMissing) {
		return python, err
	}
	requirements, dir, err := place(root, folder)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make a folder for the environment: %w", err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(folder)+"-venv-new-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the environment: %w", err)
	}
	defer func() { _ = os.RemoveAll(aside) }() // moved to its place by then, or of no use
	_, _ = fmt.Fprintln(log, "installing, once, what", requirements, "lists")
	inside := filepath.Join(aside, "bin", "python")
	for _, command := range [][]string{
		{"python3", "-m", "venv", aside}, // Debian: package python3-venv
		// Wheels only, so that nothing is compiled; no dependencies but the list's own, which the next command checks.
		{inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--no-deps",
			"--require-hashes", "--requirement", requirements},
		{inside, "-m", "pip", "check"},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(command[:3], " "), err, strings.TrimSpace(string(out)))
		}
	}
	if err := os.Rename(aside, dir); err != nil {
		if _, lost := Find(root, folder); lost != nil {
			return "", fmt.Errorf("move the environment to its place: %w", err)
		}
	}
	return Find(root, folder)
}
