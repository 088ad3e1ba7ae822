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

// build compiles the function as it is compiled for deployment, but for this machine. An error that is not a
// *buildError says that the build did not take place.
func (s *source) build(ctx context.Context) error {
	module := moduleRoot(s.folder)
	name, folders, files := s.dependencies(ctx, module)
	state := take(folders, append(files, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"))) // before the compiler reads
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
		// What mends it may come in a folder that does not exist yet: look at the whole module.
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

// dependencies lists the folders of all packages that the function is made of and that may change (those of other
// modules' releases do not), and the files that they embed. The name is the function's package; empty if it cannot be told.
func (s *source) dependencies(ctx context.Context, module string) (name string, folders, files []string) {
	folders = []string{s.folder}
	out, _ := s.run(ctx, "list", "-e", "-deps", "-tags=lambda.norpc", "-json=Dir,Name,EmbedFiles,Module", ".") // the build tells what is wrong
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
		name = p.Name // it comes last
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

// run runs the go command in the function's folder and returns what it says; on a failure that includes its complaints.
func (s *source) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return append(out, complaints.Bytes()...), err
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

// buildError is what the compiler says of a function, a line for each mistake.
type buildError struct{ lines []string }

// Error puts several mistakes on lines of their own.
func (e *buildError) Error() string {
	if len(e.lines) == 1 {
		return e.lines[0]
	}
	return "\n  " + strings.Join(e.lines, "\n  ")
}

// line is all of it on one line.
func (e *buildError) line() string { return strings.Join(e.lines, "; ") }

// position is how the go command begins a line about a place in a file.
var position = regexp.MustCompile(`^(\S+\.go)(:\d+.*)$`)

// compilerSays makes one line of each mistake, without the headings, which only name the package of what follows, and
// with paths as seen from the working directory.
func compilerSays(folder, text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "# ") || strings.TrimSpace(line) == "":
			continue
		case strings.HasPrefix(line, "\t") && len(lines) > 0: // goes on with the line before
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
		return []string{"the go command says nothing"}
	}
	return lines
}

// snapshot remembers files and folders: a change of any is seen by comparing size and time.
type snapshot []stamp

type stamp struct {
	path           string
	size, modified int64 // both 0: there is none
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{path: path}
	}
	return stamp{path, info.Size(), info.ModTime().UnixNano()}
}

// take remembers the files, the folders, whose times tell when a file comes or goes, and what the compiler reads there.
func take(folders, files []string) snapshot {
	var s snapshot
	for _, folder := range folders {
		s = append(s, stampOf(folder))
		entries, _ := os.ReadDir(folder) // one that is gone has a stamp that says so
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

// whole remembers every folder of a module and what the compiler reads there.
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

// holds says that nothing has changed.
func (s snapshot) holds() bool {
	for _, was := range s {
		if stampOf(was.path) != was {
			return false
		}
	}
	return true
}
