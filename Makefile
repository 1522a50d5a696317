GO ?= go

.PHONY: build test test-all bench lint demo

build:
	$(GO) build -o bin/goodstate ./cmd/goodstate

# Everything that proves the product, with the race detector. On Debian as root it installs what it needs.
test:
	./.ci/install
	$(GO) test -race -timeout 18m ./...

test-all: test
	$(GO) test -count=1 -timeout 30m ./e2e/...

bench:
	./.ci/install bench
	$(GO) test -run '^$$' -bench . ./core/run ./rollout/judge/... ./rollout/traffic/...

lint:
	$(GO) tool -modfile=tools/go.mod golangci-lint run --timeout 15m ./...

demo:
	$(GO) run ./cmd/goodstate demo
