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
`

const template = `Parameters:
  DeployEnv: {Type: String}
  Password: {Type: String, NoEcho: true, Default: none}
  Pin: {Type: String, NoEcho: true, Default: none}
  Rate: {Type: Number, Default: 1}
  Size: {Type: Number, Default: 1}
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

		"no environment":       {nil, "", "", "name one environment"},
		"an argument too much": {[]string{"dev", "Rate=9"}, "", "", "name one environment"},
		"unknown environment":  {[]string{"prod"}, "", "", `has no environment "prod"; it has bare, dev`},
		"no value":             {[]string{"dev"}, "hunter2", "", "PARAMETERS: a line is not NAME=VALUE"},
		"no stack":             {[]string{"-stack", "bare"}, "", "", "bare.deploy.parameters.stack_name is missing"},
		"no template":          {[]string{"-template", "none.yaml", "-previous", "none.json", "dev"}, "", "", "read the template"},
		"no description":       {[]string{secrets[0], secrets[1], "-previous", "none.json", "dev"}, "", "", "read the stack's description"},
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
			assert.JSONEq(t, tt.want, stdout.String())
		})
	}
	for want, args := range map[string][]string{
		"shop-dev\n": {"-stack", "dev"},
		"50\n":       {"-value", "Rate", "dev"},
		"\n":         {"-value", "Size", "dev"},
		"7\n":        append(secrets, "-keep", "Size", "-value", "Size", "dev"),
	} {
		var stdout bytes.Buffer
		require.NoError(t, run(append(config, args...), &stdout, io.Discard, func(string) string { return "" }))
		assert.Equal(t, want, stdout.String())
	}
}
