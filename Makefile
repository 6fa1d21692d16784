# Spanloop. `make help` lists the targets.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

BIN := bin
GO ?= go
TOOL := $(GO) tool -modfile=internal/tools/go.mod
LINT := $(GO) tool -modfile=internal/tools/lint/go.mod golangci-lint
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TEST_TIMEOUT ?= 15m
FUZZTIME ?= 1m
CRASHES ?= 200
SEED ?= 1
# Embedded files are sources too.
SOURCES := $(shell find cmd internal processor exporter receiver extension examples -type f -not -name '*_test.go' -not -path '*/testdata/*' 2>/dev/null) go.mod go.sum

.PHONY: help build test demo vet lint fmt unit e2e conformance reader readers iceberg objectstore fetch-clients sources e2e-clients bench bench-lookup bench-query bench-late interleaved inversion simulations fuzz crash soak distribution-update tidy clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  \1\t/' | column -t -s "$$(printf '\t')"

build: $(BIN)/otelcol-spanloop $(BIN)/spanloop ## the collector and the command

# The distribution's go.mod and go.sum are committed, so that a build resolves
# nothing: `go mod tidy` and `go mod download` would fetch DuckDB's libraries
# for every platform.
$(BIN)/otelcol-spanloop: builder-config.yaml distribution/go.mod distribution/go.sum $(SOURCES)
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(TOOL) builder --config builder-config.yaml --skip-get-modules --ldflags "-s -w"
	@mv distribution/otelcol-spanloop $@

$(BIN)/spanloop: $(SOURCES)
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/spanloop

$(BIN)/example-%: $(SOURCES)
	@mkdir -p $(BIN)
	$(GO) build -trimpath -o $@ ./examples/$*

demo: build $(BIN)/example-provider $(BIN)/example-agent $(BIN)/example-demo ## the whole loop on real traffic, with its findings
	$(BIN)/example-demo --bin $(BIN) --seed $(SEED)

test: build vet lint unit e2e ## everything that needs no other material: build, vet, lint, unit with the race detector, end to end

vet: ## go vet
	$(GO) vet ./...
	$(GO) vet -tags "e2e conformance" ./...
	cd bench && $(GO) vet ./...
	cd iceberg && $(GO) vet ./...

lint: ## golangci-lint
	$(LINT) run ./...

fmt: ## gofumpt and import order
	$(LINT) fmt ./...

# GOGC trades memory for a quarter of the processor time; no test of these looks at memory.
unit: ## unit tests under the race detector, and in full those that are shortened there
	$(GO) test -race -timeout $(TEST_TIMEOUT) ./...
	GOGC=400 $(GO) test -timeout $(TEST_TIMEOUT) $$(grep -rlE --include='*_test.go' 'race\.(Skip|Fewer)\(' cmd internal processor exporter receiver extension examples | xargs -n1 dirname | sort -u | sed 's,^,./,')

e2e: build $(BIN)/example-provider $(BIN)/example-agent $(BIN)/example-demo ## the built collector, fed over OTLP
	$(GO) test -tags e2e -count 1 -timeout $(TEST_TIMEOUT) ./e2e/...

conformance: build ## every part against ../shared, one figure a set
	@if [ -d "$${SPANLOOP_SHARED:-../shared}" ]; then \
	  SPANLOOP_SHARED="$$(cd "$${SPANLOOP_SHARED:-../shared}" && pwd)" SPANLOOP_READER="$$($(MAKE) -s reader)" \
	    $(GO) test -tags "e2e conformance" -run Conformance -v -count 1 -timeout 40m ./... 2>&1 | \
	    { grep -vE '\[no test(s to run| files)\]$$|^ *(=== |--- PASS|PASS$$|testing: warning: no tests)' || true; }; \
	else echo "conformance: no ../shared beside the checkout (set SPANLOOP_SHARED): nothing compared"; fi

