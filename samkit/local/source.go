package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// source is the Go code of one function. Its folder may be anywhere in a module, or a module of its own.
type source struct {
	folder string // CodeUri, absolute
	binary string // what it is built into
	sum    [sha256.Size]byte
	state  snapshot // of all that the last build read
	err    error    // *buildError of the last build
}

// build compiles the function with the flags of a deployment, but for this machine. An error that is not a *buildError
// says that there was no build.
func (s *source) build(ctx context.Context) error {
	module := moduleRoot(s.folder)
	name, folders, files := s.dependencies(ctx, module)
	files = append(files, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"))
	state := take(folders, files) // before the compiler reads
	if name != "main" && name != "" {
		s.state, s.err = state, &buildError{[]string{relative(s.folder) + ": package " + name + " is not a main package"}}
		return s.err
	}
	out, err := s.run(ctx, "build", "-buildvcs=false", "-tags=lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", s.binary, ".")
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		// It may be mended in a folder that does not exist yet, so the whole module is watched.
		s.state, s.err = append(whole(module), state...), &buildError{compilerSays(s.folder, string(out))}
		return s.err
	case err != nil:
		return fmt.Errorf("build %s: %w", s.folder, err)
	}
	binary, err := os.ReadFile(s.binary)
	if err != nil {
		return fmt.Errorf("build %s: %w", s.folder, err)
	}
	s.sum, s.state, s.err = sha256.Sum256(binary), state, nil
	return nil
}

// dependencies lists the folders of the packages that the function imports, and the files that they embed. Releases of
// other modules are left out, since they do not change. The name is that of the function's package; empty if unknown.
func (s *source) dependencies(ctx context.Context, module string) (name string, folders, files []string) {
	folders = []string{s.folder}
	// An error is ignored: the build reports what is wrong.
	out, _ := s.run(ctx, "list", "-e", "-deps", "-tags=lambda.norpc", "-json=Dir,Name,EmbedFiles,Module", ".")
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir, Name  string
			EmbedFiles []string
			Module     *struct {
				Dir     string
				Main    bool
				Replace *struct{}
			}
		}
		if decoder.Decode(&p) != nil {
			return name, folders, files
		}
		name = p.Name // the function's package comes last
		if p.Module == nil || !p.Module.Main && p.Module.Replace == nil {
			continue
		}
		folders = append(folders, p.Dir)
		if p.Module.Dir != module {
			files = append(files, filepath.Join(p.Module.Dir, "go.mod"))
		}
		for _, name := range p.EmbedFiles {
			file := filepath.Join(p.Dir, name)
			files = append(files, file, filepath.Dir(file))
		}
	}
}

// run runs the go command in the function's folder and returns its output; on a failure, that of both streams.
func (s *source) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	var messages bytes.Buffer
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		return append(out, messages.Bytes()...), err
	}
	return out, nil
}

// moduleRoot is the nearest folder above that holds go.mod; without one it is the folder itself.
func moduleRoot(folder string) string {
	for dir := folder; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return folder
		}
	}
}

// buildError is what the compiler says about a function, a line for each mistake.
type buildError struct{ lines []string }

// Error returns one mistake as it is, several on a line each.
func (e *buildError) Error() string {
	if len(e.lines) == 1 {
		return e.lines[0]
	}
	return "\n  " + strings.Join(e.lines, "\n  ")
}

// line returns all mistakes on one line.
func (e *buildError) line() string { return strings.Join(e.lines, "; ") }

// position is the beginning of a line about a place in a file.
var position = regexp.MustCompile(`^(\S+\.go)(:\d+.*)$`)

// compilerSays makes a line for each mistake, with paths relative to the working directory. Headings, which only name a
// package, are left out.
func compilerSays(folder, text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "# ") || strings.TrimSpace(line) == "":
			continue
		case strings.HasPrefix(line, "\t") && len(lines) > 0: // continues the line before
			lines[len(lines)-1] += " " + strings.TrimSpace(line)
			continue
		}
		if found := position.FindStringSubmatch(line); found != nil {
			file := found[1]
			if !filepath.IsAbs(file) {
				file = filepath.Join(folder, file)
			}
			line = relative(file) + found[2]
		}
		line = strings.Replace(line, "no Go files in "+folder, relative(folder)+": no Go files", 1)
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return []string{"the go command printed nothing"}
	}
	return lines
}

// snapshot remembers files and folders. Sizes and times show that one has changed.
type snapshot []stamp

type stamp struct {
	path           string
	size, modified int64 // both 0: it does not exist
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{path: path}
	}
	return stamp{path, info.Size(), info.ModTime().UnixNano()}
}

// take remembers the files, the folders and what the compiler reads in these. A folder's time changes when a file comes
// or goes.
func take(folders, files []string) snapshot {
	var s snapshot
	for _, folder := range folders {
		s = append(s, stampOf(folder))
		entries, _ := os.ReadDir(folder) // a folder that has gone has a stamp that says so
		for _, e := range entries {
			if compiled(e) {
				s = append(s, stampOf(filepath.Join(folder, e.Name())))
			}
		}
	}
	for _, file := range files {
		s = append(s, stampOf(file))
	}
	return s
}

// whole remembers every folder of a module and what the compiler reads in it.
func whole(module string) snapshot {
	var folders []string
	_ = filepath.WalkDir(module, func(path string, e fs.DirEntry, err error) error { // what cannot be read cannot be built
		switch {
		case err != nil || !e.IsDir():
			return nil
		case path != module && (strings.HasPrefix(e.Name(), ".") || e.Name() == "node_modules"):
			return fs.SkipDir
		}
		folders = append(folders, path)
		return nil
	})
	return take(folders, []string{filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")})
}

func compiled(e fs.DirEntry) bool {
	name := e.Name()
	return !e.IsDir() && !strings.HasSuffix(name, "_test.go") && slices.Contains([]string{".go", ".s", ".h"}, filepath.Ext(name))
}

// holds reports whether nothing has changed.
func (s snapshot) holds() bool {
	for _, was := range s {
		if stampOf(was.path) != was {
			return false
		}
	}
	return true
}
