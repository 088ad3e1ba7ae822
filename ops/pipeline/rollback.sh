#!/usr/bin/env bash
# Brings an environment back to the last commit that was good, and sees that it is:
#
#   rollback.sh ENV BUCKET TOKEN_FILE [COMMIT]
#
# That is deployed/ENV/good, or the one before if the good one is what runs now and somebody found it bad all the same.
# COMMIT names another. After a rollback that failed it is the same commit again (deployed/ENV/target), and not one further.
# All comes from the bucket, nothing from a job before, and all requests move at once; the next deployment is gradual again.
# Data is never rolled back. Permissions may return to what they were; the table is guarded as ever.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
(($# == 3 || $# == 4)) || usage
env=$1 bucket=$2 token=$3 commit=${4:-}

current=$(recall "deployed/$env/current")
good=$(recall "deployed/$env/good")
target=$(recall "deployed/$env/target")
if [[ -z $commit && -n $target && $target == "$current" ]]; then # the rollback that runs now has not ended well
  commit=$target
elif [[ -z $commit ]]; then
  commit=$good
  [[ $good != "$current" ]] || commit=$(recall "deployed/$env/before")
  [[ -n $commit ]] || fail "no commit is known to have been good in $env before ${current:-the first}: name a COMMIT"
fi
choose
if grep -q '^  GradualDeployments:' "$release"/template*.yaml; then # not five more minutes of the bad one
  export PARAMETERS="${PARAMETERS:+$PARAMETERS
}GradualDeployments=false"
fi
echo "rolling $env back from ${current:-an unknown commit} to $commit"
export GUARD_FLAGS="-rollback ${GUARD_FLAGS:-}"
remember "deployed/$env/target" "$commit"
ops/pipeline/deploy.sh "$env" "$bucket" "$commit"
ops/pipeline/smoke.sh "$env" "$bucket" "$commit" "$token"
[[ $commit == "$good" ]] || aws s3 rm --only-show-errors "s3://$bucket/deployed/$env/before" # that is the bad one now
