#!/usr/bin/env bash
# Brings an environment to a commit that package.sh has put into the bucket:
#
#   deploy.sh ENV BUCKET COMMIT
#
# It executes the change set of .build/changeset-ENV.json if that is of this commit and still valid, else one that it makes
# itself as changeset.sh does, guard included: a job that is run again alone works. .build/outputs-ENV.json gets the stack's
# outputs. A failed update is rolled back by CloudFormation; the status is 1 then.
# shellcheck source-path=SCRIPTDIR disable=SC2016 # JMESPath writes texts in backquotes
. "$(dirname "$0")/common.sh"
(($# == 3)) || usage
env=$1 bucket=$2 commit=$3
file=.build/changeset-$env.json
choose

# valid says whether the change set in the file can be executed and was made for this commit.
valid() {
  [[ -f $file && $(member Description "$file") == "commit $commit" && $(member StackName "$file") == "$stack" ]] &&
    [[ $(aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$(member ChangeSetId "$file")" --query ExecutionStatus --output text 2>/dev/null) == AVAILABLE ]]
}

valid || ops/pipeline/changeset.sh "$env" "$bucket" "$commit"

# look puts what is known of the stack into the outputs' file.
outputs=.build/outputs-$env.json
look() {
  aws cloudformation describe-stacks --stack-name "$stack" --output json >"$outputs" --query 'Stacks[0].{StackStatus: StackStatus,
    Outputs: Outputs, Protected: EnableTerminationProtection, Keep: Parameters[?ParameterKey==`DeletionProtection`] | [0].ParameterValue}'
}

remember "deployed/$env/current" "$commit" # before it happens: whatever comes of it, this is what was tried last
if [[ $(member Status "$file") == CREATE_COMPLETE ]]; then
  aws cloudformation execute-change-set --stack-name "$stack" --change-set-name "$(member ChangeSetId "$file")" >/dev/null
  pause=1
  while
    look
    [[ $(member StackStatus "$outputs") == *_IN_PROGRESS ]]
  do sleep "$pause" && pause=5; done
  status=$(member StackStatus "$outputs")
  [[ -n $status ]] || fail "it is not known what became of $stack: look there, it may still be at work"
  echo "$stack is $status"
  if [[ $status != CREATE_COMPLETE && $status != UPDATE_COMPLETE ]]; then
    aws cloudformation describe-stack-events --stack-name "$stack" --max-items 200 --output text \
      --query 'StackEvents[?contains(ResourceStatus, `FAILED`)].[Timestamp, LogicalResourceId, ResourceStatusReason]' >&2
    fail "$stack was not deployed"
  fi
else
  echo "$stack: nothing changes"
  look
fi

# A stack whose table must not go must not go either.
if [[ $(member Keep "$outputs") == true ]] && ! grep -q '"Protected": true' "$outputs"; then
  aws cloudformation update-termination-protection --enable-termination-protection --stack-name "$stack" >/dev/null
fi
cat "$outputs"
