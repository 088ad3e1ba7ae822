package templatetest

import (
	"fmt"
	"maps"
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
)

var (
	link    = regexp.MustCompile(`\[([a-z-]+)\]\(#([a-z-]+)\)`)
	heading = regexp.MustCompile(`(?m)^### ([a-z-]+)$`)
	part    = regexp.MustCompile(`(?m)^- \*\*([A-Za-z ]+)\*\*: (\S.*)$`)
)

// alarmNames lists the template's alarms as the runbook calls them, and its functions.
func alarmNames(t *testing.T, template string) (alarms, functions []string) {
	t.Helper()
	var source struct {
		Resources map[string]struct {
			Type       string     `yaml:"Type"`
			Properties properties `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(template), &source))
	for _, r := range source.Resources {
		switch r.Type {
		case "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm":
			name, _ := r.Properties["AlarmName"].(string)
			alarms = append(alarms, strings.TrimPrefix(name, "pricing-${DeployEnv}-"))
		case "AWS::Serverless::Function":
			name, _ := r.Properties["FunctionName"].(string)
			functions = append(functions, strings.TrimPrefix(name, "pricing-${DeployEnv}-"))
		}
	}
	slices.Sort(alarms)
	return alarms, functions
}

// unhelpful lists what somebody who is woken by an alarm of the template would miss in the runbook.
func unhelpful(t *testing.T, template, runbook string) (wrong []string) {
	t.Helper()
	alarms, functions := alarmNames(t, template)
	headings := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(runbook, -1) {
		headings[m[1]] = true
	}
	entries := map[string]int{} // how many alarms each is about
	for _, text := range strings.Split(runbook, "\n### `")[1:] {
		names, text, _ := strings.Cut(text, "`\n")
		text, _, _ = strings.Cut(text, "\n#")
		for name := range strings.SplitSeq(names, "`, `") {
			if _, twice := entries[name]; twice {
				wrong = append(wrong, name+": has two entries")
			}
			entries[name] = 0
			parts := part.FindAllStringSubmatch(text, -1)
			if len(parts) != 4 || parts[0][1] != "Meaning" || parts[1][1] != "Felt by" || parts[2][1] != "Look at" || parts[3][1] != "Do" {
				wrong = append(wrong, name+": its entry lacks a part")
				continue
			}
			looks := link.FindAllStringSubmatch(parts[2][2], -1)
			if len(looks) != 3 {
				wrong = append(wrong, name+": does not name three looks")
			}
			for _, look := range looks {
				if look[1] != look[2] || !headings[look[1]] {
					wrong = append(wrong, name+": there is no look "+look[2])
				}
			}
		}
	}
	for _, alarm := range alarms {
		entry := alarm
		if _, own := entries[alarm]; !own {
			for _, f := range functions {
				if kind, ok := strings.CutPrefix(alarm, f+"-"); ok {
					entry = "<function>-" + kind
				}
			}
		}
		if _, ok := entries[entry]; !ok {
			wrong = append(wrong, alarm+": has no entry")
			continue
		}
		entries[entry]++
	}
	for _, entry := range slices.Sorted(maps.Keys(entries)) {
		if entries[entry] == 0 {
			wrong = append(wrong, entry+": is no alarm")
		}
	}
	return wrong
}

// TestRunbook: every alarm has its entry and every entry its alarm, and what an entry sends one to is there.
func TestRunbook(t *testing.T) {
	t.Parallel()
	template := readFile(t, templateFile)
	runbook := readFile(t, runbookFile)
	require.Empty(t, unhelpful(t, template, runbook))

	tests := map[string]struct{ old, broken, want string }{
		"an alarm without an entry":   {"### `ingest-lag`", "### `ingest-lags`", "ingest-lag: has no entry"},
		"an entry without an alarm":   {"### `ingest-lag`", "### `ingest-lags`", "ingest-lags: is no alarm"},
		"a kind of alarm without one": {"`<function>-internal-errors`", "`<function>-slow`", "get-health-internal-errors: has no entry"},
		"an entry of several":         {"`burn-slow-6h`, ", "", "burn-slow-6h: has no entry"},
		"two entries":                 {"### `ingest-lag`", "### `retry-quota`", "retry-quota: has two entries"},
		"a look that is nowhere":      {"[lag](#lag)", "[lags](#lags)", "there is no look lags"},
		"a link to another":           {"[lag](#lag)", "[lag](#slow)", "there is no look slow"},
		"two looks":                   {"[lag](#lag), ", "", "ingest-lag: does not name three looks"},
		"nobody feels it":             {"- **Felt by**: Whoever gets the 5XX.", "- **Felt by**:", "burn-fast: its entry lacks a part"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, runbook, tt.old)
			assert.Contains(t, strings.Join(unhelpful(t, template, strings.Replace(runbook, tt.old, tt.broken, 1)), "\n"), tt.want)
		})
	}
}

