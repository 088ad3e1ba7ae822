package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
)

// awsDouble stands for the AWS CLI: it knows one stack, prod's, and writes down what it is asked. The environment says in what state the
// stack is, which alarms ring and what the change set's GradualDeployments is. An executed or cancelled update is at its end at once.
const awsDouble = `#!/bin/sh
echo "$*" >>asked
case "$*" in
*"s3 cp --recursive"*) mkdir -p .build/releases/b/c1.new && cp template.yaml samconfig.toml .build/releases/b/c1.new/ ;;
*"s3 cp --only-show-errors - s3:"*) ;; # it remembers
*"s3 cp"*deployed/prod/good*) echo c1 ;;
*"s3 cp"*deployed/prod/current*) echo c2 ;;
*"s3 cp"*|*"s3 rm"*) ;;
*cancel-update-stack*) echo UPDATE_ROLLBACK_COMPLETE >state ;;
*execute-change-set*) echo "${ENDS:-UPDATE_COMPLETE}" >state ;;
*describe-stacks*"Stacks[0].StackStatus --output text"*) cat state ;;
*describe-stacks*"Outputs[]"*) printf 'ApiUrl\thttps://api.example.com\n' ;;
*describe-stacks*) echo "    \"StackStatus\": \"$(cat state)\"," ;;
*create-change-set*) echo set-1 ;;
*"describe-change-set"*ExecutionStatus*) echo AVAILABLE ;;
*describe-change-set*) cat set.json ;;
*describe-table*KeySchema*) echo pk,sk ;;
*describe-table*|*describe-continuous-backups*|*describe-time-to-live*) ;; # nothing is set
*describe-alarms*) for name in $RINGING; do echo "pricing-prod-$name"; done ;;
*list-stack-resources*)
  printf 'OneErrorsAlarm\tpricing-prod-one-errors\nTwoErrorsAlarm\tpricing-prod-two-errors\nIngestLagAlarm\tpricing-prod-ingest-lag\n' ;;
esac
`

// goDouble stands for the tools that the scripts run with go run: parameters, guard and smoke.
const goDouble = `#!/bin/sh
case "$*" in
*"-stack prod"*) echo pricing-prod ;;
*"-mark "*) cat template.yaml ;;
*"-value ExistingTable"*) echo "$TABLE" ;;
*"-value GradualDeployments"*) echo "$GRADUAL" ;;
*"-value "*) echo ;;
*samkit/parameters*) echo "[]" ;;
esac
`

const changeSetOfProd = `{
    "StackName": "pricing-prod",
    "ChangeSetId": "set-1",
    "Description": "commit c1",
    "Status": "CREATE_COMPLETE",
    "Parameters": [
        {
            "ParameterKey": "GradualDeployments",
            "ParameterValue": "GRADUAL"
        }
    ]
}
`

const gradualTemplate = `Resources:
  OneFunction:
    Properties:
      DeploymentPreference: {Alarms: [!Ref OneErrorsAlarm, !Ref OneInternalErrorsAlarm]}
  TwoFunction:
    Properties:
      DeploymentPreference: {Enabled: false}
`

