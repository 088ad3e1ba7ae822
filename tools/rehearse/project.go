package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pricing/samkit/process"
)

// templateOfX86 is the name of the template of the architecture that is rehearsed.
const templateOfX86 = "template-x86_64.yaml"

// version is a commit of the copy.
type version struct {
	commit   string
	manifest map[string]string // the SHA-256 of each function's zip
	sum      string            // the SHA-256 of the manifest's file
}

// copyProject copies the working tree, without the files that git ignores, and makes a repository of it.
func (r *rehearsal) copyProject(ctx context.Context) (string, error) {
	r.copy = filepath.Join(r.dir, "project")
	cmd := process.Command(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = r.root
	list, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("list the project's files: %w", err)
	}
	files := strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00")
	for _, file := range files {
		if err := copyFile(filepath.Join(r.root, file), filepath.Join(r.copy, file)); err != nil {
			return "", err
		}
	}
	if _, err := r.must(ctx, nil, "git", "init", "--quiet"); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files", len(files)), nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted, and not committed yet
	}
	if err != nil {
		return fmt.Errorf("copy the project: %w", err)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("copy the project: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("copy the project: %w", err)
	}
	if err := os.WriteFile(to, text, info.Mode()); err != nil {
		return fmt.Errorf("copy the project: %w", err)
	}
	return nil
}

// commit commits the copy as it is and returns the commit.
func (r *rehearsal) commit(ctx context.Context, message string) (string, error) {
	if _, err := r.must(ctx, nil, "git", "add", "--all"); err != nil {
		return "", err
	}
	if _, err := r.must(ctx, nil, "git", "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@localhost", "-c", "commit.gpgsign=false",
		"commit", "--quiet", "--message", message); err != nil {
		return "", err
	}
	sha, err := r.must(ctx, nil, "git", "rev-parse", "HEAD")
	return strings.TrimSpace(sha), err
}

// pack commits the copy, builds what is deployed and puts it into the bucket.
func (r *rehearsal) pack(ctx context.Context, message string) (version, error) {
	commit, err := r.commit(ctx, message)
	if err != nil {
		return version{}, err
	}
	if _, err := r.script(ctx, nil, "package.sh", bucket); err != nil {
		return version{}, err
	}
	text, err := os.ReadFile(filepath.Join(r.copy, ".build", "manifest.json"))
	if err != nil {
		return version{}, fmt.Errorf("read the manifest: %w", err)
	}
	var manifest struct {
		Commit    string
		Functions map[string]map[string]struct{ SHA256 string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return version{}, fmt.Errorf("read the manifest: %w", err)
	}
	if manifest.Commit != commit {
		return version{}, fmt.Errorf("the manifest says commit %s, not %s", manifest.Commit, commit)
	}
	v := version{commit, map[string]string{}, sum(text)}
	for name, f := range manifest.Functions {
		v.manifest[name] = f["x86_64"].SHA256
	}
	return v, nil
}

// changed lists the functions whose zips differ.
func (v version) changed(other version) []string {
	var names []string
	for name, hash := range v.manifest {
		if other.manifest[name] != hash {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// variant puts a release with another template but the same zips into the bucket, as packaging a commit that changes only the template
// would. The version was deployed before. The change is made in the lines of one resource, and has to find something to change.
func (r *rehearsal) variant(ctx context.Context, v version, suffix, resource, old, new string) (string, error) {
	commit := v.commit + suffix
	folder := filepath.Join(r.dir, commit)
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(r.copy, ".build", "releases", bucket, v.commit))); err != nil {
		return "", fmt.Errorf("copy the release: %w", err)
	}
	file := filepath.Join(folder, templateOfX86)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the template: %w", err)
	}
	edited, err := edit(string(text), resource, old, new)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		return "", fmt.Errorf("write the template: %w", err)
	}
	packed := func(template string) string { // its hash in the manifest
		return sum([]byte(strings.ReplaceAll(template, "s3://"+bucket+"/functions/", "./functions/")))
	}
	manifest, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		return "", fmt.Errorf("read the manifest: %w", err)
	}
	manifest = []byte(strings.NewReplacer(packed(string(text)), packed(edited), `"`+v.commit+`"`, `"`+commit+`"`).Replace(string(manifest)))
	for _, place := range []string{folder, filepath.Join(r.copy, ".build")} {
		if err := os.WriteFile(filepath.Join(place, "manifest.json"), manifest, 0o600); err != nil {
			return "", fmt.Errorf("write the manifest: %w", err)
		}
	}
	_, err = r.aws(ctx, "s3", "cp", "--recursive", "--only-show-errors", folder, "s3://"+bucket+"/"+commit+"/")
	return commit, err
}

// edit replaces text within one resource of a template.
func edit(template, resource, old, new string) (string, error) {
	begin := strings.Index(template, "\n  "+resource+":\n")
	if begin < 0 {
		return "", fmt.Errorf("the template has no resource %s", resource)
	}
	end := len(template)
	if i := strings.Index(template[begin:], "\n\n"); i >= 0 {
		end = begin + i
	}
	body := strings.ReplaceAll(template[begin:end], old, new)
	if body == template[begin:end] {
		return "", fmt.Errorf("the template's %s has no %q", resource, old)
	}
	return template[:begin] + body + template[end:], nil
}
