#!/usr/bin/env bash
# Checks that the deployed API is this commit and works:
#
#   smoke.sh ENV BUCKET COMMIT TOKEN_FILE
#
# If it does, the bucket remembers COMMIT and the SHA-256 of its manifest as deployed/ENV/good, where rollback.sh finds them, and the
# good commit before it as deployed/ENV/before. MANIFEST: see choose in common.sh. SMOKE_URL replaces the stack's ApiUrl; {ApiId} and
# {env} in it are filled in. tools/smoke gets SMOKE_FLAGS. At its end it warns if nobody has confirmed to be told about alarms, which is
# no reason to roll back.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
(($# == 4)) || usage
env=$1 bucket=$2 commit=$3 token=$4
choose

declare -A output
described=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs[].[OutputKey, OutputValue]' --output text)
while read -r key value; do output[$key]=$value; done <<<"$described"
url=${SMOKE_URL:-${output[ApiUrl]:?is missing in the outputs of $stack}}
url=${url//'{ApiId}'/${output[ApiId]:-}}
url=${url//'{env}'/$env}
# shellcheck disable=SC2086 # SMOKE_FLAGS are words
go run ./tools/smoke -url "$url" -token-file "$token" -commit "$commit" ${SMOKE_FLAGS:-}

before=$(recall "deployed/$env/good")
if [[ $before != "$commit $manifest" ]]; then
  [[ -z $before ]] || remember "deployed/$env/before" "$before"
  remember "deployed/$env/good" "$commit $manifest"
fi
aws s3 rm --only-show-errors "s3://$bucket/deployed/$env/target" # a rollback, if there was one, has finished

# SNS sends nothing to an address that has not confirmed, and forgets it after two days. CloudFormation notices neither. The address is
# not printed, since that of a service may hold its key.
if ! subscribed=$(aws sns list-subscriptions-by-topic --topic-arn "${output[AlarmTopicArn]:-}" \
  --query 'Subscriptions[].[SubscriptionArn, Protocol]' --output text); then
  echo "WARNING: it is not known who is told about alarms of $env"
else
  confirmed=0
  while read -r subscription protocol; do
    case $subscription in
    arn:*) confirmed=$((confirmed + 1)) ;;
    PendingConfirmation) echo "WARNING: who is to be told about alarms of $env by $protocol has not confirmed it" ;;
    esac
  done <<<"$subscribed"
  ((confirmed > 0)) || echo "WARNING: nobody is told about alarms of $env: see \"Nobody is told about alarms\" in ops/runbook.md"
fi
