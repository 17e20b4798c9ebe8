# Needs Python 3.11 or newer with venv and pip, and nothing else. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# uv installs in seconds what takes pip most of a minute; pip knows a mirror or proxy that was set up for it alone.
INSTALL = install() { $(BIN)/uv pip install --quiet --no-config --python $(BIN)/python "$$@" 2>/dev/null \
	|| $(PIP) install "$$@"; }; install
# uv leaves compiling to the first import. Where Python may not write what it compiled, every start would do it again.
unexport PYTHONDONTWRITEBYTECODE
# Empty, or extra arguments for pytest: make test PYTEST='-k refresh -x'
PYTEST ?=
# One more than there are cores: tests wait for servers and browsers much of the time.
WORKERS = $(shell $(BIN)/python -c 'import os; print(min((os.cpu_count() or 1) + 1, 8))')
COVER = --cov --cov-report=term-missing:skip-covered --cov-fail-under=95
# Arguments of the demo: make run RUN='--port 9000'
RUN ?=
BENCH ?=
# Arguments of the floods: make attack ATTACK='--quick --only mails'
ATTACK ?=
# The demo says how long it took from the command to the first page.
STARTED := $(shell date +%s.%N)

CHECKED := idp tests translations setup.py $(wildcard migrations benchmarks examples)
COMPILE = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock"

.PHONY: help run test check cover lint bench attack messages lock format clean
help: ## Show this list
	@grep -hE '^[a-z.]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z.]+):.*## /\1\t/' | expand -t 10

run: $(VENV)/.runtime ## Start a complete demo on this machine
	@DEMO_STARTED=$(STARTED) $(BIN)/idp dev $(RUN)

test: $(VENV)/.test $(VENV)/.node ## Run the linters, the type checker, the architecture contracts and all tests
	@$(BIN)/python -m tests.support.chromium
	@$(BIN)/python -m tests.support.apache
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n $(WORKERS) $(PYTEST)

# Lint takes seconds once its caches are warm. SINCE=main: the tests that all changes since then concern.
check: $(VENV)/.test ## Run the linters and the tests of what changed, within a minute
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n $(WORKERS) $(PYTEST) $$($(BIN)/python tests/support/affected.py)

# Tracing doubles the processor time of what runs in the tests' own process, and not that of browsers, databases and
# servers beside it: the run takes about half as long again, too long for CI on two slow cores.
cover: $(VENV)/.test $(VENV)/.node ## As make test, and fail unless at least 95 % of lines and branches are run
	@$(MAKE) --no-print-directory test PYTEST='$(COVER) $(PYTEST)'

lint: $(VENV)/.test ## Run the linters, the type checker and the architecture contracts
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/support/source_rules.py

bench: $(VENV)/.test ## Run the benchmark
	$(BIN)/python -m benchmarks $(BENCH)

attack: $(VENV)/.test ## Flood a server on this machine and see what honest users notice
	$(BIN)/python -m benchmarks.attack $(ATTACK)

format: $(VENV)/.test ## Rewrite the code in the house style
	$(BIN)/ruff check --fix-only --exit-zero $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

messages: $(VENV)/.runtime ## Collect the sentences to translate into translations/*.po
	@$(BIN)/python translations/update.py

lock: $(VENV)/.uv ## Renew the lock files from pyproject.toml
	$(COMPILE) pyproject.toml --upgrade --extra build --output-file requirements.lock
	$(COMPILE) pyproject.toml --upgrade --extra build --extra test --output-file requirements-test.lock
	echo uv | $(COMPILE) --constraint requirements-test.lock --output-file requirements-uv.lock -

clean: ## Remove what these targets made, except data and keys
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* *.egg-info

# Stamps: a target below is made again only when what it was made from has changed.

$(VENV)/.created:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "idp needs Python 3.11 or newer: install it, or name it with 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "This Python has no venv module: install it (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Creating $(VENV)"
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.uv: requirements-uv.lock $(VENV)/.created
	@$(PIP) install --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml $(VENV)/.uv
	@echo "Installing what the provider needs"
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The test lock holds the runtime at the same versions, so one install serves both targets.
$(VENV)/.test: requirements-test.lock requirements.lock pyproject.toml $(VENV)/.uv
	@echo "Installing what the provider and its tests need"
	@export UV_COMPILE_BYTECODE=1; $(INSTALL) --require-hashes -r requirements-test.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.runtime $@

NODE_CLIENT := tests/clients/node
$(VENV)/.node: $(wildcard $(NODE_CLIENT)/package.json $(NODE_CLIENT)/package-lock.json) $(VENV)/.created
	@if [ ! -f $(NODE_CLIENT)/package.json ]; then :; \
	elif command -v npm >/dev/null; then echo "Installing the Node.js relying party"; npm ci --prefix $(NODE_CLIENT) --no-audit --no-fund --silent; \
	elif [ "$${CI:-}" = true ]; then echo "CI must run the Node.js relying party: install node and npm." >&2; exit 1; \
	else echo "No npm here: the tests that drive a Node.js relying party will be skipped."; fi
	@touch $@