// TestScripts runs scripts of ops/pipeline where the emulator cannot follow: it has no canaries, and none of its updates is ever at work.
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	deploy := []string{"deploy.sh", "prod", "b", "c1"}
	tests := map[string]struct {
		script         []string
		state, ringing string
		ends           string // the state of an executed update; UPDATE_COMPLETE if it is empty
		gradual        string
		table          *string // PARAMETERS names this table
		wantErr        bool
		told           []string // what is printed
		asked, unasked []string // what AWS is asked and must not be asked
	}{
		"a canary whose alarm rings": {
			script: deploy, state: "UPDATE_COMPLETE", ringing: "one-errors ingest-lag two-errors", gradual: "true", wantErr: true,
			told: []string{
				"these alarms ring and would stop the deployment:\npricing-prod-one-errors\nIf", "PARAMETERS=GradualDeployments=false",
			},
			unasked: []string{"execute-change-set", "deployed/prod/current"},
		},
		"a canary while alarms ring that no canary has": {
			script: deploy, state: "UPDATE_COMPLETE", ringing: "ingest-lag two-errors", gradual: "true",
			asked: []string{"execute-change-set"}, told: []string{"pricing-prod is UPDATE_COMPLETE"},
		},
		"a canary in silence": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "true",
			asked: []string{"execute-change-set"}, unasked: []string{"list-stack-resources"},
		},
		"to everybody at once while an alarm rings": {
			script: deploy, state: "UPDATE_COMPLETE", ringing: "one-errors", gradual: "false",
			asked: []string{"execute-change-set"}, unasked: []string{"describe-alarms"},
		},
		"an update that cannot be taken back": {
			script: deploy, state: "UPDATE_COMPLETE", ends: "UPDATE_ROLLBACK_FAILED", gradual: "false", wantErr: true,
			told: []string{`see "A stack is UPDATE_ROLLBACK_FAILED" in ops/runbook.md`, "pricing-prod was not deployed"},
		},
		"a rollback during a canary": {
			script: []string{"rollback.sh", "prod", "b", "token"}, state: "UPDATE_IN_PROGRESS", gradual: "false",
			told: []string{
				"pricing-prod is UPDATE_IN_PROGRESS: cancelling\npricing-prod is UPDATE_ROLLBACK_COMPLETE\nrolling prod back from c2 to c1",
			},
			asked: []string{"cancel-update-stack --stack-name pricing-prod", "execute-change-set"},
		},
		"a rollback in silence": {
			script: []string{"rollback.sh", "prod", "b", "token"}, state: "UPDATE_COMPLETE", gradual: "false",
			asked: []string{"execute-change-set"}, unasked: []string{"cancel-update-stack"},
		},
		"after a rollback that failed": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_ROLLBACK_FAILED", wantErr: true,
			told: []string{
				`pricing-prod is UPDATE_ROLLBACK_FAILED and takes no change: see "A stack is UPDATE_ROLLBACK_FAILED" in ops/runbook.md`,
			},
			unasked: []string{"create-change-set"},
		},
		"while an update is at work": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_IN_PROGRESS", wantErr: true,
			told: []string{"or end it with rollback.sh"}, unasked: []string{"create-change-set"},
		},
		"another table, by a canary": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_COMPLETE", gradual: "true", table: aws.String("pricing-prod-r"),
			wantErr: true, told: []string{"add GradualDeployments=false to PARAMETERS"}, unasked: []string{"create-change-set"},
		},
		"another environment's table": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_COMPLETE", gradual: "false", table: aws.String("pricing-integ-r"),
			wantErr: true, told: []string{"pricing-integ-r is not called pricing-prod-...: no function of prod may use it"},
			unasked: []string{"create-change-set"},
		},
		"a table without protection": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_COMPLETE", gradual: "false", table: aws.String("pricing-prod-r"),
			wantErr: true, told: []string{"pricing-prod-r lacks recovery, TTL, protection"}, unasked: []string{"create-change-set"},
		},
		"the stack's own table again": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_COMPLETE", gradual: "false", table: aws.String(""),
			asked: []string{"create-change-set"}, unasked: []string{"describe-table"},
		},
		"the stack is tagged, and no resource by itself": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_COMPLETE", gradual: "true",
			asked: []string{"--tags Key=Project,Value=pricing Key=Environment,Value=prod"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(filepath.Join(dir, "ops", "pipeline"), os.DirFS(filepath.Join(root, "ops", "pipeline"))))
			set := strings.Replace(changeSetOfProd, "GRADUAL", tt.gradual, 1)
			for file, text := range map[string]string{
				"bin/aws": awsDouble, "bin/go": goDouble, "template.yaml": gradualTemplate, "samconfig.toml": "", "state": tt.state + "\n",
				"set.json": set, ".build/changeset-prod.json": set,
			} {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o755))
			}
			cmd := exec.Command("bash", append([]string{filepath.Join("ops", "pipeline", tt.script[0])}, tt.script[1:]...)...)
			cmd.Dir = dir
			cmd.Env = []string{
				"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "AWS_REGION=eu-west-1",
				"RINGING=" + tt.ringing, "ENDS=" + tt.ends,
			}
			if tt.table != nil {
				cmd.Env = append(cmd.Env, "PARAMETERS=X=1\nExistingTable="+*tt.table, "TABLE="+*tt.table, "GRADUAL="+tt.gradual)
			}
			out, err := cmd.CombinedOutput()
			assert.Equal(t, tt.wantErr, err != nil, "%s", out)
			for _, told := range tt.told {
				assert.Contains(t, string(out), told)
			}
			asked, err := os.ReadFile(filepath.Join(dir, "asked"))
			require.NoError(t, err)
			for _, call := range tt.asked {
				assert.Contains(t, string(asked), call)
			}
			for _, call := range tt.unasked {
				assert.NotContains(t, string(asked), call)
			}
		})
	}
}
