package main

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
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

// awsDouble stands for the AWS CLI: it knows one stack, prod's, and writes down what it is asked. The folder bucket is what is in the
// bucket. The environment says in what state the stack is, which alarms ring, what the change set's GradualDeployments is, which template
// the change set has and how an upload ends. An executed or cancelled update is at its end at once.
const awsDouble = `#!/bin/sh
echo "$*" >>asked
case "$*" in
*"s3 cp --recursive"*)
  for word; do from=$to to=$word; done
  mkdir -p "$to" && cp -r "bucket/${from#s3://b/}." "$to" ;;
*"s3 cp --only-show-errors - s3:"*) cat >>remembered ;;
*"s3 cp"*deployed/prod/good*) cat good ;;
*"s3 cp"*deployed/prod/current*) echo c2 other ;;
*"s3 cp"*|*"s3 rm"*) ;;
*cancel-update-stack*) echo UPDATE_ROLLBACK_COMPLETE >state ;;
*execute-change-set*) if [ "$(cat state)" = REVIEW_IN_PROGRESS ]; then ok=CREATE_COMPLETE; else ok=UPDATE_COMPLETE; fi
  echo "${ENDS:-$ok}" >state ;;
*describe-stacks*"Stacks[0].StackStatus --output text"*) cat state ;;
*describe-stacks*"Outputs[]"*) printf 'ApiUrl\thttps://api.example.com\nAlarmTopicArn\tarn:aws:sns:r:1:pricing-prod-alarms\n' ;;
*list-subscriptions-by-topic*) [ "$SUBSCRIBED" != denied ] && printf "$SUBSCRIBED" ;;
*describe-stacks*) printf '    "StackStatus": "%s",\n    "Keep": "%s"\n' "$(cat state)" "${PROTECTS:-true}" ;;
*create-change-set*) echo set-1 ;;
*put-object*) [ -z "$UPLOAD" ] || { echo "$UPLOAD" >&2; exit 254; } ;;
*list-objects*) echo None ;;
*get-template*) sed 's/parameters unknown/parameters 0123456789abcdef/' "${CHANGED:-template.yaml}" ;;
*get-function-configuration*) cat runs ;;
*describe-change-set*) cat set.json ;;
*describe-table*KeySchema*) echo pk,sk ;;
*describe-table*|*describe-continuous-backups*|*describe-time-to-live*) ;; # nothing is set
*describe-alarms*) for name in $RINGING; do echo "pricing-prod-$name"; done ;;
*list-stack-resources*Lambda::Function*) printf "${FUNCTIONS-pricing-prod-none\\tpricing-prod-one\\n}" ;;
*list-stack-resources*)
  printf 'OneErrorsAlarm\tpricing-prod-one-errors\nTwoErrorsAlarm\tpricing-prod-two-errors\nIngestLagAlarm\tpricing-prod-ingest-lag\n' ;;
esac
`

// goDouble stands for the tools that the scripts run with go run: pack, parameters, guard and smoke. It writes down the parameters that
// they get. The environment names one parameter that has a value, and says why parameters are refused.
const goDouble = `#!/bin/sh
echo "$*" "$PARAMETERS" >>asked
case "$*" in
*samkit/pack*) cp -r packed .build/release ;;
*"-check "*) exit "${CHECK:-0}" ;;
*"-stack prod"*) echo pricing-prod ;;
*"-mark "*) cat template.yaml ;;
*"-value DeletionProtection"*) echo "$PROTECTS" ;;
*"-value $SET "*) echo "$VALUE" ;;
*"-value ExistingTable"*) echo "$TABLE" ;;
*"-value GradualDeployments"*) echo "$GRADUAL" ;;
*"-value "*) echo ;;
*"-template "*) [ -z "$REFUSES" ] || { echo "parameters: $REFUSES" >&2; exit 1; }; echo "[]" ;;
*samkit/parameters*) echo "[]" ;;
esac
`

const changeSetOfProd = `{
    "StackName": "pricing-prod",
    "ChangeSetId": "set-1",
    "Description": "commit c1",
    "ExecutionStatus": "AVAILABLE",
    "Status": "CREATE_COMPLETE",
    "Parameters": [
        {
            "ParameterKey": "GradualDeployments",
            "ParameterValue": "GRADUAL"
        }
    ]
}
`

// gradual is the commit's template, with the place of what it deploys.
func gradual(place string) string {
	return strings.Replace(gradualTemplate, "PLACE", place, 1)
}

