GO ?= go

# A process with the race detector waits a second before it ends; the tests start thousands.
export GORACE := atexit_sleep_ms=20

# SQLite, which is C in Go's clothes, is not watched for races: it is most of what tests of the store would cost.
UNWATCHED := -gcflags=modernc.org/sqlite/lib=-race=false

.PHONY: build test test-all test-k8s bench bench-hooks bench-drift bench-backup lint demo

build:
	for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build -trimpath -ldflags='-s -w' -o bin/goodstate-agent-linux-$$arch ./cmd/goodstate-agent && \
		gzip -9nc bin/goodstate-agent-linux-$$arch >drift/agent/shipped/linux-$$arch.gz && \
		sha256sum <bin/goodstate-agent-linux-$$arch | cut -c 1-64 >drift/agent/shipped/linux-$$arch.sum || exit; \
	done
	$(GO) build -tags agents -o bin/goodstate ./cmd/goodstate
	$(GO) build -o bin/goodstate-hook ./cmd/goodstate-hook

# Everything that proves the product, with the race detector. On Debian as root it installs what it needs.
test:
	./.ci/install
	$(GO) test -race $(UNWATCHED) -timeout 40m ./...
	E2E_HOSTS=1 $(GO) test -timeout 10m -run 'OverFiveHosts|AHostThatDies' ./e2e

# What takes longer: the kill walks over every point of a rollout with migrations, all that runtimes on hosts must do,
# and all that modules are used for, beside Ansible.
test-all: test
	E2E_ALL=1 $(GO) test -count=1 -timeout 40m ./e2e/... ./rollout/runtime/fleet ./drift ./drift/module/moduletest ./backup/source/...

# What needs a real Kubernetes, which is built once of pinned modules (about ten minutes on 2 cores) and kept in the user's cache. It needs root: real pods run on this
# machine. One test: E2E_K8S=1 go test ./e2e/kubernetes -run NAME
test-k8s:
	./.ci/install k8s
	E2E_K8S=1 $(GO) test -count=1 -timeout 60m ./e2e/kubernetes

bench:
	./.ci/install bench
	$(GO) test -run '^$$' -bench . ./core/run ./rollout/judge/... ./rollout/traffic/... ./hooks/server

# What hooks cost: a commit, beside lefthook; seven checks on 5,000 files, beside Python; a push of 10,000 commits, beside what git itself takes.
bench-hooks:
	./.ci/install bench
	./bench/hooks/run.sh
	./bench/hooks/checks.sh
	./bench/hooks/push.sh

# What a play that changes nothing costs, beside ansible-core on the same hosts, and what a look at 200 real hosts and at 5,000 of a stand-in costs. It needs root.
bench-drift: build
	./.ci/install bench
	./bench/drift/bench.py
	./bench/drift/detect.py

# What backups cost, beside Debian's restic on the same data. SIZE=0.1 takes a tenth of it.
bench-backup: build
	./.ci/install bench
	./bench/backup/bench.py

lint:
	$(GO) tool -modfile=tools/go.mod golangci-lint run --timeout 15m ./...

demo:
	$(GO) run ./cmd/goodstate demo
