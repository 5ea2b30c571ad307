# make help tells what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8081
SEED ?= 1
ROUNDS ?= 1
JOBS ?= 2
CLUSTER ?=

# A kubeconfig counts only when it is written on the command line: `make run KUBECONFIG=...`.
ifeq ($(origin KUBECONFIG),command line)
RUN_KUBECONFIG := --kubeconfig $(KUBECONFIG)
endif
ifneq ($(CLUSTER),)
RUN_CLUSTER := --cluster $(CLUSTER)
endif

# With it, every worker and every process that a test starts would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-page test-rig test-all faults faults-quick check format rig bench docs clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --group dev
	@touch $@

run: $(VENV)/.run $(if $(CLUSTER),$(VENV)/.dev) ## the whole bot with a Slack-like workspace in the browser (PORT=, KUBECONFIG=, CLUSTER=rig)
	@$(BIN)/pilothouse playground --port $(PORT) $(RUN_KUBECONFIG) $(RUN_CLUSTER)

test: $(VENV)/.dev ## everything that needs no foreign server
	$(BIN)/pytest -n 8 --dist worksteal -m "not rig and not browser and not postgres"

test-page: $(VENV)/.dev ## what needs Chromium or PostgreSQL
	$(BIN)/pytest -m "(browser or postgres) and not rig"

test-rig: $(VENV)/.dev ## what needs the rig's real servers (make rig)
	$(BIN)/pytest -m rig

test-all: test test-page test-rig ## everything

faults: $(VENV)/.dev ## the whole fault matrix, about 3 hours; goes on where it was broken off (SEED=, ROUNDS=, JOBS=)
	$(BIN)/python -m tests.faults --seed $(SEED) --rounds $(ROUNDS) --jobs $(JOBS)

faults-quick: $(VENV)/.dev ## a slice of it, on SQLite and on PostgreSQL with two replicas, as in CI
	$(BIN)/pytest tests/faults/test_quick.py

check: $(VENV)/.dev ## format, lint, types, import contracts, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_architecture.py tests/test_catalogue.py

format: $(VENV)/.dev ## write the format that check wants
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

rig: $(VENV)/.dev ## build the real servers for tests, once (about 25 minutes)
	$(BIN)/python -m tests.rig build

bench: $(VENV)/.dev ## ratios against named baselines, one run
	$(BIN)/python -m tests.bench

docs: $(VENV)/.dev ## write the generated files anew
	$(BIN)/pilothouse docs > docs/commands.md
	$(BIN)/pilothouse manifest > deploy/slack-manifest.yaml

clean: ## remove what was made here
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
