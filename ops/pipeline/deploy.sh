#!/usr/bin/env bash
# Brings an environment to a commit that package.sh has put into the bucket:
#
#   deploy.sh ENV BUCKET COMMIT
#
# It executes the change set of .build/changeset-ENV.json if that is of this commit and still valid, else one that it makes
# itself as changeset.sh does, guard included: a job that is run again alone works. .build/outputs-ENV.json gets the outputs
# of the stack. A failed update is rolled back by CloudFormation; the status is 1 then.
# shellcheck source-path=SCRIPTDIR disable=SC2016 # JMESPath writes texts in backquotes
. "$(dirname "$0")/common.sh"
(($# == 3)) || usage
env=$1 bucket=$2 commit=$3
file=.build/changeset-$env.json
choose

# valid says whether the change set in the file can be executed and was made for this commit.
valid() {
  [[ -f $file && $(member Description "$file") == "commit $commit" && $(member StackName "$file") == "$stack" ]] &&
    [[ $(aws cloudformation describe-change-set --change-set-name "$(member ChangeSetId "$file")" --query ExecutionStatus --output text 2>/dev/null) == AVAILABLE ]]
}

valid || ops/pipeline/changeset.sh "$env" "$bucket" "$commit"

if [[ $(member Status "$file") == CREATE_COMPLETE ]]; then
  remember "deployed/$env/current" "$commit" # before it happens: whatever comes of it, this is what was tried last
  aws cloudformation execute-change-set --change-set-name "$(member ChangeSetId "$file")" >/dev/null
  while
    status=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text)
    [[ $status == *_IN_PROGRESS ]]
  do sleep 1; done
  echo "$stack is $status"
  if [[ $status != CREATE_COMPLETE && $status != UPDATE_COMPLETE ]]; then
    aws cloudformation describe-stack-events --stack-name "$stack" --max-items 200 --output text \
      --query 'StackEvents[?contains(ResourceStatus, `FAILED`)].[Timestamp, LogicalResourceId, ResourceStatusReason]' >&2
    fail "$stack was not deployed"
  fi
else
  echo "$stack: nothing changes"
  remember "deployed/$env/current" "$commit"
fi

# A stack whose table must not go must not go either.
if [[ $(aws cloudformation describe-stacks --stack-name "$stack" --output text \
  --query 'Stacks[0].Parameters[?ParameterKey==`DeletionProtection`].ParameterValue') == true ]]; then
  aws cloudformation update-termination-protection --enable-termination-protection --stack-name "$stack" >/dev/null
fi
outputs | tee ".build/outputs-$env.json"
