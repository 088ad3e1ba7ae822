#!/usr/bin/env bash
# Asks CloudFormation what deploying a commit to an environment would change, and refuses dangerous changes:
#
#   changeset.sh ENV BUCKET COMMIT
#
# .build/changeset-ENV.json is the change set, for people to read and for deploy.sh to execute. ALLOW_CHANGES lists logical
# ids that may change all the same; see samkit/guard, which also gets GUARD_FLAGS. PARAMETERS replaces parameters of
# samconfig.toml (NAME=VALUE, one per line). CFN_ROLE_ARN is the role with which CloudFormation makes the changes.
#
# ExistingTable is no commit's: it stays as the stack has it, in a rollback too, until PARAMETERS names another or none.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
(($# == 3)) || usage
env=$1 bucket=$2 commit=$3
file=.build/changeset-$env.json
rm -f "$file"
choose

[[ -f $release/$template ]] || fail "commit $commit was not packaged for this architecture"

scratch=$(mktemp -d) # readable by its owner only, since parameters may be secret
trap 'rm -rf "$scratch"' EXIT
described=$scratch/stack told=$scratch/told values=$scratch/parameters
if ! aws cloudformation describe-stacks --stack-name "$stack" --output json >"$described" 2>"$told"; then
  grep -q 'does not exist' "$told" || fail "$(<"$told")"
fi
status=$(member StackStatus "$described")
previous=()
case $status in
'' | REVIEW_IN_PROGRESS) type=CREATE ;;
*_IN_PROGRESS) fail "$stack is $status: wait until this has finished, or end it with rollback.sh" ;;
UPDATE_ROLLBACK_FAILED)
  fail "$stack is $status and takes no change: see \"A stack is UPDATE_ROLLBACK_FAILED\" in ops/runbook.md"
  ;;
ROLLBACK_COMPLETE | ROLLBACK_FAILED | DELETE_FAILED)
  fail "$stack is $status and cannot be updated: look at its events, then \`aws cloudformation delete-stack --stack-name $stack\`"
  ;;
*) type=UPDATE previous=(-template "$release/$template" -previous "$described" -keep ExistingTable) ;;
esac

if [[ $'\n'${PARAMETERS:-} == *$'\n'ExistingTable=* ]]; then
  [[ $(parameters -value GradualDeployments "$env") != true ]] ||
    fail "for five minutes a tenth of the requests would use another table: add GradualDeployments=false to PARAMETERS"
  table=$(parameters -value ExistingTable "$env")
  [[ -z $table ]] || ops/pipeline/table.sh -check "$env" "$table"
fi
parameters "${previous[@]}" "$env" >"$values"
# Without the mark a new value would not reach functions and gateway.
parameters "${previous[@]}" -mark "$release/$template" "$env" >"$scratch/$template"
aws s3 cp --only-show-errors "$scratch/$template" "s3://$bucket/deployed/$env/$template"

region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region)}}
# The template is too long to be sent along, so this is its URL. The bucket is in the path, not in the host name, because every
# endpoint understands that. The tags never change: a commit in a tag would change every resource each time. A function's own tags in
# the template would ask for a version that Lambda does not make.
id=$(aws cloudformation create-change-set --stack-name "$stack" --change-set-type "$type" \
  --change-set-name "commit-${commit:0:12}-$(date +%s)" --description "commit $commit" \
  --template-url "https://s3.$region.amazonaws.com/$bucket/deployed/$env/$template" --parameters "file://$values" \
  --tags Key=Project,Value=pricing "Key=Environment,Value=$env" \
  --capabilities CAPABILITY_IAM ${CFN_ROLE_ARN:+--role-arn "$CFN_ROLE_ARN"} --query Id --output text)
while
  aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$id" --output json >"$file"
  [[ $(member Status "$file") =~ ^CREATE_(PENDING|IN_PROGRESS)$ ]]
do sleep 1; done

# shellcheck disable=SC2086 # GUARD_FLAGS are words
if go run ./samkit/guard ${GUARD_FLAGS:-} "$file"; then
  [[ $(member Status "$file") == CREATE_COMPLETE ]] || # else it is empty
    aws cloudformation delete-change-set --stack-name "$stack" --change-set-name "$id"
else
  aws cloudformation delete-change-set --stack-name "$stack" --change-set-name "$id" # so that nobody executes it
  exit 1
fi