# Independent readers: Python's packages in a virtual environment of its own.
reader:
	@[ -x build/reader/bin/python ] && build/reader/bin/python -c 'import duckdb, polars, pyarrow, pandas' 2>/dev/null || \
	  { command -v python3 >/dev/null && python3 -m venv build/reader >&2 && \
	    build/reader/bin/pip install -q duckdb==1.4.1 polars==2.1.0 pyarrow==26.0.1 pandas==3.1.1 >&2; }
	@echo "$(CURDIR)/build/reader/bin/python"

readers: reader ## DuckDB, Polars, pyarrow, pandas and Spark read the same of one dataset (Spark needs Java 17)
	@build/reader/bin/python -c 'import pyspark' 2>/dev/null || build/reader/bin/pip install -q pyspark==4.3.0
	$(GO) test -tags e2e -run ConformanceEngines -v -count 1 -timeout 10m ./e2e/... | grep -vE '^(=== |--- PASS)'

objectstore: build ## a dataset on real servers of S3 (moto), Google (fake-gcs-server) and Azure (Azurite), whole and while one fails (needs Node)
	@[ -x build/moto/bin/moto_server ] || { python3 -m venv build/moto && build/moto/bin/pip install -q 'moto[server,s3]==5.2.5'; }
	@[ -x build/gcs/fake-gcs-server ] || GOBIN=$(CURDIR)/build/gcs $(GO) install github.com/fsouza/fake-gcs-server@v1.52.3
	@[ -x build/azurite/node_modules/.bin/azurite-blob ] || npm install --prefix build/azurite --no-audit --no-fund --silent azurite@3.35.0
	SPANLOOP_MOTO=$(CURDIR)/build/moto/bin/moto_server SPANLOOP_GCS=$(CURDIR)/build/gcs/fake-gcs-server \
	  SPANLOOP_AZURITE=$(CURDIR)/build/azurite/node_modules/.bin/azurite-blob \
	  $(GO) test -tags "e2e objectstore" -run TestObjectStore -v -count 1 -timeout 10m ./e2e/... | grep -vE '^(=== |--- PASS)'

fetch-clients: build ## Langfuse's SDKs, unmodified, against the fetch API: fetch, cache, compile, link, a canary over KEYS (10,000) keys (needs Node)
	@[ -x build/langfuse/bin/python ] || { python3 -m venv build/langfuse && build/langfuse/bin/pip install -q langfuse==5.0.4; }
	@[ -d build/langfuse-js/node_modules/@langfuse/otel ] || npm install --prefix build/langfuse-js --no-audit --no-fund --silent \
	  @langfuse/client@5.11.1 @langfuse/otel@5.11.1 @langfuse/tracing@5.11.1 @opentelemetry/sdk-trace-node@2.12.1
	SPANLOOP_KEYS=$(or $(KEYS),10000) SPANLOOP_LANGFUSE_PYTHON=$(CURDIR)/build/langfuse/bin/python SPANLOOP_LANGFUSE_JS=$(CURDIR)/build/langfuse-js \
	  $(GO) test -tags "e2e clients" -run TestFetchClients -v -count 1 -timeout 20m ./e2e/... | grep -vE '^(=== |--- PASS)'

SERVERS ?= mlflow phoenix
sources: $(BIN)/spanloop ## imports from real servers of MLflow and Phoenix, or SERVERS ("mlflow"), what their own clients put there
	@for server in $(SERVERS); do \
	  case $$server in \
	    mlflow) packages='mlflow==3.17.2';; \
	    phoenix) packages='arize-phoenix==20.26.1 arize-phoenix-client==3.5.0 openai';; \
	    *) echo "sources: no server $$server" >&2; exit 1;; \
	  esac; \
	  [ -x build/$$server/bin/$$server ] || { python3 -m venv build/$$server && build/$$server/bin/pip install -q $$packages; }; \
	done
	SPANLOOP_SERVERS="$(SERVERS)" $(GO) test -tags "e2e sources" -run TestSources -v -count 1 -timeout 15m ./e2e/... | grep -vE '^(=== |--- PASS)'

