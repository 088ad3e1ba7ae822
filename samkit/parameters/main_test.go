package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const environments = `version = 0.1
[dev.deploy.parameters]
stack_name = "shop-dev"
parameter_overrides = "DeployEnv=dev Rate=50"
[bare.deploy.parameters]
[open.deploy.parameters]
parameter_overrides = "DeployEnv=open Rate=undecided Size=undecided"
`

const template = `Parameters:
  DeployEnv: {Type: String}
  Password: {Type: String, NoEcho: true, Default: none}
  Pin: {Type: String, NoEcho: true, Default: none}
  Rate: {Type: Number, Default: 1}
  Size: {Type: Number, Default: 1}
Rules:
  Small: {Assertions: [{Assert: !Not [!Equals [!Ref Size, "2"]], AssertDescription: Size may not be 2.}]}
Globals: {Function: {Description: parameters unknown, Environment: {Variables: {RATE: !Ref Rate}}}}
Resources:
  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref DeployEnv}}
`

const stack = `{"Stacks":[{"StackName":"shop-dev","Parameters":[
  {"ParameterKey":"Password","ParameterValue":"****"},{"ParameterKey":"Size","ParameterValue":"7"},
  {"ParameterKey":"Gone","ParameterValue":"x"}]}]}`

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"samconfig.toml": environments, "template.yaml": template, "stack.json": stack} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	config := []string{"-config", filepath.Join(dir, "samconfig.toml")}
	secrets := []string{"-template", filepath.Join(dir, "template.yaml"), "-previous", filepath.Join(dir, "stack.json")}
	check := func(name, parameters string) []string {
		file := filepath.Join(dir, name+".json")
		require.NoError(t, os.WriteFile(file, []byte(`{"Parameters":[`+parameters+`]}`), 0o600))
		return []string{"-template", filepath.Join(dir, "template.yaml"), "-check", file, "dev"}
	}
	mark := []string{"-mark", filepath.Join(dir, "template.yaml")}
	tests := map[string]struct {
		args          []string
		variable      string
		want, wantErr string
	}{
		"samconfig's": {[]string{"dev"}, "", `[{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":"50"}]`, ""},
		"none": {[]string{"bare"}, "", `[]`, ""},
		"given ones take precedence": {[]string{"dev"}, "Rate=\n\nSize=a=b 'c\"\n", `[{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":""},{"ParameterKey":"Size","ParameterValue":"a=b 'c\""}]`, ""},
		"secrets stay, other values of the stack do not": {append(secrets, "dev"), "", `[{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":"50"},{"ParameterKey":"Password","UsePreviousValue":true}]`, ""},
		"one of the stack's values stays": {append(secrets, "-keep", "Size", "bare"), "", `[{"ParameterKey":"Size","ParameterValue":"7"},
			{"ParameterKey":"Password","UsePreviousValue":true}]`, ""},
		"one that could stay is given": {append(secrets, "-keep", "Size", "bare"), "Size=\nPassword=x", `[
			{"ParameterKey":"Password","ParameterValue":"x"},{"ParameterKey":"Size","ParameterValue":""}]`, ""},
		"the stack has none that could stay": {append(secrets, "-keep", "Rate", "bare"), "Password=x", `[{"ParameterKey":"Password",
			"ParameterValue":"x"}]`, ""},
		"one stays that the template does not know": {append(secrets, "-keep", "Gone", "bare"), "", "",
			"the stack has Gone=x, which this template does not know"},
		"a new secret": {append(secrets, "bare"), "Password=x", `[{"ParameterKey":"Password","ParameterValue":"x"}]`, ""},
		"one alone": {[]string{"-only", "Rate", secrets[2], secrets[3], "dev"}, "Size=8", `[{"ParameterKey":"Rate","ParameterValue":"50"},
			{"ParameterKey":"Gone","UsePreviousValue":true},{"ParameterKey":"Password","UsePreviousValue":true},
			{"ParameterKey":"Size","UsePreviousValue":true}]`, ""},
		"one alone, back to its default": {[]string{"-only", "Size", secrets[2], secrets[3], "dev"}, "", `[
			{"ParameterKey":"Gone","UsePreviousValue":true},{"ParameterKey":"Password","UsePreviousValue":true}]`, ""},
		"one alone, of no stack": {[]string{"-only", "Size", "dev"}, "", "", "read the stack's description"},

		"a change set that is as it would be made now": {check("ok", `{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":"50"},{"ParameterKey":"Password","ParameterValue":"****"},
			{"ParameterKey":"Size","ParameterValue":"1"}`), "", "", ""},
		"a change set that lists only what was given": {check("short", `{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":"50"}`), "", "", ""},
		"a change set with another value": {check("other", `{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":"51"}`), "", "", "the change set has Rate=51, which would be 50 now"},
		"a change set with another value in the place of a default": {check("default", `{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":"50"},{"ParameterKey":"Size","ParameterValue":"7"}`), "", "",
			"the change set has Size=7, which would be 1 now"},
		"a change set of before PARAMETERS": {check("given", `{"ParameterKey":"DeployEnv","ParameterValue":"dev"},
			{"ParameterKey":"Rate","ParameterValue":"50"}`), "Rate=9", "", "the change set has Rate=50, which would be 9 now"},

		"no environment":       {nil, "", "", "name one environment"},
		"an argument too much": {[]string{"dev", "Rate=9"}, "", "", "name one environment"},
		"unknown environment":  {[]string{"prod"}, "", "", `has no environment "prod"; it has bare, dev, open`},
		"no value":             {[]string{"dev"}, "hunter2", "", "PARAMETERS: a line is not NAME=VALUE"},
		"undecided":            {[]string{"open"}, "", "", "samconfig.toml: nobody has decided Rate, Size of open yet"},
		"undecided in part":    {[]string{"open"}, "Rate=1", "", "nobody has decided Size of open yet"},
		"undecided, marked":    {append(mark, "open"), "", "", "nobody has decided Rate, Size of open yet"},
		"decided after all": {append(secrets, "open"), "Rate=1\nSize=1", `[{"ParameterKey":"DeployEnv","ParameterValue":"open"},
			{"ParameterKey":"Rate","ParameterValue":"1"},{"ParameterKey":"Size","ParameterValue":"1"},
			{"ParameterKey":"Password","UsePreviousValue":true}]`, ""},
		"against a rule":         {append(secrets[:2:2], "dev"), "Size=2", "", "the template refuses the parameters of dev: Size may not be 2."},
		"against a rule, marked": {append(mark, "dev"), "Size=2", "", "the template refuses the parameters of dev: Size may not be 2."},
		"no stack":               {[]string{"-stack", "bare"}, "", "", "bare.deploy.parameters.stack_name is missing"},
		"no template":            {[]string{"-template", "none.yaml", "-previous", "none.json", "dev"}, "", "", "read the template"},
		"no description":         {[]string{secrets[0], secrets[1], "-previous", "none.json", "dev"}, "", "", "read the stack's description"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout bytes.Buffer
			err := run(append(config, tt.args...), &stdout, io.Discard, func(string) string { return tt.variable })
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				assert.NotContains(t, err.Error(), "hunter2")
				return
			}
			require.NoError(t, err)
			if tt.want == "" {
				assert.Empty(t, stdout.String())
				return
			}
			assert.JSONEq(t, tt.want, stdout.String())
		})
	}
	for want, args := range map[string][]string{
		"shop-dev\n":  {"-stack", "dev"},
		"50\n":        {"-value", "Rate", "dev"},
		"\n":          {"-value", "Size", "dev"},
		"undecided\n": {"-value", "Size", "open"}, // scripts may ask
		"7\n":         append(secrets, "-keep", "Size", "-value", "Size", "dev"),
	} {
		var stdout bytes.Buffer
		require.NoError(t, run(append(config, args...), &stdout, io.Discard, func(string) string { return "" }))
		assert.Equal(t, want, stdout.String())
	}
}
