// Package bootstrap starts Lambda bootstraps as Lambda does and measures what they cost: CPU, instructions and connections, of a cold
// start, of the first invocation and of warm ones.
//
// A bootstrap is an unmodified binary. A Lab serves it the Runtime API, and DynamoDB over TLS as AWS has it (RSA-2048, a chain of three,
// HTTP/1.1), with the answers of a real engine. What surprises: a function trusts the roots that are embedded in it, so it is built with
// one more, by an overlay; nothing in the working tree is touched.
package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Lab is where bootstraps are measured.
type Lab struct {
	dir    string
	engine string
	trust  trust
}

// NewLab makes a lab that keeps its files below dir, an empty folder. engine is the URL of a DynamoDB engine.
func NewLab(dir, engine string) (*Lab, error) {
	t, err := newTrust(dir)
	if err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	return &Lab{dir: dir, engine: engine, trust: t}, nil
}

// Build compiles commands of the module at root as they are deployed, for this machine. Each package is a path below root. It returns
// the folder of the binaries, which have the names of their packages' folders.
func (l *Lab) Build(ctx context.Context, root string, packages ...string) (string, error) {
	const rootsFile = "shared/boot/roots.pem"
	amazon, err := os.ReadFile(filepath.Join(root, rootsFile))
	if err != nil {
		return "", fmt.Errorf("read the roots: %w", err)
	}
	with := filepath.Join(l.dir, "roots.pem")
	if err := os.WriteFile(with, append(amazon, l.trust.root...), 0o600); err != nil {
		return "", fmt.Errorf("write the roots: %w", err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, rootsFile): with}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(l.dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	to := filepath.Join(l.dir, "bin") + string(filepath.Separator)
	args := []string{"build", "-overlay", file, "-buildvcs=false", "-tags=lambda.norpc", "-trimpath", "-ldflags=-s -w -buildid=", "-o", to}
	for _, p := range packages {
		args = append(args, "./"+p)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the bootstraps: %w\n%s", err, out)
	}
	return to, nil
}

// Program is a bootstrap with what it is asked.
type Program struct {
	Path        string
	Environment []string // what the function's own settings add to Lambda's variables, NAME=VALUE
	Event       []byte
	Want        string // what each answer must contain

	answers *answers
}

// New makes the program known to the lab. All starts of it find the table as its first start does.
func (l *Lab) New(p Program) *Program {
	p.answers = &answers{engine: l.engine, known: map[string]answer{}}
	return &p
}
