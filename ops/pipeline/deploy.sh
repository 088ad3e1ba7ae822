#!/usr/bin/env bash
# Deploys a commit, which package.sh has put into the bucket, to an environment:
#
#   deploy.sh ENV BUCKET COMMIT
#
# It executes the change set in .build/changeset-ENV.json if that is for this commit and still valid. Otherwise it runs
# changeset.sh first, guard included, so that a job can be run again by itself. .build/outputs-ENV.json gets the outputs of
# the stack. If an update fails, CloudFormation rolls it back and the script ends with status 1.
#
# A new stack is made without deletion protection, and protected by a second change set at once, if samconfig.toml does not say false.
#
# A gradual deployment is not started while an alarm rings that would stop it.
# shellcheck source-path=SCRIPTDIR disable=SC2016 # JMESPath writes texts in backquotes
. "$(dirname "$0")/common.sh"
(($# == 3)) || usage
env=$1 bucket=$2 commit=$3
file=.build/changeset-$env.json
choose

# valid tells whether the change set in the file was made for this commit and can be executed.
valid() {
  [[ -f $file && $(member Description "$file") == "commit $commit" && $(member StackName "$file") == "$stack" ]] || return
  local now
  now=$(aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$(member ChangeSetId "$file")" \
    --query ExecutionStatus --output text 2>/dev/null)
  [[ $now == AVAILABLE ]]
}

valid || ops/pipeline/changeset.sh "$env" "$bucket" "$commit"

# ringing prints the names of the alarms that ring and would stop a canary. CodeDeploy rolls one back at once when its alarm rings from
# before, and with it the whole update.
ringing() {
  local guards names rings
  guards=$(sed -n 's/^ *DeploymentPreference: {Alarms: \[\(.*\)\]}.*/\1/p' "$release/$template")
  rings=$(aws cloudwatch describe-alarms --alarm-types MetricAlarm --state-value ALARM --alarm-name-prefix "$stack-" --output text \
    --query 'MetricAlarms[].[AlarmName]')
  [[ -n $rings ]] || return 0
  names=$(aws cloudformation list-stack-resources --stack-name "$stack" --output text \
    --query 'StackResourceSummaries[?ResourceType==`AWS::CloudWatch::Alarm`].[LogicalResourceId, PhysicalResourceId]')
  while read -r id name; do
    if grep -qw "$id" <<<"$guards" && grep -qxF -- "$name" <<<"$rings"; then echo "$name"; fi
  done <<<"$names"
}

if [[ $(member Status "$file") == CREATE_COMPLETE ]] &&
  grep -A1 '"ParameterKey": "GradualDeployments"' "$file" | grep -q '"ParameterValue": "true"'; then
  stopping=$(ringing)
  [[ -z $stopping ]] || fail "these alarms ring and would stop the deployment:
$stopping
If something else is wrong, mend that and wait until they are silent. If this commit mends it, deploy it to everybody at once: do
changeset.sh and deploy.sh again with PARAMETERS=GradualDeployments=false (in GitLab: a new pipeline with this variable)"
fi

# look writes what is known about the stack to the file of outputs.
outputs=.build/outputs-$env.json
look() {
  aws cloudformation describe-stacks --stack-name "$stack" --output json >"$outputs" --query 'Stacks[0].{StackStatus: StackStatus,
    Outputs: Outputs, Protected: EnableTerminationProtection, Keep: Parameters[?ParameterKey==`DeletionProtection`] | [0].ParameterValue}'
}

# execute executes the change set in the file, if it changes anything, and waits for its end. It sets status.
execute() {
  if [[ $(member Status "$file") != CREATE_COMPLETE ]]; then
    echo "$stack: nothing changes"
    look
    return
  fi
  aws cloudformation execute-change-set --stack-name "$stack" --change-set-name "$(member ChangeSetId "$file")" >/dev/null
  local pause=1
  while
    look
    [[ $(member StackStatus "$outputs") == *_IN_PROGRESS ]]
  do sleep "$pause" && pause=5; done
  status=$(member StackStatus "$outputs")
  [[ -n $status ]] || fail "the state of $stack is unknown: look at it in CloudFormation, it may still be changing"
  echo "$stack is $status"
  [[ $status != CREATE_COMPLETE && $status != UPDATE_COMPLETE ]] || return 0
  aws cloudformation describe-stack-events --stack-name "$stack" --max-items 200 --output text \
    --query 'StackEvents[?contains(ResourceStatus, `FAILED`)].[Timestamp, LogicalResourceId, ResourceStatusReason]' >&2
  case $status in
  UPDATE_ROLLBACK_FAILED) echo "see \"A stack is UPDATE_ROLLBACK_FAILED\" in ops/runbook.md" >&2 ;;
  ROLLBACK_*) echo "see \"A stack could not be created\" in ops/runbook.md" >&2 ;;
  esac
  fail "$stack was not deployed"
}

remember "deployed/$env/current" "$commit" # before the deployment: however it ends, this is what was tried last
status=
execute
if [[ $status == CREATE_COMPLETE && $(parameters -value DeletionProtection "$env") != false ]]; then # true is its default
  echo "protecting the table"
  ONLY_PARAMETER=DeletionProtection ops/pipeline/changeset.sh "$env" "$bucket" "$commit"
  execute
fi

# A stack whose table is protected from deletion is protected too.
if [[ $(member Keep "$outputs") == true ]] && ! grep -q '"Protected": true' "$outputs"; then
  aws cloudformation update-termination-protection --enable-termination-protection --stack-name "$stack" >/dev/null
fi
cat "$outputs"
