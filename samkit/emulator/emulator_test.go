package emulator

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
	"pricing/samkit/pythonenv"
)

func TestStart(t *testing.T) {
	t.Setenv("AWS_PROFILE", "a profile that is not there")
	root, err := engine.Root()
	require.NoError(t, err)
	python, err := pythonenv.Find(root, Folder)
	require.NoError(t, err)
	e, err := Start(t.Context(), python, t.TempDir())
	require.NoError(t, err)
	defer e.Stop()
	cmd := exec.Command("aws", "sts", "get-caller-identity", "--query", "Account", "--output", "text")
	cmd.Path = e.CLI()
	cmd.Env = e.Environment()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, AccountID+"\n", string(out))

	cmd = exec.Command("bash", "-c", "aws s3api get-bucket-location --bucket file://<(printf none); echo $?; "+
		"aws s3 mb s3://some >/dev/null && echo text | aws s3 cp - s3://some/text && aws s3 cp s3://some/text -")
	cmd.Env = e.Environment()
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Regexp(t, `(?s)NoSuchBucket.*\n25[0-9]\n.*text\n$`, string(out), "the caller's streams and its status")
	require.NoError(t, e.Gone(t.Context()))
	require.Error(t, e.healthy(t.Context()))
}
