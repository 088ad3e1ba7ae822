# What the scripts of this folder share; each sources it. They run from the project's root, on a laptop, in CI and in the
# rehearsal alike, and need git, Go and the AWS CLI (1 or 2). The AWS_* variables say which account, region or emulator.
# shellcheck shell=bash disable=SC2034,SC2154 # the scripts set env, bucket and commit, and use what is set here
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export AWS_PAGER="" # version 2 would wait for a key
export AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=8 # a deployment must not count as failed because one question about it did

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# usage prints the comment at a script's head.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# choose finds what to deploy: the templates of a commit and its own samconfig.toml, so that a rollback brings back its
# parameters too; PARAMETERS (NAME=VALUE, one a line) stand in their stead. Sets release and stack.
choose() {
  release=.build/releases/$bucket/$commit
  if [[ ! -d $release || $commit == *-dirty ]]; then # what stands there for a commit never changes
    rm -rf "$release" "$release.new"
    aws s3 cp --recursive --only-show-errors "s3://$bucket/$commit/" "$release.new"
    [[ -f $release.new/samconfig.toml ]] || fail "commit $commit is not in the bucket $bucket: package.sh puts it there"
    mv "$release.new" "$release"
  fi
  stack=$(parameters -stack "$env")
}

parameters() { go run ./samkit/parameters -config "$release/samconfig.toml" "$@"; }

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
