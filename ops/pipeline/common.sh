# Shared by the scripts in this folder, each of which sources it. They run from the project's root, on a laptop, in CI and in
# the rehearsal. They need git, Go and the AWS CLI (2.18 or 1.35, and later). The AWS_* variables select account, region or emulator.
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
# parameters. PARAMETERS (NAME=VALUE, one per line) replaces some of them. It sets release, manifest, template, arch and stack.
#
# Whoever may write to the bucket must not be able to choose what is deployed. So the hash of the commit's manifest never comes from
# beside the manifest: it is MANIFEST, which rollback.sh takes from deployed/ENV/, or that of .build/manifest.json where this is the
# commit's (package.sh writes it; in GitLab it is the artifact of its job). Everything else is compared with the manifest.
choose() {
  release=.build/releases/$bucket/$commit
  manifest=${MANIFEST:-}
  if [[ -z $manifest && -f .build/manifest.json && $(member commit .build/manifest.json) == "$commit" ]]; then
    manifest=$(sha256 <.build/manifest.json)
  fi
  [[ $manifest =~ ^[0-9a-f]{64}$ ]] || fail "it is not known what commit $commit is: .build/manifest.json is of another or missing.
Set MANIFEST to the SHA-256 of its manifest, which package.sh printed (in GitLab: in the log of the job package of that commit)"
  if [[ ! -d $release || $commit == *-dirty ]]; then # what is there for a commit never changes
    rm -rf "$release" "$release.new"
    aws s3 cp --recursive --only-show-errors "s3://$bucket/$commit/" "$release.new"
    [[ -f $release.new/samconfig.toml ]] || fail "commit $commit is not in the bucket $bucket: run package.sh first"
    mv "$release.new" "$release"
  fi
  built manifest.json "$manifest"
  built samconfig.toml "$(member samconfig.toml "$release/manifest.json")"
  arch=arm64 template=template.yaml # the default
  [[ $(parameters -value Architecture "$env") != x86_64 ]] || arch=x86_64 template=template-x86_64.yaml
  [[ -f $release/$template ]] || fail "commit $commit was not packaged for this architecture"
  built "$template" "$(member "$template" "$release/manifest.json")"
  stack=$(parameters -stack "$env")
}

# built refuses a file of a commit that does not have the given SHA-256. A template's is that of the one that names no bucket.
built() {
  local is edit=""
  [[ $1 != template* ]] || edit="s|s3://$bucket/functions/|./functions/|"
  is=$(sed "$edit" "$release/$1" | sha256)
  [[ $is == "$2" ]] && return
  rm -rf "$release" # so that it is fetched again
  fail "s3://$bucket/$commit/$1 is not what was built: its SHA-256 is $is and not ${2:-in the manifest}. Find out who wrote it"
}

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }

# zips lists what is deployed for each function: functions/NAME/SHA256.zip.
zips() { sed -n "/^ *\"$arch\": {/,/}/s/^ *\"zip\": \"\(.*\)\",\$/\1/p" "$release/manifest.json"; }

# built_zips refuses zips in the bucket that are not those of the manifest.
built_zips() {
  local zip is chosen=()
  while read -r zip; do chosen+=(--include "${zip#functions/}"); done < <(zips)
  ((${#chosen[@]} > 0)) || fail "the manifest of commit $commit lists no zip for $arch"
  rm -rf .build/fetched
  aws s3 cp --recursive --only-show-errors --exclude '*' "${chosen[@]}" "s3://$bucket/functions/" .build/fetched
  while read -r zip; do
    [[ -f .build/fetched/${zip#functions/} ]] || fail "s3://$bucket/$zip is missing"
    is=$(sha256 <".build/fetched/${zip#functions/}")
    [[ $zip == */"$is".zip ]] || fail "s3://$bucket/$zip is not what was built: its SHA-256 is $is. Find out who wrote it"
  done < <(zips)
  rm -rf .build/fetched
}

# new_stack sets what holds for a stack that is to be made. If its creation fails, CloudFormation deletes the table. A protected one would
# stop that: ROLLBACK_FAILED, which nothing repeats.
new_stack() {
  GUARD_FLAGS="-new ${GUARD_FLAGS:-}"
  export PARAMETERS="${PARAMETERS:+$PARAMETERS
}DeletionProtection=false"
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