// TestProject_OwnMetrics: an alarm on one of our own metrics watches this environment, and what it is named after. That somebody sends
// the metric, and by these dimensions, tools/dashboards tests.
func TestProject_OwnMetrics(t *testing.T) {
	t.Parallel()
	resources := projectResources(t)
	filtered := map[string]bool{} // these have no dimensions
	for _, r := range resources {
		for _, v := range anyList(r["MetricTransformations"]) {
			filtered[fmt.Sprint(v.(properties)["MetricName"])] = true
		}
	}
	alarms := 0
	for id, r := range resources {
		if r["AlarmName"] == nil || r["Namespace"] != "pricing/${DeployEnv}" {
			continue
		}
		alarms++
		name := fmt.Sprint(r["MetricName"])
		if filtered[name] {
			assert.Nil(t, r["Dimensions"], id)
			continue
		}
		want := []any{properties{"Name": "Environment", "Value": "DeployEnv"}}
		if stem, ok := strings.CutSuffix(id, "InternalErrorsAlarm"); ok {
			want = append(want, properties{"Name": "Function", "Value": stem + "Function"})
		}
		if name == "Rejected" { // by a code, of those that the API has
			want = append(want, properties{"Name": "Code", "Value": "too-many-offers"})
		}
		assert.Equal(t, want, r["Dimensions"], id)
	}
	assert.Greater(t, alarms, len(functionFolders(t)))
}

// projectResources returns the properties of the project's resources, with intrinsic functions read as their argument.
func projectResources(t *testing.T) map[string]properties {
	t.Helper()
	var source struct {
		Resources map[string]struct {
			Properties properties `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, templateFile)), &source))
	all := map[string]properties{}
	for id, r := range source.Resources {
		all[id] = r.Properties
	}
	return all
}

func anyList(v any) []any {
	list, _ := v.([]any)
	return list
}

// TestProject_Deadline: the one alarm on the time left goes off for every function that requests reach before or when the adapter
// ends the work, which is 1.5 s before the timeout and after 25 s at the latest, and for none while half of the time is left.
// Functions that nobody waits for do not send it.
func TestProject_Deadline(t *testing.T) {
	t.Parallel()
	resources := projectResources(t)
	alarm := resources["DeadlineAlarm"]
	assert.Equal(t, []any{"Minimum", "LessThanThreshold"}, []any{alarm["Statistic"], alarm["ComparisonOperator"]})
	threshold, _ := alarm["Threshold"].(int)
	functions := 0
	for id, r := range resources {
		timeout, ok := r["Timeout"].(int)
		if !ok {
			continue
		}
		functions++
		if r["EventInvokeConfig"] != nil { // nobody waits for it
			continue
		}
		assert.GreaterOrEqual(t, threshold, max(1500, timeout*1000-25_000), id)
		assert.Less(t, threshold, timeout*1000/2, id)
	}
	assert.Len(t, functionFolders(t), functions)
}

// TestRunbook_Look runs the commands of "How to look" in bash, with a program in the place of the AWS CLI.
func TestRunbook_Look(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```sh\n(ENV=prod\n.*?)```").FindStringSubmatch(readFile(t, runbookFile))
	require.NotNil(t, block)
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "aws"), []byte(`#!/bin/sh
echo "$@" >>"$0.log"
case "$*" in
*describe-log-groups*) echo /aws/lambda/pricing-prod-a /aws/lambda/pricing-prod-b ;;
*start-query*) echo query-1 ;;
*"--query status "*) echo Complete ;;
*get-query-results*) echo found ;;
esac
`), 0o755))
	cmd := exec.Command("bash", "-euc", block[1])
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "found\n", string(out))
	asked, err := os.ReadFile(filepath.Join(bin, "aws.log"))
	require.NoError(t, err)
	groups := "/aws/lambda/pricing-prod-a /aws/lambda/pricing-prod-b"
	assert.Contains(t, string(asked), "start-query --log-group-names "+groups+" --query-string filter level")
}
