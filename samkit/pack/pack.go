package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Manifest lists what was built.
type Manifest struct {
	Commit    string                         `json:"commit"`
	Go        string                         `json:"go"`
	Templates map[string]string              `json:"templates"` // SHA-256 by file name; of a release, without the bucket in it
	Files     map[string]string              `json:"files"`     // SHA-256 by file name of what else a release has
	Functions map[string]map[string]Artifact `json:"functions"` // by name and architecture
}

// Artifact is one function's zip.
type Artifact struct {
	Zip    string `json:"zip"` // path below the output folder; its name is the SHA-256 of its bytes
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
	Binary string `json:"binary"` // SHA-256 of bootstrap
	SBOM   string `json:"sbom"`
	Commit bool   `json:"commit"` // built with the commit, so each commit has another one
	Kept   bool   `json:"-"`      // it was there before
}

type packer struct {
	options
	root     string
	manifest Manifest
}

// pack makes the artifacts and the template of one architecture.
func (p *packer) pack(ctx context.Context, t *template, arch string) error {
	first, err := os.MkdirTemp("", "pack-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(first) //nolint:errcheck // a temporary folder
	second, err := os.MkdirTemp("", "pack-again-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(second) //nolint:errcheck // a temporary folder
	copied := filepath.Join(second, "source")
	if err := copySource(p.root, copied, p.out); err != nil {
		return fmt.Errorf("copy the source: %w", err)
	}
	cache := ""
	if p.cold {
		cache = filepath.Join(second, "cache")
	}
	if err := p.build(ctx, p.root, t.functions, arch, "", first); err != nil {
		return err
	}
	if err := p.build(ctx, copied, t.functions, arch, cache, second); err != nil {
		return err
	}
	uris := map[string]string{}
	for _, f := range t.functions {
		binary, err := os.ReadFile(filepath.Join(first, f.name))
		if errors.Is(err, fs.ErrNotExist) { // go build skips such a package
			return fmt.Errorf("%s is no program: its package is not main", f.folder)
		}
		if err != nil {
			return fmt.Errorf("read what was built: %w", err)
		}
		again, err := os.ReadFile(filepath.Join(second, f.name))
		if err != nil {
			return fmt.Errorf("read what was built: %w", err)
		}
		if !bytes.Equal(binary, again) {
			return fmt.Errorf("%s for %s: two builds differ (SHA-256 %s and %s)", f.name, arch, sum(binary), sum(again))
		}
		a, err := p.store(f, binary)
		if err != nil {
			return err
		}
		a.Commit = hasCommit(filepath.Join(p.root, f.folder))
		if p.manifest.Functions[f.name] == nil {
			p.manifest.Functions[f.name] = map[string]Artifact{}
		}
		p.manifest.Functions[f.name][arch] = a
		uris[f.id] = "./" + a.Zip
	}
	name := "template.yaml"
	if arch != "arm64" {
		name = "template-" + arch + ".yaml"
	}
	text := t.with(uris)
	if p.manifest.Templates == nil {
		p.manifest.Templates = map[string]string{}
	}
	p.manifest.Templates[name] = sum([]byte(text))
	if err := write(filepath.Join(p.out, name), []byte(text)); err != nil || p.bucket == "" {
		return err
	}
	for id, uri := range uris {
		uris[id] = "s3://" + p.bucket + strings.TrimPrefix(uri, ".")
	}
	return write(filepath.Join(p.out, "release", name), []byte(t.with(uris)))
}

// build compiles functions into a folder, where each has its name. Those without a commit in them are built together. The build
// id is left out: it depends on the flags, so the commit of one function would change all.
func (p *packer) build(ctx context.Context, root string, functions []function, arch, cache, to string) error {
	const flags = "-s -w -buildid="
	packages := map[string][]string{} // by flags
	for _, f := range functions {
		own := flags
		if hasCommit(filepath.Join(root, f.folder)) {
			own += " -X main.commit=" + p.commit
		}
		packages[own] = append(packages[own], "./"+f.folder)
	}
	for _, flags := range slices.Sorted(maps.Keys(packages)) {
		args := []string{
			"build", "-buildvcs=false", "-tags=lambda.norpc", "-trimpath", "-ldflags=" + flags, "-o", to + string(filepath.Separator),
		}
		cmd := exec.CommandContext(ctx, "go", append(args, packages[flags]...)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goArch[arch], "GOFLAGS=", "GOWORK=off")
		if cache != "" {
			cmd.Env = append(cmd.Env, "GOCACHE="+cache)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build for %s: %w\n%s", arch, err, out)
		}
	}
	return nil
}

// hasCommit reports whether a package has a variable commit for the linker to set.
func hasCommit(folder string) bool {
	files, _ := filepath.Glob(filepath.Join(folder, "*.go")) // the pattern is sound
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			continue // the build says what is wrong with it
		}
		for _, d := range parsed.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, s := range group.Specs {
				if v, ok := s.(*ast.ValueSpec); ok && slices.ContainsFunc(v.Names, func(n *ast.Ident) bool { return n.Name == "commit" }) {
					return true
				}
			}
		}
	}
	return false
}

