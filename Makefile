# The commands of people and of CI. `make` alone lists them.
ADDR ?= 127.0.0.1
PORT ?= 3000
ENV  ?= dev
ARCH ?= arm64
SAM  ?= sam
PACKED ?= .build/template.yaml

.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# The tools are built with the functions' flags, so that what both import is compiled once. Messages go to the standard
# error: with ARGS=-json the standard output has JSON alone.
run: ddb ## serve the API on http://127.0.0.1:3000 (ADDR, PORT, ENV; RESET=1 starts without data and log; ARGS=-json etc.)
	@mkdir -p .local/bin
	@echo "Building samkit/local and tools/token. The first time this compiles the AWS SDK and takes about a minute." >&2
	@start=$$(date +%s); CGO_ENABLED=0 go build -trimpath -tags=lambda.norpc -o .local/bin/ ./samkit/local ./tools/token && \
		echo "Built in $$(($$(date +%s) - start)) s." >&2
	@exec .local/bin/local -addr $(ADDR):$(PORT) -env $(ENV) -param HistoryDays=4000 -watch -on-ready tools/token/welcome.sh $(ARGS)

# GORACE: a program with the race detector rests for a second at its end, and each package is one. Packages whose code starts no goroutine,
# the functions, the verifier, the tests of the template and the bench take two to five times as long under it, and it has nothing to find
# there: a handler waits for the store, which calls it back from one goroutine at a time, and the store's own tests are watched.
RACELESS = /(functions/.*|samkit/(verify.*|pack|pythonenv)|shared/(board|forward)|tools/(bench|dashboards|templatetest|docs|export|restore|feed/(rows|mapping)|parity/(compare|judge|traffic)|chaos/plan|prewarm|cost|internal/(history|profile|prices|localtest|stats)))$$

test: ddb gitlab-ci python ## run every test on the real engine, race detector included
	GORACE=atexit_sleep_ms=50 go test -race -shuffle=on -count=1 $$(go list ./... | grep -vE '$(RACELESS)')
	go test -shuffle=on -count=1 $$(go list ./... | grep -E '$(RACELESS)')
	go test -run Property -count=1 ./shared/board ./shared/store # all their cases: above are a few

lint: .local/bin/golangci-lint ## gofmt, vet and the linters of .golangci.yml
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	.local/bin/golangci-lint run ./...

audit: .local/bin/gitleaks .local/bin/govulncheck ## look for changed modules, secrets in the history and known vulnerabilities
	@.ci/audit || test $$? = 75 # it has said that a part was skipped

verify: ## check the template for every environment: linters, transform, OpenAPI, models, our rules, the code it deploys; and the account's
	go run ./samkit/verify -plain ops/account.yaml

docs: .local/bin/oapi-codegen redocly ## write docs/openapi.json from docs/contract.yaml and template.yaml; from that the Go client's code and a page, docs/api.html
	go run ./tools/docs
	.local/bin/oapi-codegen -config client/oapi-codegen.yaml docs/openapi.json
	@REDOCLY_TELEMETRY=off tools/docs/page/node_modules/.bin/redocly build-docs docs/openapi.json --inlineBundle -o docs/api.html \
		>.local/page.log 2>&1 || { cat .local/page.log; exit 1; }

dashboards: ## write the dashboards of CloudWatch (into template.yaml) and Grafana (ops/grafana) from tools/dashboards
	go run ./tools/dashboards

contract-test: ## ask the API of `make run` for all that docs/openapi.json promises, by Schemathesis (half a minute; PORT=3001 etc.)
	go run ./tools/contracttest -url http://$(ADDR):$(PORT)

sam-test: ddb ## run the project in the real SAM CLI and compare it with `make run` (root on Debian; half a minute)
	@mkdir -p .local/bin
	@go build -o .local/bin/ ./tools/samtest
	@exec .local/bin/samtest

pipeline: gitlab-ci ## run .gitlab-ci.yml without GitLab, on an emulator of AWS, from build to the rollback (ARGS=-all: all jobs)
	go run ./tools/rehearse -pipeline $(ARGS)

pack: ## build what is deployed, twice: zips, templates, hashes and SBOMs in .build (ARCH="arm64,x86_64")
	go run ./samkit/pack -arch $(ARCH)

