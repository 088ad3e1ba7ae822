#!/usr/bin/env bash
# Brings an environment back to the last good commit, and checks it:
#
#   rollback.sh ENV BUCKET TOKEN_FILE [COMMIT [MANIFEST]]
#
# The last good commit is deployed/ENV/good. If that is what runs now, somebody has found it bad after all, and the one before
# it is taken (deployed/ENV/before). COMMIT names another; MANIFEST is then the SHA-256 of its manifest, as package.sh printed it, unless
# one of these files has both. After a failed rollback it is the same commit again
# (deployed/ENV/target), not one further back. Everything comes from the bucket and nothing from an earlier job. All requests
# move at once; only the next deployment is gradual again. Data is never rolled back. Permissions may become what they were,
# and the table is guarded as always.
#
# If a deployment is still at work, such as a canary, it is cancelled first: CloudFormation takes back what it has done. In GitLab,
# cancel its job before, since the jobs of an environment wait for each other.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
(($# >= 3 && $# <= 5)) || usage
env=$1 bucket=$2 token=$3 commit=${4:-}

# Each is a line with a commit and the hash of its manifest, which only jobs of this environment can write.
current=$(recall "deployed/$env/current")
good=$(recall "deployed/$env/good")
target=$(recall "deployed/$env/target")
before=$(recall "deployed/$env/before")
if [[ -n $commit ]]; then
  found="$commit ${5:-}"
  for known in "$before" "$target" "$current" "$good"; do
    [[ -n ${5:-} || $known != "$commit "* ]] || found=$known
  done
elif [[ -n $target && $target == "$current" ]]; then # a rollback to what runs now has not finished well
  found=$target
else
  found=$good
  [[ $good != "$current" ]] || found=$before
  [[ -n $found ]] || fail "no commit is known to have been good in $env before ${current:-the first}: name a COMMIT"
fi
read -r commit MANIFEST <<<"$found"
export MANIFEST
choose
if grep -q '^  GradualDeployments:' "$release"/template*.yaml; then # otherwise the bad version would run for five more minutes
  export PARAMETERS="${PARAMETERS:+$PARAMETERS
}GradualDeployments=false"
fi

# state prints the stack's state.
state() { aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text; }

status=$(state)
if [[ $status == UPDATE_IN_PROGRESS ]]; then
  echo "$stack is $status: cancelling"
  aws cloudformation cancel-update-stack --stack-name "$stack" || echo "it has come too far to be cancelled, so this waits for its end"
fi
while [[ $status == *_IN_PROGRESS ]]; do
  sleep "${pause:-1}" && pause=5
  status=$(state)
done
echo "$stack is $status"
echo "rolling $env back from ${current:-an unknown commit} to $found"
export GUARD_FLAGS="-rollback ${GUARD_FLAGS:-}"
remember "deployed/$env/target" "$commit $manifest"
ops/pipeline/deploy.sh "$env" "$bucket" "$commit"
ops/pipeline/smoke.sh "$env" "$bucket" "$commit" "$token"
[[ $commit == "${good% *}" ]] || aws s3 rm --only-show-errors "s3://$bucket/deployed/$env/before" # this one has turned out bad