# One set of packages each that do not go together, named as in e2e/clientrows_test.go.
# OpenTelemetry's openai-v2 wants OpenAI's client before 3 and, for its old form, the
# utilities before 1.
OPENAI := openai==3.57.0 anthropic==2.14.0 opentelemetry-exporter-otlp-proto-http==1.45.2
OTEL_JS := zod@4.6.7 @opentelemetry/sdk-trace-node@2.12.1 @opentelemetry/exporter-trace-otlp-http@0.223.1
CLIENTS ?= otel otel-v2 openinference traceloop langfuse langsmith pydantic mlflow js ai7
e2e-clients: build ## real client libraries, all or the sets CLIENTS ("otel js"), unmodified, against the collector: what each puts on its spans, and what is resolved (needs Node)
	@python() { python3 -m venv build/clients/$$1 && build/clients/$$1/bin/pip install -q "$${@:2}"; }; \
	node() { npm install --prefix build/clients/$$1 --no-audit --no-fund --silent "$${@:2}"; }; \
	for client in $(CLIENTS); do \
	  [ ! -f build/clients/$$client/installed ] || continue; \
	  case $$client in \
	    otel) python otel $(OPENAI) opentelemetry-instrumentation-genai-openai==1.3b0 opentelemetry-instrumentation-genai-anthropic==1.3b0;; \
	    otel-v2) python otel-v2 $(subst 3.57.0,2.54.0,$(OPENAI)) opentelemetry-instrumentation-openai-v2==2.4b0 opentelemetry-util-genai==0.4b0;; \
	    openinference) python openinference $(OPENAI) openinference-instrumentation-openai==0.1.66 openinference-instrumentation-anthropic==3.1.0;; \
	    traceloop) python traceloop $(OPENAI) opentelemetry-instrumentation-openai==0.62.4 opentelemetry-instrumentation-anthropic==0.62.4;; \
	    langfuse) python langfuse $(OPENAI) langfuse==5.0.4;; \
	    langsmith) python langsmith $(OPENAI) 'langsmith[otel]==0.15.1' langchain-openai==1.7.4 langchain-core==1.8.3;; \
	    pydantic) python pydantic $(OPENAI) 'pydantic-ai-slim[openai,anthropic]==2.68.0';; \
	    mlflow) python mlflow $(OPENAI) mlflow==3.17.2;; \
	    js) node js $(OTEL_JS) ai@6.0.325 @ai-sdk/openai@3.0.141 @ai-sdk/anthropic@3.0.140 openai@6.30.1 @langfuse/openai@5.11.1 @langfuse/otel@5.11.1;; \
	    ai7) node ai7 $(OTEL_JS) ai@7.0.173 @ai-sdk/openai@4.0.118 @ai-sdk/anthropic@4.0.105 @ai-sdk/otel@1.0.173;; \
	    *) echo "e2e-clients: no set of packages $$client" >&2; exit 1;; \
	  esac; \
	  touch build/clients/$$client/installed; \
	done
	SPANLOOP_CLIENTS="$(CLIENTS)" $(GO) test -tags "e2e clients" -run 'TestClients$$|TestClientProvider' -v -count 1 -timeout 20m ./e2e/... | grep -vE '^ *(=== |--- PASS)'

iceberg: ## Iceberg takes the dataset's files as they are: counts, sums, twice refused
	cd iceberg && $(GO) test -count 1 -v -run . ./... | grep -vE '^(=== |--- PASS)'

bench: build ## speed and size, with ratios to contrib's file exporter
	$(GO) test -run "^$$" -bench . -benchmem -benchtime 0.3s ./internal/... ./processor/... ./exporter/... ./receiver/... ./extension/... | grep -E "^(Benchmark|FAIL|panic)"
	cd bench && $(GO) run ./encode
	cd bench && $(GO) run ./collector -bin ../$(BIN)/otelcol-spanloop