deploy: pack ## deploy this working tree to ENV with the SAM CLI; the pipeline does it by the scripts of ops/pipeline
	go run ./samkit/parameters -mark $(PACKED) $(ENV) >.build/marked.yaml
	$(SAM) deploy --config-file $(CURDIR)/samconfig.toml --config-env $(ENV) --template-file .build/marked.yaml $(DEPLOY_FLAGS)

rehearse: ## deploy dev and prod to an emulator of AWS, from nothing to a rollback (minutes; ARGS=-sam: also by `make deploy`)
	go run ./tools/rehearse $(ARGS)

inspect: ## print what the table of `make run` holds of PRODUCT
	@. .local/env && go run ./tools/inspect -product "$(PRODUCT)"

logs: .local/bin/victoria-logs ## show the log of `make run`, as it grows, on a search page (loopback; ARGS="-addr 127.0.0.1:9429")
	@mkdir -p .local && go build -o .local/bin/ ./tools/trace
	@exec .local/bin/trace -serve .local/bin/victoria-logs $(ARGS)

export: ## write all observations in the table of `make run` to files in OUT (ARGS="-format parquet" etc.)
	@. .local/env && go run ./tools/export -out "$(OUT)" $(ARGS)

mutants: ddb ## break the store in known ways, one at a time, and see that the named test fails each time (minutes)
	go run ./tools/mutants

chaos: ddb ## let everything go wrong from fresh seeds and look into the table for what got lost (ARGS="-minutes 3 -binaries 5")
	go run ./tools/chaos $(ARGS)

bench-capacity: ddb ## count capacity units, side by side with the usual design (minutes; ARGS="-goals")
	go run ./tools/bench $(ARGS)

bench-cold: ddb ## measure cold starts of the functions, side by side with usual code (a minute; ARGS="-rounds 5")
	go run ./tools/bench cold $(ARGS)

bench-warm: ddb ## measure warm invocations of the functions, side by side with usual code (minutes)
	go run ./tools/bench warm $(ARGS)

bench-bulk: ddb ## measure queries of 500 products, side by side with one query a product (minutes; ARGS="-offers 8")
	go run ./tools/bench bulk $(ARGS)
spike: ddb ## send observations at 5 to 700 a second, and look every acknowledged one up (two minutes; ARGS="-items 20")
	go run ./tools/spike $(ARGS)

fmt: ## format all Go code
	gofmt -w $$(git ls-files '*.go')

build: ## compile everything
	go build ./...

clean: ## remove what was made here, local data included
	rm -rf .local .build .aws-sam samkit/engine/node_modules tools/pipeline/node_modules tools/docs/page/node_modules docs/api.html

ddb: samkit/engine/node_modules/.package-lock.json # the embedded DynamoDB engine (Linux x86-64; elsewhere set AWS_ENDPOINT_URL_DYNAMODB)

samkit/engine/node_modules/.package-lock.json: samkit/engine/package-lock.json
	npm ci --silent --prefix samkit/engine
	@touch $@

gitlab-ci: tools/pipeline/node_modules/.package-lock.json # gitlab-ci-local

tools/pipeline/node_modules/.package-lock.json: tools/pipeline/package-lock.json
	npm ci --silent --prefix tools/pipeline
	@touch $@

redocly: tools/docs/page/node_modules/.package-lock.json # makes the page of the contract

tools/docs/page/node_modules/.package-lock.json: tools/docs/page/package-lock.json
	npm ci --silent --prefix tools/docs/page
	@touch $@

python: # the Python environments that tests need, below .local; programs that need one make it themselves
	@go run ./samkit/pythonenv/install samkit/verify samkit/emulator tools/export >/dev/null

# Programs of other Go modules. Their versions stand here, so that a change of this file brings them up to date.
.local/bin/golangci-lint: module = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
.local/bin/gitleaks: module = github.com/zricethezav/gitleaks/v8@v8.30.1
.local/bin/govulncheck: module = golang.org/x/vuln/cmd/govulncheck@v1.9.0
.local/bin/oapi-codegen: module = github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2
.local/bin/victoria-logs: module = github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.1
.local/bin/golangci-lint .local/bin/gitleaks .local/bin/govulncheck .local/bin/oapi-codegen .local/bin/victoria-logs: Makefile
	GOBIN=$(CURDIR)/.local/bin go install $(module)
	@touch $@ # go install leaves alone what is up to date

.PHONY: help run test lint audit verify docs dashboards contract-test sam-test pipeline pack deploy rehearse inspect export logs mutants bench-capacity fmt build clean ddb gitlab-ci redocly python bench-cold bench-warm bench-bulk spike chaos
