# Takes a role of ops/account.yaml, using the ID token that GitLab gives to a job. Source it:
#
#   . ops/pipeline/login.sh ROLE_ARN
#
# AWS_ID_TOKEN is the token (id_tokens in .gitlab-ci.yml). The keys that it is exchanged for are valid for an hour at most and
# are not written anywhere. Without a token but with AWS_ENDPOINT_URL there is an emulator, which needs no login.
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
  # The token comes from a pipe, because anybody can read the arguments of a process.
  keys=$(aws sts assume-role-with-web-identity --role-arn "$1" --role-session-name "gitlab-${CI_JOB_ID:-$$}" \
    --duration-seconds 3600 --web-identity-token "file://"<(printf %s "$AWS_ID_TOKEN") --output text \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]') || return
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<<"$keys"
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  unset AWS_ID_TOKEN
  echo "logged in as $1"
}

login "${1:?login.sh needs the ARN of a role}"