// store writes a function's zip and SBOM.
func (p *packer) store(f function, binary []byte) (Artifact, error) {
	archive, err := zipped(binary)
	if err != nil {
		return Artifact{}, fmt.Errorf("zip %s: %w", f.name, err)
	}
	bom, err := sbom(f.name, binary)
	if err != nil {
		return Artifact{}, fmt.Errorf("SBOM of %s: %w", f.name, err)
	}
	hash := sum(archive)
	base := "functions/" + f.name + "/" + hash
	a := Artifact{Zip: base + ".zip", SHA256: hash, Bytes: len(archive), Binary: sum(binary), SBOM: base + ".cdx.json"}
	if _, err := os.Stat(filepath.Join(p.out, a.Zip)); err == nil {
		a.Kept = true
	}
	if err := write(filepath.Join(p.out, a.Zip), archive); err != nil {
		return Artifact{}, err
	}
	return a, write(filepath.Join(p.out, a.SBOM), bom)
}

// zipped is a zip of bootstrap alone. It has no time and a fixed mode, so that the same binary gives the same bytes.
func zipped(binary []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.DefaultCompression)
	})
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	file, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(binary); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func write(file string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("make %s: %w", filepath.Dir(file), err)
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// copySource copies a module's files, without hidden folders, node_modules and the folder that is written to.
func copySource(from, to, out string) error {
	skip, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || file == skip) {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
}

// writeManifest writes the manifest, and to a release a copy and samconfig.toml, whose parameters are deployed with the template.
func (p *packer) writeManifest() error {
	p.manifest.Files = map[string]string{}
	const config = "samconfig.toml"
	parameters, err := os.ReadFile(filepath.Join(p.root, config))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the parameters: %w", err)
	}
	if err == nil {
		p.manifest.Files[config] = sum(parameters)
		if p.bucket != "" {
			if err := write(filepath.Join(p.out, "release", config), parameters); err != nil {
				return err
			}
		}
	}
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return fmt.Errorf("ask for Go's version: %w", err)
	}
	p.manifest.Go = strings.TrimSpace(string(version))
	text, err := json.MarshalIndent(p.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	text = append(text, '\n')
	if err := write(filepath.Join(p.out, "manifest.json"), text); err != nil || p.bucket == "" {
		return err
	}
	return write(filepath.Join(p.out, "release", "manifest.json"), text)
}

// report prints a line per function and architecture.
func (p *packer) report(out io.Writer) error {
	_, err := fmt.Fprintf(out, "commit %s, %s; built twice, equal byte for byte\n", p.manifest.Commit, p.manifest.Go)
	for _, name := range slices.Sorted(maps.Keys(p.manifest.Functions)) {
		for _, arch := range slices.Sorted(maps.Keys(p.manifest.Functions[name])) {
			a := p.manifest.Functions[name][arch]
			how := "new"
			if a.Kept {
				how = "as before"
			}
			if _, err := fmt.Fprintf(out, "  %-22s %-7s %s %5.1f MB  %s\n", name, arch, a.SHA256[:12], float64(a.Bytes)/1e6, how); err != nil {
				return err
			}
		}
	}
	return err
}
