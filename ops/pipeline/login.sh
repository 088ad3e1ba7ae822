# Takes a role of ops/account.yaml with the ID token that GitLab gives a job. Source it:
#
#   . ops/pipeline/login.sh ROLE_ARN
#
# AWS_ID_TOKEN is the token (id_tokens in .gitlab-ci.yml); the keys it is changed for end with the job, at the latest after
# an hour, and are written nowhere. Without a token but with AWS_ENDPOINT_URL there is an emulator and nothing to log in to.
# shellcheck shell=bash

login() {
  local keys
  if [[ -z ${AWS_ID_TOKEN:-} && -n ${AWS_ENDPOINT_URL:-} ]]; then
    echo "no login: $AWS_ENDPOINT_URL stands for AWS"
    return
  fi
  if [[ -z ${AWS_ID_TOKEN:-} ]]; then
    echo "login.sh: AWS_ID_TOKEN is empty: the job needs id_tokens" >&2
    return 1
  fi
  # From a pipe, because the arguments of a process are everybody's to read.
  keys=$(aws sts assume-role-with-web-identity --role-arn "$1" --role-session-name "gitlab-${CI_JOB_ID:-$$}" \
    --duration-seconds 3600 --web-identity-token "file://"<(printf %s "$AWS_ID_TOKEN") --output text \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]') || return
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<<"$keys"
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  unset AWS_ID_TOKEN
  echo "logged in as $1"
}

login "${1:?login.sh needs the ARN of a role}"
