package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/engine"
)

// awsDouble stands for the AWS CLI: it knows one stack, prod's, and writes down what it is asked. The environment says in what state the
// stack is, which alarms ring and what the change set's GradualDeployments is. What is executed or cancelled is at its end at once.
const awsDouble = `#!/bin/sh
echo "$*" >>asked
case "$*" in
*"s3 cp --recursive"*) mkdir -p .build/releases/b/c1.new && cp template.yaml samconfig.toml .build/releases/b/c1.new/ ;;
*"s3 cp --only-show-errors - s3:"*) ;; # it remembers
*"s3 cp"*deployed/prod/good*) echo c1 ;;
*"s3 cp"*deployed/prod/current*) echo c2 ;;
*"s3 cp"*|*"s3 rm"*) ;;
*cancel-update-stack*) echo UPDATE_ROLLBACK_COMPLETE >state ;;
*execute-change-set*) if [ "$(cat state)" = REVIEW_IN_PROGRESS ]; then ok=CREATE_COMPLETE; else ok=UPDATE_COMPLETE; fi
  echo "${ENDS:-$ok}" >state ;;
*describe-stacks*"Stacks[0].StackStatus --output text"*) cat state ;;
*describe-stacks*"Outputs[]"*) printf 'ApiUrl\thttps://api.example.com\n' ;;
*describe-stacks*) printf '    "StackStatus": "%s",\n    "Keep": "%s"\n' "$(cat state)" "${PROTECTS:-true}" ;;
*create-change-set*) echo set-1 ;;
*"describe-change-set"*ExecutionStatus*) echo AVAILABLE ;;
*describe-change-set*) cat set.json ;;
*describe-alarms*) for name in $RINGING; do echo "pricing-prod-$name"; done ;;
*list-stack-resources*)
  printf 'OneErrorsAlarm\tpricing-prod-one-errors\nTwoErrorsAlarm\tpricing-prod-two-errors\nIngestLagAlarm\tpricing-prod-ingest-lag\n' ;;
esac
`

// goDouble stands for the tools that the scripts run with go run: parameters, guard and smoke. It writes down the parameters that they get.
const goDouble = `#!/bin/sh
echo "$*" "$PARAMETERS" >>asked
case "$*" in
*"-stack prod"*) echo pricing-prod ;;
*"-mark "*) cat template.yaml ;;
*samkit/pack*) printf '{\n "commit": "c1",\n "built": "here"\n}\n' >.build/manifest.json ;;
*"-value DeletionProtection"*) echo "$PROTECTS" ;;
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
		protects       string // DeletionProtection in samconfig.toml; "" is the template's default, true
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
		"a new stack is made without protection": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "REVIEW_IN_PROGRESS", gradual: "false",
			asked: []string{
				"samkit/parameters -config .build/releases/b/c1/samconfig.toml prod DeletionProtection=false\n",
				"--change-set-type CREATE", "--include-property-values", "samkit/guard -new .build/changeset-prod.json",
			},
		},
		"a stack that is there keeps it": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "UPDATE_COMPLETE", gradual: "false",
			asked:   []string{"--change-set-type UPDATE", "samkit/guard .build/changeset-prod.json"},
			unasked: []string{"DeletionProtection=false"},
		},
		"a new stack is protected at once": {
			script: deploy, state: "REVIEW_IN_PROGRESS", gradual: "false",
			told: []string{"pricing-prod is CREATE_COMPLETE\nprotecting the table\npricing-prod is UPDATE_COMPLETE"},
			asked: []string{
				"-only DeletionProtection -previous", "--change-set-type UPDATE", "samkit/guard -same .build/changeset-prod.json",
				"update-termination-protection --enable-termination-protection --stack-name pricing-prod",
			},
			unasked: []string{"-mark", "DeletionProtection=false"},
		},
		"a new stack without value is not": {
			script: deploy, state: "REVIEW_IN_PROGRESS", gradual: "false", protects: "false",
			asked: []string{"execute-change-set"}, unasked: []string{"create-change-set", "update-termination-protection"},
		},
		"a stack that cannot be created": {
			script: deploy, state: "REVIEW_IN_PROGRESS", ends: "ROLLBACK_FAILED", gradual: "false", wantErr: true,
			told:    []string{`see "A stack could not be created" in ops/runbook.md`, "pricing-prod was not deployed"},
			unasked: []string{"create-change-set", "update-termination-protection"},
		},
		"after a stack could not be created": {
			script: []string{"changeset.sh", "prod", "b", "c1"}, state: "ROLLBACK_FAILED", wantErr: true,
			told:    []string{`is ROLLBACK_FAILED and cannot be updated: see "A stack could not be created" in ops/runbook.md`},
			unasked: []string{"create-change-set"},
		},
		"another account got another build": {
			script: []string{"package.sh", "b", "c1", "template.yaml"}, wantErr: true,
			told: []string{"this is not what template.yaml was built from"}, asked: []string{"samkit/pack"}, unasked: []string{"s3"},
		},
		"nobody knows what another account got": {
			script: []string{"package.sh", "b", "c1", ".build/manifest.json"}, wantErr: true,
			told: []string{".build/manifest.json: No such file"},
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
				"RINGING=" + tt.ringing, "ENDS=" + tt.ends, "PROTECTS=" + tt.protects,
			}
			out, err := cmd.CombinedOutput()
			assert.Equal(t, tt.wantErr, err != nil, "%s", out)
			for _, told := range tt.told {
				assert.Contains(t, string(out), told)
			}
			asked, err := os.ReadFile(filepath.Join(dir, "asked"))
			require.True(t, err == nil || tt.wantErr && os.IsNotExist(err), "nothing was asked")
			for _, call := range tt.asked {
				assert.Contains(t, string(asked), call)
			}
			for _, call := range tt.unasked {
				assert.NotContains(t, string(asked), call)
			}
		})
	}
}