roundtrip: ## 100,000 generated spans, histories included: OTLP -> Parquet -> OTLP equal
	@SPANLOOP_ROUNDTRIP=$(or $(SPANS),100000) $(GO) test -run RoundTripOfManyPushes -v -count 1 -timeout 20m ./internal/dataset | grep -vE '^(=== |PASS$$)'

bench-lookup: ## one span and one trace by id in SPANS rows (10,000,000; SPANS=1000000 for a short form), warm
	@SPANLOOP_LOOKUP=$(or $(SPANS),10000000) $(GO) test -run LookUpFigures -v -count 1 -timeout 60m ./internal/query | grep -vE '^(=== |--- PASS|PASS$$)'

bench-query: ## memory and processor time of statements over all of SPANS rows (20,000,000), and over FILES small files (3,000)
	@SPANLOOP_QUERY=$(or $(SPANS),20000000) SPANLOOP_FILES=$(or $(FILES),3000) \
	  $(GO) test -run 'QueryFigures|ManyFilesFigures' -v -count 1 -timeout 60m ./internal/query | grep -vE '^(=== |--- PASS|PASS$$)'

bench-late: ## time of statements over SPANS (1,000,000) spans that say all themselves, nothing, or all on one span of a trace
	@SPANLOOP_LATE=$(or $(SPANS),1000000) $(GO) test -run LateIdentityFigures -v -count 1 -timeout 60m ./internal/query | sed -nE 's/^ +latefigures_test.go:[0-9]+: //p; /^(FAIL|--- *FAIL)/p'

interleaved: build ## identity of TRACES (10,000) agent traces that overlap, in end-time and in random order
	@SPANLOOP_TRACES=$(or $(TRACES),10000) $(GO) test -tags e2e -run InterleavedTraces -v -count 1 -timeout 20m ./e2e/... | grep -vE '^(=== |PASS$$)'

simulations: ## error rates and power of the statistics, on simulated sessions (docs/statistics.md)
	@$(GO) test -count 1 -v -run 'FalsePositives|Coverage|Peeking|MixShift|NothingChanged|PlantedDifferences|MixAlone' ./internal/stats ./internal/compare \
	  | sed -nE 's/^ +property_test.go:[0-9]+: //p; /^(FAIL|---  *FAIL)/p'

inversion: ## 2,000 prompts of five versions rendered and recognised again, by template language and case
	@$(GO) test -run '^TestInversion$$' -v -count 1 ./internal/registry -args -inversion.prompts 2000 \
	  | sed -nE 's/^ +inversion_test.go:[0-9]+: //p; /^(FAIL|---  *FAIL)/p'

fuzz: ## every fuzz test for FUZZTIME each, a duration or a count (2000x)
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$pkg/*_test.go | cut -c6- | sort -u); do \
	    echo "fuzz: $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s $$pkg; done; done

crash: build ## kill -9 under load, CRASHES times, and on full disks: acknowledged = present
	SPANLOOP_CRASHES=$(CRASHES) $(GO) test -tags e2e -run TestCrash -v -count 1 -timeout 60m ./e2e/...

soak: build ## full speed for SOAK an arm: rows in = rows out, memory below 400 MB, open files flat
	SPANLOOP_SOAK=$(or $(SOAK),2m) $(GO) test -tags e2e -run TestSoak -v -count 1 -timeout 2h ./e2e/...

distribution-update: ## resolve the distribution's go.mod again after a change of pins
	CGO_ENABLED=0 $(TOOL) builder --config builder-config.yaml --skip-compilation

tidy: ## go mod tidy in every module
	$(GO) mod tidy
	cd internal/tools && $(GO) mod tidy
	cd internal/tools/lint && $(GO) mod tidy
	cd bench && $(GO) mod tidy
	cd iceberg && $(GO) mod tidy

clean: ## remove what was built
	rm -rf $(BIN) build distribution/*.go
