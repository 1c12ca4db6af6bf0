# Everything runs in .venv, which is made here from Python 3.11 or newer; nothing is installed elsewhere.
# Another interpreter: make PYTHON=/usr/local/bin/python3.13 test

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz simulate soak mutate check bench clean

BIN := .venv/bin
PYTHON_STAMP := .venv/.installed
DEMO_STAMP := .venv/.demo-installed
INTEROP := tests/interop
NODE_LOCKS := $(wildcard $(INTEROP)/package-lock.json $(INTEROP)/*/package-lock.json tests/browser/*/package-lock.json \
	examples/*/package-lock.json web_demo/package-lock.json web_demo/*/package-lock.json)
NODE_FOLDERS := $(patsubst %/package-lock.json,%,$(NODE_LOCKS))
NODE_STAMPS := $(addsuffix /node_modules/.installed,$(NODE_FOLDERS))
# Of the pages that are built together, the last one.
PAGES := protobase_live/pages/inspector/index.html
PAGES_STAMP := web_demo/node_modules/.installed
PAGES_SOURCES := $(shell find web_demo/demo web_demo/inspector web_demo/client/src -type f) $(wildcard web_demo/*.json web_demo/*.ts)

help:
	@echo 'make demo    three linked nodes on file:./demo-data and a page to try them with (needs Node, to build it)'
	@echo 'make test    all tests (needs Node for those with real Yjs clients, and Chromium for those in a browser)'
	@echo 'make fuzz    20,000 random queries against an oracle, 10,000 histories of Yjs clients, 200,000 impossible'
	@echo '             updates, a million frames at all doors (FRAMES=...), from a seed that it prints (SEED=... repeats'
	@echo '             it; HISTORIES_WITHOUT=... leaves out what docs/testing.md lists)'
	@echo 'make simulate  500 runs of one node, and of several, with crashes and faults on virtual time (SEEDS=...,'
	@echo '             FIRST_SEED=...)'
	@echo 'make soak    three nodes as processes, killed and cut off under load for minutes, then one before an object'
	@echo '             store whose answers are late, lost or errors (MINUTES=..., SEED=...)'
	@echo 'make mutate  a hundred planted bugs, one at a time, and which test notices each (BUGS="no-fsync ..." plants'
	@echo '             these alone)'
	@echo 'make check   linter, formatter, types, import contracts'
	@echo 'make bench   the benchmarks (see bench/)'
	@echo 'make clean   remove what these made'

demo: $(DEMO_STAMP) $(PAGES)
	$(BIN)/protobase-live demo

test: $(PYTHON_STAMP) $(NODE_STAMPS) $(PAGES)
	$(BIN)/pytest -n auto --dist loadfile

fuzz: SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
fuzz: export FRAMES ?= 1000000
fuzz: $(PYTHON_STAMP) $(NODE_STAMPS)
	@echo 'make fuzz SEED=$(SEED)'
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest tests/fuzz --hypothesis-seed=$(SEED) --hypothesis-show-statistics

simulate: export SEEDS ?= 500
simulate: $(PYTHON_STAMP)
	$(BIN)/pytest -s tests/simulation

soak: export SOAK_MINUTES := $(or $(MINUTES),10)
soak: export SOAK_SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
soak: $(PYTHON_STAMP) $(NODE_STAMPS)
	@echo 'make soak MINUTES=$(SOAK_MINUTES) SEED=$(SOAK_SEED)'
	$(BIN)/pytest -s tests/durability/test_nodes.py tests/durability/test_object_faults.py -k soak

mutate: $(PYTHON_STAMP)
	$(BIN)/python -m tests.mutation $(BUGS)

check: $(PYTHON_STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(PYTHON_STAMP)
	$(BIN)/python -m bench

clean:
	rm -rf .venv build dist demo-data protobase_live/pages examples/*/dist $(addsuffix /node_modules,$(NODE_FOLDERS))
	rm -rf .pytest_cache .hypothesis .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An interpreter counts when it runs and is new enough: a pyenv shim may stand on the path and do neither.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.11 python3 python3.12 python3.13 python3.14); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        $$python -m venv .venv; exit $$?; \
	    fi; \
	done; \
	echo 'error: Python 3.11 or newer is needed, and none was found on the path (or give PYTHON=...)' >&2; \
	exit 1

$(PYTHON_STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[test]'
	@touch $@ $(DEMO_STAMP)

$(DEMO_STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/pip install -qq --disable-pip-version-check -e .
	@touch $@

$(NODE_STAMPS): %/node_modules/.installed: %/package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || \
	    { echo 'error: Node 20 or newer, with npm, is needed: pages are built with it, and tests have real Yjs clients' >&2; exit 1; }
	npm ci --prefix $* --loglevel=error --no-audit --no-fund
	@touch $@

$(PAGES): $(PAGES_SOURCES) $(PAGES_STAMP)
	npm run build --prefix web_demo --silent
	@touch $@
