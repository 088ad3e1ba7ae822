package samtemplate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/samtemplate"
)

const head = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Env: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Empty: {Type: String, Default: ""}
Mappings:
  Sizes: {dev: {Memory: 256}, prod: {Memory: 1024}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  NotProd: {"Fn::Not": [{Condition: IsProd}]}
  Both: !And [!Condition NotProd, !Equals [a, a]]
  Either: {"Fn::Or": [{Condition: IsProd}, {"Fn::Equals": [a, a]}]}
Globals:
  Function: {Timeout: 7, Environment: {Variables: {SHARED: all, MINE: global}}}
Resources:
  Heap: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub "heap-${Env}"}}
  Gone: {Type: AWS::DynamoDB::Table, Condition: IsProd}
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: runner}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: f/
      FunctionName: !Sub f-${Env}
      AutoPublishAlias: live
      Environment: {Variables: {MINE: own, VALUE: VALUE_HERE}}
`

func TestParse_Intrinsics(t *testing.T) {
	tests := map[string]struct{ short, long, want string }{
		"Ref of a parameter": {`!Ref Env`, `{Ref: Env}`, "dev"},
		"Ref of a table":     {`!Ref Heap`, `{Ref: Heap}`, "heap-dev"},
		"Ref of a pseudo":    {`!Ref AWS::Region`, `{Ref: "AWS::Region"}`, "eu-west-1"},
		"GetAtt":             {`!GetAtt Heap.Arn`, `{"Fn::GetAtt": [Heap, Arn]}`, "arn:aws:dynamodb:eu-west-1:123456789012:table/heap-dev"},
		"GetAtt as a text":   {`!GetAtt Heap.Arn`, `{"Fn::GetAtt": Heap.Arn}`, "arn:aws:dynamodb:eu-west-1:123456789012:table/heap-dev"},
		"If within If": {`!If [IsProd, a, !If [NotProd, !If [Both, !Sub "${Env}!", b], c]]`,
			`{"Fn::If": [IsProd, a, {"Fn::If": [NotProd, {"Fn::If": [Both, {"Fn::Sub": "${Env}!"}, b]}, c]}]}`, "dev!"},
		"GetAtt of a role": {`!GetAtt Role.Arn`, `{"Fn::GetAtt": [Role, Arn]}`, "arn:aws:iam::123456789012:role/runner"},
		"Sub": {`!Sub "${Env}/${AWS::AccountId}/${Heap.Arn}/${!kept}"`,
			`{"Fn::Sub": "${Env}/${AWS::AccountId}/${Heap.Arn}/${!kept}"}`,
			"dev/123456789012/arn:aws:dynamodb:eu-west-1:123456789012:table/heap-dev/${kept}"},
		"Sub with values":       {`!Sub ["${A}-${Env}", {A: !Ref Heap}]`, `{"Fn::Sub": ["${A}-${Env}", {A: {Ref: Heap}}]}`, "heap-dev-dev"},
		"Sub of an alias":       {`!Sub "${F.Alias}"`, `{"Fn::Sub": "${F.Alias}"}`, "arn:aws:lambda:eu-west-1:123456789012:function:f-dev:live"},
		"If":                    {`!If [IsProd, yes!, no!]`, `{"Fn::If": [IsProd, yes!, no!]}`, "no!"},
		"If within And":         {`!If [Both, a, b]`, `{"Fn::If": [Both, a, b]}`, "a"},
		"If within Or":          {`!If [Either, a, b]`, `{"Fn::If": [Either, a, b]}`, "a"},
		"FindInMap":             {`!FindInMap [Sizes, !Ref Env, Memory]`, `{"Fn::FindInMap": [Sizes, {Ref: Env}, Memory]}`, "256"},
		"Join":                  {`!Join ["-", [a, !Ref Env, c]]`, `{"Fn::Join": ["-", [a, {Ref: Env}, c]]}`, "a-dev-c"},
		"Select of Split":       {`!Select [1, !Split [",", "a,b,c"]]`, `{"Fn::Select": [1, {"Fn::Split": [",", "a,b,c"]}]}`, "b"},
		"a text that looks odd": {`"0012"`, `"0012"`, "0012"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, spelling := range []string{tt.short, tt.long} {
				tmpl, err := samtemplate.Parse(filled(spelling), nil)
				require.NoError(t, err, spelling)
				assert.Equal(t, tt.want, tmpl.Functions["F"].Environment["VALUE"], spelling)
			}
		})
	}
}

func TestParse_NoValueLeavesTheVariableOut(t *testing.T) {
	tmpl, err := samtemplate.Parse(filled(`!If [IsProd, x, !Ref AWS::NoValue]`), nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"SHARED": "all", "MINE": "own"}, tmpl.Functions["F"].Environment)
}

func TestParse_NoValueLeavesThePropertyOut(t *testing.T) {
	text := strings.Replace(string(filled("x")), "CodeUri: f/", "CodeUri: f/\n      ReservedConcurrentExecutions: "+
		"!If [IsProd, !FindInMap [Sizes, !Ref Env, Memory], !Ref AWS::NoValue]", 1)
	for env, want := range map[string]*int{"dev": nil, "prod": new(1024)} {
		tmpl, err := samtemplate.Parse([]byte(text), map[string]string{"Env": env})
		require.NoError(t, err)
		assert.Equal(t, want, tmpl.Functions["F"].Concurrency, env)
	}
}

func TestParse_Function(t *testing.T) {
	tmpl, err := samtemplate.Parse(filled("x"), map[string]string{"Env": "prod"})
	require.NoError(t, err)
	f := tmpl.Functions["F"]
	assert.Equal(t, "f-prod", f.Name)
	assert.Equal(t, 7*time.Second, f.Timeout, "from Globals")
	assert.Equal(t, 128, f.MemoryMB, "Lambda's default")
	assert.Equal(t, map[string]string{"Heap": "heap-prod", "Gone": "Gone"}, tmpl.Tables)
}

func TestParse_FailuresNameThePlace(t *testing.T) {
	tests := map[string]struct{ value, want string }{
		"an unknown function":  {`{"Fn::Base64": x}`, "Environment.Variables.VALUE.Fn::Base64: this intrinsic function is not supported"},
		"an unknown resource":  {`!Ref Nope`, "VALUE.Ref: there is no parameter or resource Nope"},
		"an unknown name":      {`!Sub "${Nope}"`, "VALUE.Fn::Sub: there is no parameter or resource Nope"},
		"an unknown attribute": {`!GetAtt Heap.StreamArn`, "the attribute StreamArn of Heap is not supported"},
		"an unknown condition": {`!If [Nope, a, b]`, "there is no condition Nope"},
		"no such entry":        {`!FindInMap [Sizes, dev, Nope]`, "VALUE.Fn::FindInMap: no such entry"},
		"a resource not made":  {`!If [IsProd, x, !Ref Gone]`, "VALUE.Fn::If[2].Ref: Gone is not made, its condition IsProd does not hold"},
		"its attribute":        {`!Sub "${Gone.Arn}"`, "VALUE.Fn::Sub: Gone is not made"},
		"a loop":               {`{"Fn::ForEach::X": [A, [a], {}], B: b}`, "VALUE.Fn::ForEach::X: is not supported"},
		"a list":               {`[a]`, "Environment.Variables.VALUE: [a] is not a string"},
		"nothing":              {`~`, "Environment.Variables.VALUE: <nil> is not a string"},
		"merged keys":          {"x, <<: {A: b}", "line 25: <<: CloudFormation takes neither merged nor repeated keys"},
		"repeated keys":        {"x, MINE: again", "MINE: CloudFormation takes neither merged nor repeated keys"},
		"a Sub of three":       {`!Sub ["${A}", {A: b}, c]`, "VALUE.Fn::Sub: needs a text"},
		"a Sub of one":         {`!Sub ["${Env}"]`, "VALUE.Fn::Sub: needs a text"},
		"wrong arguments":      {`!Select [9, [a]]`, "VALUE.Fn::Select: wrong arguments"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := samtemplate.Parse(filled(tt.value), nil)
			assert.ErrorContains(t, err, tt.want)
		})
	}
	_, err := samtemplate.Parse(nil, nil)
	require.ErrorContains(t, err, "empty")
	_, err = samtemplate.Parse([]byte("Parameters: {A: {Type: String}}"), nil)
	require.ErrorContains(t, err, "parameter A has no default")
	_, err = samtemplate.Parse(filled("x"), map[string]string{"Env": "staging"})
	require.EqualError(t, err, "parameter Env: staging is not one of [dev prod]")
}

func filled(value string) []byte {
	return []byte(strings.Replace(head, "VALUE_HERE", value, 1))
}
