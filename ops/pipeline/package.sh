#!/usr/bin/env bash
# Builds every function and uploads what is deployed to the bucket, once for all environments of an account:
#
#   package.sh BUCKET [COMMIT [MANIFEST]]
#
# MANIFEST is the file of a package of this commit in another account: the manifests must be equal, or nothing is uploaded.
# functions/<name>/<sha256>.zip is already there if the function has not changed. <COMMIT>/ has the template, the manifest and
# samconfig.toml. Nothing is ever overwritten, which the bucket's policy demands. COMMIT is git's HEAD if it is not given. samkit/pack
# gets PACK_FLAGS. The last line has the SHA-256 of the manifest: .build/manifest.json is what the other scripts compare with.
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

# store uploads a file of .build once. `aws s3 cp` cannot ask for that, and uploads large files in parts.
store() {
  local told try
  for try in 1 2 3; do
    if told=$(aws s3api put-object --bucket "$bucket" --key "$2" --body "$1" --if-none-match '*' 2>&1 >/dev/null); then
      echo "uploaded  $2"
      return
    fi
    [[ $told == *ConditionalRequestConflict* ]] || break # somebody else uploads it at this moment
    sleep "$try"
  done
  case $told in
  *PreconditionFailed*) echo "was there $2" ;;
  *'Unknown options'*) fail "this AWS CLI cannot upload without overwriting: it must be 2.18 or 1.35, or later" ;;
  *) fail "$told" ;;
  esac
}

# in_turn runs a command beside up to three others.
running=0
in_turn() {
  "$@" &
  ((++running < 4)) || next
}
next() { wait -n && ((running -= 1, 1)); }

there=$(aws s3api list-objects-v2 --bucket "$bucket" --prefix functions/ --query 'Contents[].[Key]' --output text)
mapfile -t zips < <(sed -n 's/^ *"zip": "\(.*\)",$/\1/p' .build/manifest.json)
for zip in "${zips[@]}"; do # and the SBOM beside it
  for key in "$zip" "${zip%zip}cdx.json"; do
    if grep -qxF -- "$key" <<<"$there"; then echo "was there $key"; else in_turn store ".build/$key" "$key"; fi
  done
done
for file in .build/release/*; do
  in_turn store "$file" "$commit/${file##*/}"
done
while ((running > 0)); do next; done

stored=$(mktemp -d)
trap 'rm -rf "$stored"' EXIT
aws s3 cp --recursive --only-show-errors "s3://$bucket/$commit/" "$stored"
diff -r "$stored" .build/release >&2 ||
  fail "s3://$bucket/$commit/ holds another build of this commit. What was deployed must not change: use another COMMIT"
echo "packaged $commit in s3://$bucket, manifest $(sha256 <.build/manifest.json)"
