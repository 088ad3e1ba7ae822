package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/samkit/engine"
)

// ciJob is what these tests read of a job, with what it extends in place.
type ciJob struct {
	Stage         string
	When          string
	Interruptible *bool
	Script        []string
	BeforeScript  []string `yaml:"before_script"`
	ResourceGroup string   `yaml:"resource_group"`
	Environment   struct{ Name, Action string }
	Variables     map[string]string
	Rules         []struct{ If, When string }
	Needs         needs
	IDTokens      map[string]struct{ Aud string } `yaml:"id_tokens"`
}

// needs are the names of the jobs that a job needs. gitlab-ci-local writes each as a mapping.
type needs []string

// UnmarshalYAML reads both forms.
func (n *needs) UnmarshalYAML(node *yaml.Node) error {
	for _, item := range node.Content {
		var need struct{ Job string }
		if item.Kind == yaml.ScalarNode {
			need.Job = item.Value
		} else if err := item.Decode(&need); err != nil {
			return err
		}
		*n = append(*n, need.Job)
	}
	return nil
}

// askGitLabCI returns what gitlab-ci-local prints of a .gitlab-ci.yml in a repository of its own whose branch is main.
func askGitLabCI(t *testing.T, text string, args ...string) (string, error) {
	t.Helper()
	root, err := engine.Root()
	require.NoError(t, err)
	require.FileExists(t, gitlabCI(root), "gitlab-ci-local is missing: run `make gitlab-ci`")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".gitlab-ci.yml"), []byte(text), 0o644))
	for _, git := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."},
		{"-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=test"},
		{"remote", "add", "origin", "https://gitlab.example.com/group/pricing.git"},
	} {
		cmd := exec.Command("git", git...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	cmd := exec.Command("node", append([]string{gitlabCI(root), "--home", dir}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func gitlabFile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../.gitlab-ci.yml")
	require.NoError(t, err)
	return string(text)
}

// TestGitLabCI_Valid: GitLab's own schema takes the file, and refuses it with a mistake in it.
func TestGitLabCI_Valid(t *testing.T) {
	t.Parallel()
	text := gitlabFile(t)
	list, err := askGitLabCI(t, text, "--list")
	require.NoError(t, err, list)
	for _, job := range []string{
		"lint", "audit", "template", "test", "e2e", "contract", "chaos", "rehearsal", "build", "package:integ",
		"changeset:integ", "deploy:integ", "smoke:integ", "package:prod",
		"changeset:prod", "deploy:prod", "smoke:prod", "rollback:prod", "rollback:prod:smoke-failed",
	} {
		assert.Contains(t, list, "\n"+job+" ")
	}
	for name, tt := range map[string]struct{ old, broken string }{
		"a key that GitLab does not know": {"resource_group: prod", "resourcegroup: prod"},
		"a job that there is not":         {`needs: ["smoke:prod"]`, `needs: ["smoke:production"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, tt.old)
			list, err := askGitLabCI(t, strings.Replace(text, tt.old, tt.broken, 1), "--list")
			require.Error(t, err, list)
		})
	}
}

// TestGitLabCI_Image: jobs run in one image, which no other can take the place of, with go.mod's version of Go.
func TestGitLabCI_Image(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(string(module))
	require.NotNil(t, version)
	images := regexp.MustCompile(`(?m)^ *image: *(.*)$`).FindAllStringSubmatch(gitlabFile(t), -1)
	require.NotEmpty(t, images)
	for _, image := range images {
		assert.Regexp(t, `^golang:`+regexp.QuoteMeta(version[1])+`-bookworm@sha256:[0-9a-f]{64}$`, image[1])
	}
}

// TestCloud: the AWS CLI of the jobs that deploy is the one that is rehearsed.
func TestCloud(t *testing.T) {
	t.Parallel()
	deploys, err := os.ReadFile("../../ops/pipeline/requirements.txt")
	require.NoError(t, err)
	rehearsed, err := os.ReadFile("../../samkit/emulator/requirements.txt")
	require.NoError(t, err)
	lines := strings.Split(string(rehearsed), "\n")
	for line := range strings.Lines(string(deploys)) {
		if !strings.HasPrefix(line, "#") {
			assert.Contains(t, lines, strings.TrimSuffix(line, "\n"))
		}
	}
}

// TestGitLabCI_Pipelines: deployments belong to main, and a merge request has one pipeline.
func TestGitLabCI_Pipelines(t *testing.T) {
	t.Parallel()
	jobs := func(variables ...string) []string {
		args := []string{"--list-json"}
		for _, v := range variables {
			args = append(args, "--variable", v)
		}
		out, err := askGitLabCI(t, gitlabFile(t), args...)
		require.NoError(t, err, out)
		var list []struct{ Name, When string }
		out = out[strings.Index(out, "[\n"):]
		require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&list), out)
		var names []string
		for _, job := range list {
			if job.When != "never" {
				names = append(names, job.Name)
			}
		}
		return names
	}
	checks := []string{"lint", "audit", "template", "test", "e2e", "contract", "chaos", "rehearsal", "build"}
	assert.Contains(t, jobs(), "deploy:prod")
	assert.Equal(t, checks, jobs("CI_COMMIT_BRANCH=topic"))
}

// TestGitLabCI_Deployments: every job that reaches AWS takes one role, with a token and no key. There is one at a time for each
// environment, and nothing interrupts it. People start the deployment to production.
func TestGitLabCI_Deployments(t *testing.T) {
	t.Parallel()
	assert.NotContains(t, gitlabFile(t), "AWS_SECRET")
	assert.NotContains(t, gitlabFile(t), "AWS_ACCESS_KEY")
	preview, err := askGitLabCI(t, gitlabFile(t), "--preview")
	require.NoError(t, err, preview)
	preview = preview[strings.Index(preview, "---\n"):]
	var all map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(preview), &all), preview)
	var reached []string
	for name, node := range all {
		var job ciJob
		if name[0] == '.' || node.Decode(&job) != nil || job.Script == nil {
			continue
		}
		script := strings.Join(job.Script, "\n")
		if !strings.Contains(script, "ops/pipeline/") {
			assert.Empty(t, job.IDTokens, name)
			continue
		}
		reached = append(reached, name)
		assert.Equal(t, "$CI_SERVER_URL", job.IDTokens["AWS_ID_TOKEN"].Aud, name)
		assert.Contains(t, job.BeforeScript, `. ops/pipeline/login.sh "$ROLES/$ROLE"`, name)
		require.NotNil(t, job.Interruptible, name)
		assert.False(t, *job.Interruptible, name)
		require.Len(t, job.Rules, 1, name)
		assert.Equal(t, "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", job.Rules[0].If, name)
		kind, env, _ := strings.Cut(name, ":")
		env, _, _ = strings.Cut(env, ":")
		environment := env
		if name == "package:prod" || name == "changeset:prod" {
			environment = "prod/changes" // nobody starts them, so they must not get the role that deploys
		}
		assert.Equal(t, environment, job.Environment.Name, "%s: else it does not see the variables of its account", name)
		if kind == "package" {
			assert.Equal(t, "pricing-package", job.Variables["ROLE"], name)
			assert.Equal(t, "prepare", job.Environment.Action, name)
			assert.Equal(t, env == "prod", strings.Contains(script, ".build/manifest.json"), "prod gets what integ has tried")
			continue
		}
		assert.Contains(t, script, "ops/pipeline/"+kind+".sh "+env+" ", name)
		assert.Equal(t, env, job.ResourceGroup, name)
		role := "pricing-" + env + "-pipeline"
		if kind == "changeset" {
			role = "pricing-" + env + "-changes"
		}
		assert.Equal(t, role, job.Variables["ROLE"], name)
		assert.Equal(t, kind == "deploy", job.Environment.Action == "", "%s: GitLab takes it for a deployment", name)
		assert.Equal(t, kind != "rollback", slices.Contains(job.Needs, "package:"+env), "%s: the artifact says what the commit is", name)
		assert.Equal(t, "$ROLES/pricing-"+env+"-execution", job.Variables["CFN_ROLE_ARN"], name)
		switch name {
		case "deploy:prod", "rollback:prod":
			assert.Equal(t, "manual", job.Rules[0].When, name)
		case "rollback:prod:smoke-failed":
			assert.Equal(t, "on_failure", job.Rules[0].When, name)
		}
	}
	slices.Sort(reached)
	assert.Equal(t, []string{
		"changeset:integ", "changeset:prod", "deploy:integ", "deploy:prod", "package:integ", "package:prod", "rollback:prod",
		"rollback:prod:smoke-failed", "smoke:integ", "smoke:prod",
	}, reached)
}
