package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/emulator"
	"pricing/samkit/engine"
	"pricing/samkit/pythonenv"
)

const keys = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>ASIAKEY</AccessKeyId><SecretAccessKey>the-secret/+</SecretAccessKey><SessionToken>the-session==</SessionToken>
<Expiration>2030-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`

const notAuthorized = "Not authorized to perform sts:AssumeRoleWithWebIdentity"

const refusal = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>` + notAuthorized + `</Message></Error></ErrorResponse>`

// job logs in and says what it has then.
const job = `. ops/pipeline/login.sh "$1"
echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY ${AWS_SESSION_TOKEN-} ${AWS_ID_TOKEN-}"`

// TestLogin runs ops/pipeline/login.sh as a job of GitLab does, with a server in the place of STS.
func TestLogin(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	python, err := pythonenv.Find(root, emulator.Folder)
	require.NoError(t, err)
	const role = "arn:aws:iam::123456789012:role/owner/pricing-integ-pipeline"
	token := []string{"AWS_ID_TOKEN=head.body.sign"}
	elsewhere := []string{"AWS_ENDPOINT_URL=http://127.0.0.1:9", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	tests := map[string]struct {
		environment []string
		status      int
		answer      string
		asked       []string // the roles that STS is asked for
		want        string   // what is printed and, after a login, the job's environment
		wantErr     bool
	}{
		"a token":     {token, 200, keys, []string{role}, "logged in as " + role + "\nASIAKEY the-secret/+ the-session== \n", false},
		"refused":     {token, 403, refusal, []string{role}, notAuthorized, true},
		"no token":    {nil, 200, keys, nil, "AWS_ID_TOKEN is empty", true},
		"an emulator": {elsewhere, 200, keys, nil, "no login: http://127.0.0.1:9 stands for AWS\ntest test  \n", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				asked = append(asked, req.PostFormValue("RoleArn"))
				assert.Equal(t, "AssumeRoleWithWebIdentity", req.PostFormValue("Action"))
				assert.Equal(t, "head.body.sign", req.PostFormValue("WebIdentityToken"))
				assert.Empty(t, req.Header.Get("Authorization"), "signed with keys that there should not be")
				w.WriteHeader(tt.status)
				_, _ = fmt.Fprint(w, tt.answer)
			}))
			defer sts.Close()
			home := t.TempDir()
			aws, err := emulator.CLI(python, home)
			require.NoError(t, err)
			cmd := exec.Command("bash", "-euo", "pipefail", "-c", job, "job", role)
			cmd.Dir = root
			for _, variable := range os.Environ() {
				if !strings.HasPrefix(variable, "AWS_") {
					cmd.Env = append(cmd.Env, variable)
				}
			}
			cmd.Env = append(cmd.Env,
				"PATH="+filepath.Dir(aws)+":"+os.Getenv("PATH"), "HOME="+home, "AWS_DEFAULT_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS="+sts.URL,
				"NO_PROXY=127.0.0.1", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true")
			cmd.Env = append(cmd.Env, tt.environment...)
			out, err := cmd.CombinedOutput()
			assert.Equal(t, tt.wantErr, err != nil, "%s", out)
			assert.Equal(t, tt.asked, asked)
			if tt.wantErr {
				assert.Contains(t, string(out), tt.want)
				assert.NotContains(t, string(out), "head.body.sign")
				return
			}
			assert.Equal(t, tt.want, string(out))
		})
	}
}
