#!/usr/bin/env bash
# Builds every function and uploads what is deployed to the bucket, once for all environments of an account:
#
#   package.sh BUCKET [COMMIT [MANIFEST]]
#
# MANIFEST is the file of a package of this commit in another account: the manifests must be equal, or nothing is uploaded.
# functions/<name>/<sha256>.zip is already there if the function has not changed. <COMMIT>/ has the template, the manifest and
# samconfig.toml, and is never overwritten with something else. COMMIT is git's HEAD if it is not given. samkit/pack gets
# PACK_FLAGS.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"
(($# >= 1 && $# <= 3)) || usage
bucket=$1 same=${3:+$(<"$3")}

# A commit's name stands for its bytes. Untracked files do not count, because caches and tools leave some.
if [[ -n ${2:-} && $2 == "$(git rev-parse -q --verify HEAD)" ]] && ! git diff --quiet HEAD --; then
  fail "the working tree has changes that are not in $2: commit them or remove them"
fi

rm -rf .build/release
# shellcheck disable=SC2086 # PACK_FLAGS are words
go run ./samkit/pack -out .build -bucket "$bucket" ${2:+-commit "$2"} ${PACK_FLAGS:-}
commit=$(member commit .build/manifest.json)
[[ -z ${3:-} || $same == "$(<.build/manifest.json)" ]] || fail "this is not what $3 was built from: another commit, compiler or setting"
cp .build/manifest.json samconfig.toml .build/release/

before=$(recall "$commit/manifest.json")
[[ -z $before || $before == "$(<.build/manifest.json)" ]] ||
  fail "s3://$bucket/$commit/ holds another build of this commit. What was deployed must not change: use another COMMIT"

mapfile -t zips < <(sed -n 's/^ *"zip": "\(.*\)",$/\1/p' .build/manifest.json)
chosen=()
for zip in "${zips[@]}"; do # and the SBOM beside it
  chosen+=(--include "${zip#functions/}" --include "$(sed 's|^functions/||; s|zip$|cdx.json|' <<<"$zip")")
done
# The content is in the name, so there is no need to compare times.
uploaded=$(aws s3 sync .build/functions "s3://$bucket/functions" --no-progress --size-only --exclude '*' "${chosen[@]}")
for zip in "${zips[@]}"; do
  if [[ $uploaded == *"$zip"* ]]; then echo "uploaded  $zip"; else echo "was there $zip"; fi
done
aws s3 cp --recursive --only-show-errors .build/release "s3://$bucket/$commit"
echo "packaged $commit in s3://$bucket"
