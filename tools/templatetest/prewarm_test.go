package templatetest

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/samkit/samconfig"
	"pricing/samkit/verify/rules"
)

// TestPrewarming: one parameter makes functions ready and lets them go again, at the times and in the zone that it says, and takes
// back what it brought. Without it there is nothing.
func TestPrewarming(t *testing.T) {
	t.Parallel()
	template := readFile(t, templateFile)
	environments := map[string]map[string]string{ // names that are no word of the template, where they would be taken for it
		"env0": {},
		"env1": {"PrewarmSchedule": "05:45-07:10@UTC", "PrewarmEnvironments": "42", "PrewarmBatchEnvironments": "7",
			"WarmReadUnits": "12000", "WarmWriteUnits": "4000"},
		"env2": {"PrewarmSchedule": "23:05-00:50@America/Port-au-Prince", "PrewarmEnvironments": "43", "PrewarmBatchEnvironments": "8",
			"WarmReadUnits": "24000", "WarmWriteUnits": "8000"},
		"env3": {"PrewarmSchedule": "05:45-07:10@UTC", "PrewarmBatchEnvironments": "7"},
	}
	all := map[string]rules.Environment{}
	for name, parameters := range environments {
		parameters["DeployEnv"] = name
		all[name] = rules.Environment{Parameters: parameters, Transformed: transform(t, template, parameters)[0]}
	}
	project, err := rules.New([]byte(template), all)
	require.NoError(t, err)
	differences := func(a, b string) map[string]string {
		found := map[string]string{}
		for _, d := range project.Differences(a, b) {
			found[strings.TrimPrefix(strings.Join(d.Path, "."), "Resources.")] = d.A + " | " + d.B
		}
		return found
	}
	const target = " | {Condition, DependsOn, Properties, Type}"
	assert.Equal(t, map[string]string{"RecordObservationsPrewarming": target}, differences("env0", "env3"))
	assert.Equal(t, map[string]string{
		"RecordObservationPrewarming": target, "RecordObservationsPrewarming": target,
		"Table.Properties.WarmThroughput": " | {ReadUnitsPerSecond, WriteUnitsPerSecond}",
	}, differences("env0", "env1"))
	want := map[string]string{
		"Table.Properties.WarmThroughput.ReadUnitsPerSecond":  "12000 | 24000",
		"Table.Properties.WarmThroughput.WriteUnitsPerSecond": "4000 | 8000",
	}
	for function, n := range map[string]string{"RecordObservation": "42 | 43", "RecordObservations": "7 | 8"} {
		p := function + "Prewarming.Properties."
		want[p+"MaxCapacity"] = n
		want[p+"ScheduledActions.0.ScalableTargetAction.MinCapacity"], want[p+"ScheduledActions.0.ScalableTargetAction.MaxCapacity"] = n, n
		want[p+"ScheduledActions.0.Schedule"] = "cron(45 05 * * ? *) | cron(05 23 * * ? *)"
		want[p+"ScheduledActions.1.Schedule"] = "cron(10 07 * * ? *) | cron(50 00 * * ? *)"
		want[p+"ScheduledActions.0.Timezone"] = "UTC | America/Port-au-Prince"
		want[p+"ScheduledActions.1.Timezone"] = "UTC | America/Port-au-Prince"
	}
	assert.Equal(t, want, differences("env1", "env2"))
}

// TestPrewarming_Refused: what would do nothing, or not what was meant, is refused before anything is changed.
func TestPrewarming_Refused(t *testing.T) {
	t.Parallel()
	template := []byte(readFile(t, templateFile))
	const number = "PrewarmSchedule needs PrewarmEnvironments"
	const schedule = "PrewarmEnvironments and PrewarmBatchEnvironments need PrewarmSchedule"
	const together, own = "Give WarmReadUnits and WarmWriteUnits together", "are for the stack's own table"
	for parameters, want := range map[string]string{
		"": "", "PrewarmSchedule=05:45-07:00@UTC PrewarmEnvironments=1": "", "PrewarmSchedule=05:45-07:00@UTC PrewarmBatchEnvironments=1": "",
		"PrewarmSchedule=05:45-07:00@UTC": number, "PrewarmEnvironments=1": schedule, "PrewarmBatchEnvironments=1": schedule,
		"WarmReadUnits=12000 WarmWriteUnits=4000": "", "WarmReadUnits=12000": together, "WarmWriteUnits=4000": together,
		"WarmReadUnits=12000 WarmWriteUnits=4000 ExistingTable=pricing-dev-copy": own,
	} {
		given := map[string]string{"DeployEnv": "dev"}
		for each := range strings.FieldsSeq(parameters) {
			name, value, _ := strings.Cut(each, "=")
			maps.Copy(given, map[string]string{name: value})
		}
		refused, err := samconfig.Refused(template, given)
		require.NoError(t, err)
		assert.Equal(t, want == "", len(refused) == 0, "%s: %s", parameters, refused)
		assert.Contains(t, strings.Join(refused, "\n"), want, parameters)
	}
	var declared struct {
		Parameters map[string]struct {
			AllowedPattern string `yaml:"AllowedPattern"`
		} `yaml:"Parameters"`
	}
	require.NoError(t, yaml.Unmarshal(template, &declared))
	for name, values := range map[string]struct{ good, bad []string }{
		"PrewarmSchedule": {
			[]string{"", "05:45-07:00@UTC", "23:59-00:00@America/Argentina/Buenos_Aires", "00:00-12:30@Etc/GMT+1"},
			[]string{"5:45-7:00@UTC", "24:00-07:00@UTC", "05:60-07:00@UTC", "05:45@UTC", "05:45-07:00", "05:45-07:00@", "05:45-07:00@a b",
				"05:45-07:00@UTC "},
		},
		"WarmReadUnits":  {[]string{"0", "12000", "20000", "99999", "100000"}, []string{"", "11999", "012000", "4000", "-1"}},
		"WarmWriteUnits": {[]string{"0", "4000", "9999", "12000"}, []string{"", "3999", "04000", "400", "-1"}},
	} {
		pattern := regexp.MustCompile("^(?:" + declared.Parameters[name].AllowedPattern + ")$")
		for _, value := range values.good {
			assert.Regexp(t, pattern, value, name)
		}
		for _, value := range values.bad {
			assert.NotRegexp(t, pattern, value, name)
		}
	}
}
