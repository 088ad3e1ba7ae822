#!/bin/sh
# Run by `make run` once the API answers: makes a token with every scope and shows how to use it. The gateway's
# -on-ready gives URL, TABLE_Table, DEPLOY_ENV and the AWS_* variables; .local/env keeps those of the table for other tools.
set -eu
"${TOKEN_TOOL:-.local/bin/token}" make -table "$TABLE_Table" -client local -scopes "ingest read catalog self-check" -out .local/token
(umask 077 && cat >.local/env <<EOF
export AWS_ENDPOINT_URL_DYNAMODB="${AWS_ENDPOINT_URL_DYNAMODB:-}" AWS_REGION="${AWS_REGION:-}"
export AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-}" TABLE_Table="$TABLE_Table"
EOF
)
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
cat <<EOF

A token with all scopes is in .local/token. Try it from another terminal in this folder:

curl -X PUT $URL/v1/competitors/bigmart -H "Authorization: Bearer \$(cat .local/token)" -H "Content-Type: application/json" -d '{"name":"BigMart","kind":"retailer"}'

curl $URL/v1/observations -H "Authorization: Bearer \$(cat .local/token)" -H "Content-Type: application/json" -d '{"productId":"ZU-1042","competitorId":"bigmart","availability":"InStock","price":{"amount":"19.95","currency":"USD"},"shipping":{"amount":"2.99","currency":"USD"},"source":{"id":"crawler-a","kind":"crawler"},"observedAt":"$now"}'

curl $URL/v1/products/ZU-1042/offers -H "Authorization: Bearer \$(cat .local/token)"

Something failed? Each answer has an id (x-request-id; the end of its line below):  go run ./tools/trace ID

EOF
