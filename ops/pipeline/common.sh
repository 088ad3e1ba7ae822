# Shared by the scripts in this folder, each of which sources it. They run from the project's root, on a laptop, in CI and in
# the rehearsal. They need git, Go and the AWS CLI (1 or 2). The AWS_* variables select account, region or emulator.
# shellcheck shell=bash disable=SC2034,SC2154 # the scripts set env, bucket and commit, and use what is set here
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export AWS_PAGER="" # version 2 would wait for a key press
export AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=8 # a deployment has not failed because one question about it did

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# usage prints the comment at the top of a script.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# choose downloads what to deploy: the templates of a commit and its own samconfig.toml, so that a rollback also restores the
# parameters. PARAMETERS (NAME=VALUE, one per line) replaces some of them. It sets release, template and stack.
choose() {
  release=.build/releases/$bucket/$commit
  if [[ ! -d $release || $commit == *-dirty ]]; then # what is there for a commit never changes
    rm -rf "$release" "$release.new"
    aws s3 cp --recursive --only-show-errors "s3://$bucket/$commit/" "$release.new"
    [[ -f $release.new/samconfig.toml ]] || fail "commit $commit is not in the bucket $bucket: run package.sh first"
    mv "$release.new" "$release"
  fi
  template=template.yaml # of arm64, the default
  [[ $(parameters -value Architecture "$env") != x86_64 ]] || template=template-x86_64.yaml
  stack=$(parameters -stack "$env")
}

parameters() { go run ./samkit/parameters -config "$release/samconfig.toml" "$@"; }

# member prints the first text with a name in a JSON file that is indented as the AWS CLI does it.
member() { sed -n "/^ *\"$1\": \"/{s/^[^:]*: \"\(.*\)\",\{0,1\}$/\1/p;q}" "$2"; }

# remember and recall write and read a line of text in the bucket. recall prints nothing if there is none.
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
