# What the scripts of this folder share; each sources it. They run from the project's root, on a laptop, in CI and in the
# rehearsal alike, and need git, Go and the AWS CLI (1 or 2). The AWS_* variables say which account, region or emulator.
# shellcheck shell=bash disable=SC2154 # each script sets env, bucket and commit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export AWS_PAGER="" # version 2 would wait for a key

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# usage prints the comment at a script's head.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# choose finds what to deploy: the parameters in samconfig.toml of the commit itself, so that a rollback brings back its
# parameters too; PARAMETERS (NAME=VALUE, one a line) stand in their stead. Sets stack, samconfig, extra and work.
choose() {
  work=.build/$env
  mkdir -p "$work"
  samconfig=$work/samconfig.toml
  aws s3 cp --only-show-errors "s3://$bucket/$commit/samconfig.toml" "$samconfig" ||
    fail "commit $commit is not in the bucket $bucket: package.sh puts it there"
  extra=()
  [[ -z ${PARAMETERS:-} ]] || mapfile -t extra <<<"$PARAMETERS"
  stack=$(parameters -stack "$env")
}

parameters() { go run ./tools/parameters -config "$samconfig" "$@" "${extra[@]}"; }

# outputs prints the stack's outputs.
outputs() { aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs' --output json; }

# member prints the first text of a name in a JSON file as the AWS CLI indents it.
member() { sed -n "/^ *\"$1\": \"/{s/^[^:]*: \"\(.*\)\",\{0,1\}$/\1/p;q}" "$2"; }

# remember and recall keep a line of text in the bucket; recall of what was never kept prints nothing.
remember() { aws s3 cp --only-show-errors - "s3://$bucket/$1" <<<"$2"; }

recall() {
  local told
  told=$(mktemp)
  if ! aws s3 cp --only-show-errors "s3://$bucket/$1" - 2>"$told" && ! grep -Eq '404|NoSuchKey|Not Found' "$told"; then
    cat "$told" >&2
    rm -f "$told"
    return 1
  fi
  rm -f "$told"
}
