package samconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ruled = `Parameters:
  Stage: {Type: String}
  Endpoint: {Type: String, Default: ""}
  Addresses: {Type: CommaDelimitedList, Default: ""}
  Rate: {Type: Number, Default: 5}
Rules:
  Closed:
    RuleCondition: !Not [!Equals [!Ref Stage, dev]]
    Assertions:
      - Assert: !Or [!Not [!Equals [!Ref Endpoint, ""]], !Not [Fn::EachMemberEquals: [!Ref Addresses, ""]]]
        AssertDescription: say who may call
  Known:
    Assertions:
      - Assert: {Fn::Contains: [[dev, prod], !Ref Stage]}
        AssertDescription: no such stage
      - Assert: !And [Fn::EachMemberIn: [!Ref Addresses, ["", a, b]], !Equals [!Ref Rate, 5]]
`

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		parameters map[string]string
		want       []string
	}{
		"a rule whose condition does not hold": {map[string]string{"Stage": "dev"}, nil},
		"an assertion that does not hold":      {map[string]string{"Stage": "prod"}, []string{"say who may call"}},
		"a text":                               {map[string]string{"Stage": "prod", "Endpoint": "e"}, nil},
		"a list":                               {map[string]string{"Stage": "prod", "Addresses": "a, b"}, nil},
		"two rules":                            {map[string]string{"Stage": "x"}, []string{"say who may call", "no such stage"}},
		"another member, no description":       {map[string]string{"Stage": "dev", "Addresses": "a,c"}, []string{"Rules.Known does not hold"}},
		"another number":                       {map[string]string{"Stage": "dev", "Rate": "6"}, []string{"Rules.Known does not hold"}},
	} {
		got, err := Refused([]byte(ruled), tt.parameters)
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, got, name)
	}

	got, err := Refused([]byte("Resources: {}"), nil)
	require.NoError(t, err)
	assert.Empty(t, got)
	for rule, want := range map[string]string{
		"{Fn::ValueOf: [Vpc, Tags.x]}":        "is no condition that can be evaluated here",
		"yes":                                 "is no condition that can be evaluated here",
		"!Not [!Equals [a, b], !Equals [a]]":  "Fn::Not: needs one condition",
		"!Or [!Equals [a]]":                   "Fn::Equals: needs two values",
		"!Equals [!Ref Other, a]":             "there is no parameter Other",
		"!Equals [!Ref List, a]":              "is no text",
		"!Equals [!Ref [], a]":                "is no text",
		"{Fn::EachMemberEquals: [a, b]}":      "a is no list of texts",
		"{Fn::EachMemberIn: [[a], [[b]]]}":    "is no text",
		"!And [{Fn::Contains: [!Ref T, a]}]":  "is no list of texts",
		"{Fn::EachMemberEquals: [[a], [a]] }": "is no text",
	} {
		const parameters = "Parameters: {List: {Type: CommaDelimitedList}, T: {Type: String}}\nRules: "
		for _, text := range []string{"{R: {Assertions: [{Assert: " + rule + "}]}}", "{R: {RuleCondition: " + rule + "}}"} {
			refused, err := Refused([]byte(parameters+text), nil)
			require.NoError(t, err)
			require.Len(t, refused, 1)
			assert.Contains(t, refused[0], "Rules.R: ")
			assert.Contains(t, refused[0], want, rule)
		}
	}
	for text, want := range map[string]string{"": "it is empty", "a: [": "read the template: yaml", "{a: 1, <<: {}}": "read the template"} {
		_, err := Refused([]byte(text), nil)
		require.ErrorContains(t, err, want)
	}
}

func TestEnvironment_Undecided(t *testing.T) {
	t.Parallel()
	e := Environment{Parameters: map[string]string{"B": Undecided, "C": "undecided too", "A": Undecided}}
	assert.Equal(t, []string{"A", "B"}, e.Undecided())
	assert.Empty(t, Environment{}.Undecided())
}
