#!/usr/bin/env bash
# Gives a restored table what a restoration leaves out, so that it can take the place of an environment's own table:
#
#   table.sh [-check] ENV TABLE
#
# That is point-in-time recovery, TTL, protection from deletion, the stack's tags, and the index if it was left out. It waits
# until the index is filled. What is set already stays, so it can be run again. TABLE is called pricing-ENV-...: the roles'
# boundary lets functions use no other. Run it with rights of your own; the pipeline's role may only look. With -check it
# changes nothing, and fails if something is missing; changeset.sh does that before it names the table to the stack.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
look=
[[ ${1:-} != -check ]] || { look=1 && shift; }
(($# == 2)) || usage
env=$1 table=$2
[[ $table == "pricing-$env"-* ]] || fail "$table is not called pricing-$env-...: no function of $env may use it"

ask() { aws dynamodb "$1" --table-name "$table" --output text --query "$2"; }
change() { aws dynamodb "$1" --table-name "$table" "${@:2}" >/dev/null; }

# missing prints what the table lacks, in words. The stack's own table has it by template.yaml.
missing() {
  local is
  is=$(ask describe-continuous-backups ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus)
  [[ $is == ENABLED ]] || echo recovery
  is=$(ask describe-time-to-live 'TimeToLiveDescription.[TimeToLiveStatus, AttributeName]')
  [[ $is == ENABL*$'\t'expires ]] || echo TTL # it is ENABLING for up to an hour
  [[ $(ask describe-table Table.DeletionProtectionEnabled) == True ]] || echo protection
  is=$(ask describe-table "Table.GlobalSecondaryIndexes[?IndexName=='products'] | [0].IndexStatus")
  case $is in
  ACTIVE) ;;
  None) echo index ;;
  *) echo filled-index ;;
  esac
}

# settle waits until the table takes a change: it takes one at a time, and none while it is being restored.
settle() { while [[ $(ask describe-table Table.TableStatus) =~ ^(CREATING|UPDATING)$ ]]; do sleep 5; done; }

keys=$(ask describe-table "join(',', Table.KeySchema[].AttributeName)")
[[ $keys == pk,sk ]] || fail "$table has the keys $keys, not pk,sk: it is no copy of the table of $env"
if [[ -n $look ]]; then
  lacks=$(missing)
  [[ -z $lacks ]] || fail "$table lacks ${lacks//$'\n'/, }: run \`ops/pipeline/table.sh $env $table\` first"
  exit
fi

settle
for what in $(missing); do
  case $what in
  recovery) change update-continuous-backups --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true ;;
  TTL) change update-time-to-live --time-to-live-specification Enabled=true,AttributeName=expires ;;
  protection) change update-table --deletion-protection-enabled ;;
  index)
    change update-table --attribute-definitions AttributeName=b,AttributeType=S AttributeName=pk,AttributeType=S \
      --global-secondary-index-updates '[{"Create": {"IndexName": "products", "Projection": {"ProjectionType": "ALL"},
        "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}, {"AttributeName": "pk", "KeyType": "RANGE"}]}}]'
    ;;
  esac
  echo "$table gets: $what"
  settle
done
arn=$(ask describe-table Table.TableArn)
aws dynamodb tag-resource --resource-arn "$arn" --tags Key=Project,Value=pricing "Key=Environment,Value=$env"
while lacks=$(missing) && [[ -n $lacks ]]; do
  echo "waiting for: ${lacks//$'\n'/, }"
  sleep 10
done
echo "$table has what the table of $env needs"