// The commit has one function, whose zip holds the word one.
var (
	oneZip   = sum([]byte("one"))
	manifest = `{
  "commit": "c1",
  "templates": {
    "template.yaml": "` + sum([]byte(gradual("./"))) + `"
  },
  "files": {
    "samconfig.toml": "` + sum(nil) + `"
  },
  "functions": {
    "one": {
      "arm64": {
        "zip": "functions/one/` + oneZip + `.zip",
        "sbom": "functions/one/` + oneZip + `.cdx.json"
      }
    }
  }
}
`
)

const gradualTemplate = `Description: Deployed with parameters unknown
Resources:
  OneFunction:
    Properties:
      DeploymentPreference: {Alarms: [!Ref OneErrorsAlarm, !Ref OneInternalErrorsAlarm]}
      CodeUri: PLACEfunctions/one/one.zip
  TwoFunction:
    Properties:
      DeploymentPreference: {Enabled: false}
`

// TestScripts runs scripts of ops/pipeline where the emulator cannot follow: it has no canaries, and none of its updates is ever at work.
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := engine.Root()
	require.NoError(t, err)
	deploy, changeset := []string{"deploy.sh", "prod", "b", "c1"}, []string{"changeset.sh", "prod", "b", "c1"}
	smoke := []string{"smoke.sh", "prod", "b", "c1", "token"}
	const (
		nobody    = "WARNING: nobody is told about alarms of prod"
		confirmed = `arn:aws:sns:r:1:pricing-prod-alarms:1\temail\n`
	)
	pack := []string{"package.sh", "b"}
	zipOfOne := "functions/one/" + oneZip + ".zip"
	hash := sha256.Sum256([]byte("one"))
	tests := map[string]struct {
		script         []string
		state, ringing string
		ends           string // the state of an executed update; UPDATE_COMPLETE if it is empty
		environment    []string
		gradual        string
		subscribed     string            // to alarms
		protects       string            // DeletionProtection in samconfig.toml; "" is the template's default, true
		elsewhere      bool              // .build/manifest.json is not there
		files          map[string]string // others than usual
		table          *string           // PARAMETERS names this table
		wantErr        bool
		told, untold   []string // what is printed and what is not
		asked, unasked []string // what AWS is asked and must not be asked
		remembered     string   // the lines that are written to deployed/prod/
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
			asked: []string{"execute-change-set"}, unasked: []string{"AWS::CloudWatch::Alarm`"},
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
				"pricing-prod is UPDATE_IN_PROGRESS: cancelling\npricing-prod is UPDATE_ROLLBACK_COMPLETE\n" +
					"rolling prod back from c2 other to c1 " + sum([]byte(manifest)),
			},
			asked: []string{"cancel-update-stack --stack-name pricing-prod", "execute-change-set"},
		},
		"a rollback in silence": {
			script: []string{"rollback.sh", "prod", "b", "token"}, state: "UPDATE_COMPLETE", gradual: "false",
			asked: []string{"execute-change-set"}, unasked: []string{"cancel-update-stack"},
		},
		"a new stack is made without protection": {
			script: changeset, state: "REVIEW_IN_PROGRESS", gradual: "false",
			asked: []string{
				"-template .build/releases/b/c1/template.yaml prod DeletionProtection=false\n",
				"--change-set-type CREATE", "--include-property-values", "samkit/guard -new .build/changeset-prod.json",
			},
		},
		"a stack that is there keeps it": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "false",
			asked:   []string{"--change-set-type UPDATE", "samkit/guard .build/changeset-prod.json"},
			unasked: []string{"DeletionProtection=false"},
		},
		"a new stack is protected at once": {
			script: deploy, state: "REVIEW_IN_PROGRESS", gradual: "false",
			told: []string{"pricing-prod is CREATE_COMPLETE\nprotecting the table\npricing-prod is UPDATE_COMPLETE"},
			asked: []string{
				"-only DeletionProtection -previous", "--change-set-type UPDATE", "samkit/guard -same .build/changeset-prod.json",
				"update-termination-protection --enable-termination-protection --stack-name pricing-prod",
				"-check .build/changeset-prod.json.now prod DeletionProtection=false\n", // as it was made
				"/stack prod \n", // with no other parameter
			},
			unasked: []string{"-mark"},
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
			script: changeset, state: "ROLLBACK_FAILED", wantErr: true,
			told:    []string{`is ROLLBACK_FAILED and cannot be updated: see "A stack could not be created" in ops/runbook.md`},
			unasked: []string{"create-change-set"},
		},
		"another account got another build": {
			script: []string{"package.sh", "b", "c1", "template.yaml"}, wantErr: true,
			told: []string{"this is not what template.yaml was built from"}, asked: []string{"samkit/pack"}, unasked: []string{"s3"},
		},
		"nobody knows what another account got": {
			script: []string{"package.sh", "b", "c1", ".build/manifest.json"}, elsewhere: true, wantErr: true,
			told: []string{".build/manifest.json: No such file"},
		},
		"after a rollback that failed": {
			script: changeset, state: "UPDATE_ROLLBACK_FAILED", wantErr: true,
			told: []string{
				`pricing-prod is UPDATE_ROLLBACK_FAILED and takes no change: see "A stack is UPDATE_ROLLBACK_FAILED" in ops/runbook.md`,
			},
			unasked: []string{"create-change-set"},
		},
		"while an update is at work": {
			script: changeset, state: "UPDATE_IN_PROGRESS", wantErr: true,
			told: []string{"or end it with rollback.sh"}, unasked: []string{"create-change-set"},
		},
		"a smoke test, and somebody is told about alarms": {
			script: smoke, subscribed: confirmed, asked: []string{"--topic-arn arn:aws:sns:r:1:pricing-prod-alarms "}, untold: []string{"WARNING"},
		},
		"nobody is": {script: smoke, told: []string{nobody}},
		"somebody has not confirmed": {
			script: smoke, subscribed: `PendingConfirmation\thttps\n`, asked: []string{"s3 rm"},
			told: []string{"WARNING: who is to be told about alarms of prod by https has not confirmed it\n" + nobody},
		},
		"one of two has not": {
			script: smoke, subscribed: confirmed + `PendingConfirmation\temail\n`,
			told: []string{"of prod by email has not confirmed it\n"}, untold: []string{nobody},
		},
		"somebody has unsubscribed": {script: smoke, subscribed: `Deleted\temail\n`, told: []string{nobody}},
		"a role that may not ask": {
			script: smoke, subscribed: "denied",
			told: []string{"WARNING: it is not known who is told about alarms of prod"}, untold: []string{nobody},
		},
		"another store on AWS": {
			script: changeset, state: "UPDATE_COMPLETE", wantErr: true,
			environment: []string{"SET=StoreEndpoint", "VALUE=http://127.0.0.1:8000"},
			told:        []string{"StoreEndpoint is only for an emulator"}, unasked: []string{"cloudformation"},
		},
		"a rehearsal on AWS": {
			script: changeset, state: "UPDATE_COMPLETE", wantErr: true,
			environment: []string{"SET=Rehearsal", "VALUE=true"},
			told:        []string{"Rehearsal=true is only for an emulator"}, unasked: []string{"cloudformation"},
		},
		"no rehearsal on AWS": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "false",
			environment: []string{"SET=Rehearsal", "VALUE=false"}, asked: []string{"create-change-set"},
		},
		"a rehearsal on an emulator": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "false",
			environment: []string{"SET=Rehearsal", "VALUE=true", "AWS_ENDPOINT_URL=http://127.0.0.1:4566"}, asked: []string{"create-change-set"},
		},
		"parameters that are refused": {
			script: changeset, state: "UPDATE_COMPLETE", wantErr: true,
			environment: []string{"REFUSES=nobody has decided Public"},
			told:        []string{"nobody has decided Public"}, unasked: []string{"create-change-set", "deployed/prod"},
		},
		"the first deployment's are refused too": {
			script: changeset, state: "REVIEW_IN_PROGRESS", wantErr: true,
			environment: []string{"REFUSES=nobody has decided Public"}, unasked: []string{"create-change-set"},
		},
		"another table, by a canary": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "true", table: aws.String("pricing-prod-r"),
			wantErr: true, told: []string{"add GradualDeployments=false to PARAMETERS"}, unasked: []string{"create-change-set"},
		},
		"another environment's table": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "false", table: aws.String("pricing-integ-r"),
			wantErr: true, told: []string{"pricing-integ-r is not called pricing-prod-...: no function of prod may use it"},
			unasked: []string{"create-change-set"},
		},
		"a table without protection": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "false", table: aws.String("pricing-prod-r"),
			wantErr: true, told: []string{"pricing-prod-r lacks recovery, TTL, protection"}, unasked: []string{"create-change-set"},
		},
		"the stack's own table again": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "false", table: aws.String(""),
			asked: []string{"create-change-set"}, unasked: []string{"describe-table"},
		},
		"the stack is tagged, and no resource by itself": {
			script: changeset, state: "UPDATE_COMPLETE", gradual: "true",
			asked: []string{"--tags Key=Project,Value=pricing Key=Environment,Value=prod"},
		},

		"a zip that was not built": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "false", files: map[string]string{"bucket/" + zipOfOne: "another"}, wantErr: true,
			told:    []string{"s3://b/" + zipOfOne + " is not what was built: its SHA-256 is " + sum([]byte("another"))},
			unasked: []string{"execute-change-set"},
		},
		"a change set of a zip that was not built": {
			script: changeset, state: "UPDATE_COMPLETE", files: map[string]string{"bucket/" + zipOfOne: "another"}, wantErr: true,
			told: []string{" is not what was built"}, unasked: []string{"create-change-set"},
		},
		"a zip that is missing": {
			script: changeset, state: "UPDATE_COMPLETE", files: map[string]string{"bucket/" + zipOfOne: ""}, wantErr: true,
			told: []string{"s3://b/" + zipOfOne + " is missing"}, unasked: []string{"create-change-set"},
		},
		"a template that was not built": {
			script: changeset, state: "UPDATE_COMPLETE", files: map[string]string{"bucket/c1/template.yaml": "another"}, wantErr: true,
			told:    []string{"s3://b/c1/template.yaml is not what was built: its SHA-256 is " + sum([]byte("another")) + " and not"},
			unasked: []string{"create-change-set"},
		},
		"parameters of another commit": {
			script: changeset, state: "UPDATE_COMPLETE", files: map[string]string{"bucket/c1/samconfig.toml": "another"}, wantErr: true,
			told: []string{"s3://b/c1/samconfig.toml is not what was built"}, unasked: []string{"create-change-set"},
		},
		"another manifest with everything that it lists": {
			script: changeset, state: "UPDATE_COMPLETE", wantErr: true, files: map[string]string{
				"bucket/c1/samconfig.toml": "another",
				"bucket/c1/manifest.json":  strings.Replace(manifest, sum(nil), sum([]byte("another")), 1),
			},
			told: []string{"s3://b/c1/manifest.json is not what was built"}, unasked: []string{"create-change-set"},
		},
		"a commit of which nothing is known": {
			script: changeset, state: "UPDATE_COMPLETE", elsewhere: true, wantErr: true,
			told: []string{"it is not known what commit c1 is", "Set MANIFEST"}, unasked: []string{"create-change-set", "s3 cp"},
		},
		"the manifest of another commit was built here": {
			script: changeset, state: "UPDATE_COMPLETE", wantErr: true, told: []string{"it is not known what commit c1 is"},
			files: map[string]string{".build/manifest.json": strings.Replace(manifest, "c1", "c2", 1)}, unasked: []string{"create-change-set"},
		},
		"a commit whose manifest is named": {
			script: changeset, state: "UPDATE_COMPLETE", elsewhere: true, environment: []string{"MANIFEST=" + sum([]byte(manifest))},
			asked: []string{"create-change-set"},
		},
		"Lambda runs something else": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "false", files: map[string]string{"runs": "b3RoZXI=\n"}, wantErr: true,
			told:  []string{"these functions do not run what was built:\npricing-prod-one\n"},
			asked: []string{"execute-change-set", "get-function-configuration --function-name pricing-prod-one --qualifier live"},
		},
		"an optional function that is not there": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "false", files: map[string]string{"runs": "b3RoZXI=\n"},
			environment: []string{"FUNCTIONS=pricing-prod-other"}, unasked: []string{"get-function-configuration"},
		},
		"nobody knows which functions there are": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "false", environment: []string{"FUNCTIONS="}, wantErr: true,
			told: []string{"nobody knows which functions pricing-prod has"},
		},
		"the change set that was shown": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "false",
			asked: []string{"--change-set-name set-1", "execute-change-set"}, unasked: []string{"create-change-set"},
		},
		"a change set with another template": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "false", environment: []string{"CHANGED=set.json"},
			asked: []string{"create-change-set"},
		},
		"a change set with other parameters": {
			script: deploy, state: "UPDATE_COMPLETE", gradual: "false", environment: []string{"CHECK=1"}, asked: []string{"create-change-set"},
		},
		"what was good is remembered with its manifest": {
			script: smoke, state: "UPDATE_COMPLETE", files: map[string]string{"good": "c0 older\n"},
			remembered: "c0 older\nc1 " + sum([]byte(manifest)) + "\n", // as before and as good
		},
		"a rollback to a commit that is remembered": {
			script: []string{"rollback.sh", "prod", "b", "token", "c1"}, state: "UPDATE_COMPLETE", gradual: "false", elsewhere: true,
			asked: []string{"execute-change-set"},
		},
		"a rollback to a commit that is named with its manifest": {
			script: []string{"rollback.sh", "prod", "b", "token", "c1", sum([]byte(manifest))}, state: "UPDATE_COMPLETE", gradual: "false",
			elsewhere: true, files: map[string]string{"good": "c0 older\n"}, asked: []string{"execute-change-set"},
		},
		"a rollback to a commit that nobody knows": {
			script: []string{"rollback.sh", "prod", "b", "token", "c1"}, state: "UPDATE_COMPLETE", gradual: "false", elsewhere: true,
			files: map[string]string{"good": "c0 older\n"}, wantErr: true, told: []string{"it is not known what commit c1 is"},
			unasked: []string{"create-change-set", "execute-change-set"},
		},
		"packaged": {
			script: pack, asked: []string{"put-object --bucket b --key " + zipOfOne + " --body .build/" + zipOfOne + " --if-none-match *"},
			told:    []string{"uploaded  " + zipOfOne, "uploaded  c1/manifest.json", "packaged c1 in s3://b, manifest " + sum([]byte(manifest))},
			unasked: []string{"s3 sync"},
		},
		"packaged before": {
			script: pack, environment: []string{"UPLOAD=An error occurred (PreconditionFailed) when calling the PutObject operation"},
			told: []string{"was there " + zipOfOne, "was there c1/manifest.json", "packaged c1"},
		},
		"packaged before with something else": {
			script: pack, environment: []string{"UPLOAD=An error occurred (PreconditionFailed) when calling the PutObject operation"}, wantErr: true,
			files: map[string]string{"bucket/c1/samconfig.toml": "another"}, told: []string{"holds another build of this commit"},
		},
		"an AWS CLI without conditions": {
			script: pack, environment: []string{"UPLOAD=Unknown options: --if-none-match, *"}, wantErr: true,
			told: []string{"it must be 2.18 or 1.35"},
		},
		"an upload that is denied": {
			script: pack, environment: []string{"UPLOAD=An error occurred (AccessDenied)"}, wantErr: true, told: []string{"AccessDenied"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(filepath.Join(dir, "ops", "pipeline"), os.DirFS(filepath.Join(root, "ops", "pipeline"))))
			set := strings.Replace(changeSetOfProd, "GRADUAL", tt.gradual, 1)
			files := map[string]string{
				"bin/aws": awsDouble, "bin/go": goDouble, "template.yaml": gradual("s3://b/"), "state": tt.state + "\n",
				"set.json": set, ".build/changeset-prod.json": set, ".build/manifest.json": manifest,
				"good": "c1 " + sum([]byte(manifest)) + "\n", "runs": base64.StdEncoding.EncodeToString(hash[:]) + "\n",
				".build/" + zipOfOne: "one", "bucket/" + zipOfOne: "one",
			}
			for _, folder := range []string{"bucket/c1", "packed"} {
				files[folder+"/template.yaml"], files[folder+"/samconfig.toml"] = gradual("s3://b/"), ""
				files[folder+"/manifest.json"] = manifest
			}
			maps.Copy(files, tt.files)
			if tt.elsewhere {
				delete(files, ".build/manifest.json")
			}
			for file, text := range files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
				if text != "" || filepath.Ext(file) == ".toml" {
					require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o755))
				}
			}
			cmd := exec.Command("bash", append([]string{filepath.Join("ops", "pipeline", tt.script[0])}, tt.script[1:]...)...)
			cmd.Dir = dir
			cmd.Env = []string{
				"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "AWS_REGION=eu-west-1",
				"RINGING=" + tt.ringing, "ENDS=" + tt.ends, "SUBSCRIBED=" + tt.subscribed, "PROTECTS=" + tt.protects,
			}
			cmd.Env = append(cmd.Env, tt.environment...)
			if tt.table != nil {
				cmd.Env = append(cmd.Env, "PARAMETERS=X=1\nExistingTable="+*tt.table, "TABLE="+*tt.table, "GRADUAL="+tt.gradual)
			}
			out, err := cmd.CombinedOutput()
			assert.Equal(t, tt.wantErr, err != nil, "%s", out)
			for _, told := range tt.told {
				assert.Contains(t, string(out), told)
			}
			for _, told := range tt.untold {
				assert.NotContains(t, string(out), told)
			}
			asked, err := os.ReadFile(filepath.Join(dir, "asked"))
			require.True(t, err == nil || tt.wantErr && os.IsNotExist(err), "nothing was asked")
			for _, call := range tt.asked {
				assert.Contains(t, string(asked), call)
			}
			for _, call := range tt.unasked {
				assert.NotContains(t, string(asked), call)
			}
			if tt.remembered != "" {
				remembered, err := os.ReadFile(filepath.Join(dir, "remembered"))
				require.NoError(t, err)
				assert.Equal(t, tt.remembered, string(remembered))
			}
		})
	}
}
