#!/usr/bin/env bash
# Deploys a commit, which package.sh has put into the bucket, to an environment:
#
#   deploy.sh ENV BUCKET COMMIT
#
# It executes the change set in .build/changeset-ENV.json if that is still valid and changeset.sh would make the same: for this commit,
# of its template and with its parameters. Otherwise it runs changeset.sh first, guard included, so that a job can be run again by
# itself. The zips are compared with the commit's manifest before (MANIFEST: see choose in common.sh), and what Lambda runs after.
# .build/outputs-ENV.json gets the outputs of the stack. If an update fails, CloudFormation rolls it back and the script ends with status 1.
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

# valid tells whether the change set in the file can be executed and is the one that this commit needs. The file and the change set come
# from a job with fewer rights, so both are only believed as far as CloudFormation and the commit say the same.
valid() ( # what a new stack sets must not stay set
  now=$file.now
  [[ -f $file && $(member Description "$file") == "commit $commit" && $(member StackName "$file") == "$stack" ]] || return
  aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$(member ChangeSetId "$file")" \
    --include-property-values --output json >"$now" 2>/dev/null || return
  [[ $(member ExecutionStatus "$now") == AVAILABLE && $(member Description "$now") == "commit $commit" ]] || return
  aws cloudformation describe-stacks --stack-name "$stack" --output json >"$file.stack" || return
  [[ $(member StackStatus "$file.stack") != REVIEW_IN_PROGRESS ]] || new_stack
  shown=$(aws cloudformation get-template --stack-name "$stack" --change-set-name "$(member ChangeSetId "$file")" \
    --template-stage Original --query TemplateBody --output text) || return
  # What parameters -mark has put in is left aside: it is another one each time that a secret is given.
  [[ $(sed 's/parameters [0-9a-f]\{16\}/parameters unknown/' <<<"$shown") == "$(<"$release/$template")" ]] || return
  parameters -template "$release/$template" -previous "$file.stack" -keep ExistingTable -check "$now" "$env" || return
  # shellcheck disable=SC2086 # GUARD_FLAGS are words
  go run ./samkit/guard ${GUARD_FLAGS:-} "$now" || return
  mv "$now" "$file"
)

if [[ -z ${ONLY_PARAMETER:-} ]] && valid; then
  built_zips
else
  [[ ! -f $file ]] || echo "the change set in $file is of another commit, void, or not what would be made now: this makes another"
  ops/pipeline/changeset.sh "$env" "$bucket" "$commit"
fi
rm -f "$file.now" "$file.stack"

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

remember "deployed/$env/current" "$commit $manifest" # before the deployment: however it ends, this is what was tried last
status=
execute
if [[ $status == CREATE_COMPLETE && $(parameters -value DeletionProtection "$env") != false ]]; then # true is its default
  echo "protecting the table"
  ONLY_PARAMETER=DeletionProtection ops/pipeline/changeset.sh "$env" "$bucket" "$commit"
  execute
fi

# differing prints the functions whose requests do not reach the zip of the manifest: a few are asked about at a time.
differing() {
  local name zip n=0
  while IFS=/ read -r _ name zip; do
    [[ $there == *" $stack-$name "* ]] || continue # a parameter leaves it out of this environment
    runs "$name" "${zip%.zip}" || echo "$stack-$name" &
    ((++n % 4)) || wait
  done < <(zips)
  wait
}

# runs tells whether a function's alias stands for the zip with a hash. Lambda writes its own in base64.
runs() {
  local is
  is=$(aws lambda get-function-configuration --function-name "$stack-$1" --qualifier live --query CodeSha256 --output text)
  [[ $(base64 -d <<<"$is" | od -An -v -tx1 | tr -d ' \n') == "$2" ]]
}

there=" $(aws cloudformation list-stack-resources --stack-name "$stack" --output text \
  --query 'StackResourceSummaries[?ResourceType==`AWS::Lambda::Function`].PhysicalResourceId' | tr '\t\n' '  ') "
[[ $there == *"$stack-"* ]] || fail "nobody knows which functions $stack has"
others=$(differing)
[[ -z $others ]] || fail "these functions do not run what was built:
$others
Roll back, and find out who changed them"

# A stack whose table is protected from deletion is protected too.
if [[ $(member Keep "$outputs") == true ]] && ! grep -q '"Protected": true' "$outputs"; then
  aws cloudformation update-termination-protection --enable-termination-protection --stack-name "$stack" >/dev/null
fi
cat "$outputs"
