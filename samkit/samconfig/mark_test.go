package samconfig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const marked = `Parameters:
  Days: {Type: Number, Default: 400}
  Url: {Type: String, Default: none}
  Other: {Type: String}
  Password: {Type: String, NoEcho: true, Default: none}
  Closed: {Type: String, Default: "false"}
Conditions:
  IsClosed: {Fn::Equals: [!Ref Closed, "true"]}
  IsOpen: !Not [!Condition IsClosed]
  Loop: !Or [!Condition Loop, !Condition IsOpen]
Globals: {Function: {Description: parameters unknown, Environment: {Variables: {DAYS: !Ref Days}}}}
Resources:
  Api: {Properties: {DefinitionBody: {info: {description: parameters unknown}, uri: {Fn::Sub: "${Url}/x"}, header: !Sub "'${Password}'",
    open: !If [Loop, 1, 2]}}}
  Topic: {Properties: {Name: !Ref Other}}
`

func TestMarked(t *testing.T) {
	t.Parallel()
	mark := func(parameters map[string]string) string {
		text, err := Marked([]byte(marked), parameters)
		require.NoError(t, err)
		assert.NotContains(t, string(text), Unmarked)
		assert.Regexp(t, `parameters [0-9a-f]{16}.*\n(.*\n)*.*parameters [0-9a-f]{16}`, string(text))
		return string(text)
	}
	usual := mark(nil)
	assert.Equal(t, usual, mark(map[string]string{"Days": "400", "Other": "x"}), "the default, and one that reaches neither")
	assert.NotEqual(t, usual, mark(map[string]string{"Days": "7"}))
	assert.NotEqual(t, usual, mark(map[string]string{"Url": "old"}))
	assert.NotEqual(t, usual, mark(map[string]string{"Closed": "true"}), "it decides a condition alone")
	secret := mark(map[string]string{"Password": "x"})
	assert.NotEqual(t, secret, mark(map[string]string{"Password": "x"}), "it could be guessed from its hash")

	for text, want := range map[string]string{
		"Parameters: {": "mark the template: yaml",
		"Resources: {}": "does not say",
		"Resources: {A: {Properties: {Description: parameters unknown}}}": "no parameter reaches",
	} {
		_, err := Marked([]byte(text), nil)
		assert.ErrorContains(t, err, want, text)
	}
}
