#!/usr/bin/env bash
# Asks CloudFormation what deploying a commit to an environment would change, and refuses dangerous changes:
#
#   changeset.sh ENV BUCKET COMMIT
#
# Templates, parameters and zips that are not those of the commit's manifest are refused (see choose in common.sh, and MANIFEST).
# .build/changeset-ENV.json is the change set, for people to read and for deploy.sh to execute. ALLOW_CHANGES lists logical
# ids that may change all the same; see samkit/guard, which also gets GUARD_FLAGS. PARAMETERS replaces parameters of
# samconfig.toml (NAME=VALUE, one per line). CFN_ROLE_ARN is the role with which CloudFormation makes the changes.
#
# A new stack is made without deletion protection; deploy.sh adds it at once, with ONLY_PARAMETER=DeletionProtection: all else then
# stays as the stack has it, the template too. ExistingTable is no commit's: it stays as the stack has it, in a rollback too, until
# PARAMETERS names another or none. Parameters that the template's Rules refuse are refused before AWS is asked, and those of a rehearsal
# unless AWS_ENDPOINT_URL is set.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
(($# == 3)) || usage
env=$1 bucket=$2 commit=$3
file=.build/changeset-$env.json
rm -f "$file"
choose

# On AWS the prices would go to another store, and alarms would be missing.
store=$(parameters -value StoreEndpoint "$env")
rehearsal=$(parameters -value Rehearsal "$env")
if [[ -z ${AWS_ENDPOINT_URL:-} ]]; then
  [[ -z $store ]] || fail "StoreEndpoint is only for an emulator, and AWS_ENDPOINT_URL names none"
  [[ $rehearsal != true ]] || fail "Rehearsal=true is only for an emulator, and AWS_ENDPOINT_URL names none"
fi

built_zips

scratch=$(mktemp -d) # readable by its owner only, since parameters may be secret
trap 'rm -rf "$scratch"' EXIT
described=$scratch/stack told=$scratch/told values=$scratch/parameters
if ! aws cloudformation describe-stacks --stack-name "$stack" --output json >"$described" 2>"$told"; then
  grep -q 'does not exist' "$told" || fail "$(<"$told")"
fi
status=$(member StackStatus "$described")
previous=()
case $status in
'' | REVIEW_IN_PROGRESS)
  type=CREATE
  new_stack
  ;;
*_IN_PROGRESS) fail "$stack is $status: wait until this has finished, or end it with rollback.sh" ;;
UPDATE_ROLLBACK_FAILED)
  fail "$stack is $status and takes no change: see \"A stack is UPDATE_ROLLBACK_FAILED\" in ops/runbook.md"
  ;;
ROLLBACK_COMPLETE | ROLLBACK_FAILED | DELETE_FAILED)
  fail "$stack is $status and cannot be updated: see \"A stack could not be created\" in ops/runbook.md"
  ;;
*) type=UPDATE previous=(-previous "$described" -keep ExistingTable) ;;
esac

if [[ $'\n'${PARAMETERS:-} == *$'\n'ExistingTable=* ]]; then
  [[ $(parameters -value GradualDeployments "$env") != true ]] ||
    fail "for five minutes a tenth of the requests would use another table: add GradualDeployments=false to PARAMETERS"
  table=$(parameters -value ExistingTable "$env")
  [[ -z $table ]] || ops/pipeline/table.sh -check "$env" "$table"
fi
if [[ -n ${ONLY_PARAMETER:-} ]]; then
  GUARD_FLAGS="-same ${GUARD_FLAGS:-}"
  parameters -only "$ONLY_PARAMETER" -previous "$described" "$env" >"$values"
else
  previous=(-template "$release/$template" "${previous[@]}")
  parameters "${previous[@]}" "$env" >"$values"
  # Without the mark a new value would not reach functions and gateway.
  parameters "${previous[@]}" -mark "$release/$template" "$env" >"$scratch/$template"
  aws s3 cp --only-show-errors "$scratch/$template" "s3://$bucket/deployed/$env/$template"
fi

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
  aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$id" --include-property-values --output json >"$file"
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
