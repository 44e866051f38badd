# mbaudit: what can be done with the source. Every target works on a fresh Debian or Ubuntu machine with Go.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SCRIPTS     := .ci/run $(wildcard evidence/texts/*.sh evidence/journal/*.sh) $(wildcard testdata/servers/*.sh testdata/docker/*.sh testdata/docker/*/*.sh)
export GOTOOLCHAIN := local
# A program with the race detector waits a second before it ends; the tests start hundreds of them.
export GORACE := atexit_sleep_ms=0

help: ## what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

build: ## bin/mbaudit, one static file
	CGO_ENABLED=0 go build -trimpath -o bin/mbaudit ./cmd/mbaudit

demo: build ## the whole story on embedded servers, in a new directory; no set-up
	./bin/mbaudit demo

test: ## install what the tests need, start real servers on loopback, run everything with the race detector
	testdata/servers/install.sh
	@PATH="$$(go env GOPATH)/bin:$$PATH"; command -v minio >/dev/null || echo "SKIPPED: MinIO, the second opinion on S3, is not installed (testdata/servers/install.sh --minio)"
	@# Many tests wait for servers: one package more than there are processors.
	PATH="$$(go env GOPATH)/bin:$$PATH" go test -race -timeout 15m -p $$(($$(nproc) + 1)) ./...
	@echo "how well the rules tell mail rules and whole accounts apart:"
	@go test -race -count=1 -run '^(TestStories|TestCorpus)$$' -v ./findings/decision ./findings/mailrule | sed -n 's/^ *\(corpus_test.go:[0-9]*: \)\{0,1\}\(.*precision.*\)/  \2/p'

kill: ## kill the real program at 200 random moments and print what came of it
	testdata/servers/install.sh
	PATH="$$(go env GOPATH)/bin:$$PATH" MBAUDIT_TEST_KILLS=200 go test -run TestKillAnywhere -v -count=1 -timeout 30m ./cmd/mbaudit
	MBAUDIT_TEST_KILLS=24 go test -run 'TestKillManyAccounts|TestContainKilledAtACall' -v -count=1 -timeout 30m ./cmd/mbaudit

flip: ## flip a bit of every byte of every file of a small bundle and verify each
	MBAUDIT_TEST_EVERY_BYTE=1 go test -run TestEveryByteCounts -v -count=1 -timeout 30m ./evidence

bench: ## collection end to end against a reader that discards and mbsync, and the packages' own benchmarks
	testdata/servers/install.sh --bench
	PATH="$$(go env GOPATH)/bin:$$PATH" go test -run '^$$' -bench . -benchtime 1x -timeout 30m ./cmd/mbaudit
	MBAUDIT_TEST_PACE=200 go test -run 'TestQuota|TestGuessedQuota|TestLowerLimit' -count=1 -v ./collectors/workspace
	PATH="$$(go env GOPATH)/bin:$$PATH" go test -run '^$$' -bench . -timeout 30m ./collectors/... ./evidence/... ./findings/... ./internal/...

lint: ## gofmt, go vet, staticcheck, shellcheck, go mod tidy
	@test -z "$$(gofmt -l cmd collectors containment evidence findings internal report)" || { gofmt -d cmd collectors containment evidence findings internal report; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go mod tidy -diff
	@if command -v shellcheck >/dev/null; then shellcheck -S warning $(SCRIPTS); else echo "lint: shellcheck is not installed: apt-get install shellcheck" >&2; exit 1; fi

clean: ## remove what build made
	rm -rf bin

.PHONY: help build demo test kill flip bench lint clean
