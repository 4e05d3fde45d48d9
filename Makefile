# Everything that is run from a checkout. Needs Python 3.11 or newer, git and make; the rest is fetched once into .venv.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# Ansible refuses to start in a locale without UTF-8.
export LC_ALL := C.UTF-8

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
COLLECTIONS := $(CURDIR)/.build/collections
LINK := $(COLLECTIONS)/ansible_collections/multicloud/platform
export PATH := $(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export PYTHON_LOOKS := python3 python3.13 python3.12 python3.11
# How many gates, and how many test processes, run side by side.
JOBS ?= 2
WORKERS ?= 2
REPORTS ?= $(CURDIR)/reports
PLATFORM ?= ml-platform
PLAY := ansible-playbook -i inventories/sandbox -e platform_report_dir=$(REPORTS)

GATES := format types imports yaml docs changelog lint-ansible sanity importer artefact

##@ The platform on the sandbox
.PHONY: rollout plan verify load destroy
rollout: sandbox-up $(LINK) ## Start the sandbox, roll the three sites out, and prove that they answer
	@$(PLAY) playbooks/site.yml $(ARGS)
	@$(PLAY) playbooks/verify.yml
	@python tools/standing.py $(REPORTS)

plan: sandbox-up $(LINK) ## Say what a rollout would change, and change nothing
	@$(PLAY) playbooks/plan.yml $(ARGS)

verify: sandbox-up $(LINK) ## Ask every cluster and every application whether all is well
	@$(PLAY) playbooks/verify.yml $(ARGS)

load: sandbox-up $(LINK) $(VENV)/.develop ## Send the applications a bounded load, and measure
	@$(PLAY) playbooks/load.yml $(ARGS)

destroy: sandbox-up $(LINK) ## Remove the three sites; the sandbox stays up
	@$(PLAY) playbooks/destroy.yml -e confirm=$(PLATFORM) $(ARGS)

.PHONY: sandbox-up sandbox-down sandbox-status
sandbox-up: $(VENV)/.run ## Start the emulated clouds that do not run yet (ports: SANDBOX_AWS_PORT ...)
	@python -m sandbox up

sandbox-down: $(VENV)/.run ## Stop them
	@python -m sandbox down

sandbox-status: $(VENV)/.run ## Say what runs where
	@python -m sandbox status

.PHONY: kubeconfig
kubeconfig: $(VENV)/.run ## Write .sandbox/kubeconfig, for kubectl as the administrator of the emulated clusters
	@python -m sandbox kubeconfig

##@ Development
.PHONY: test test-fast bench lint gates artefact-file clean
test: $(VENV)/.develop $(LINK) ## All gates and all rings of tests
	@status=0; $(MAKE) -k -j$(JOBS) gates || status=$$?; $(MAKE) rings || status=$$?; exit $$status

test-fast: $(VENV)/.develop $(LINK) ## Formatting, types, imports, and the tests that take no minutes
	@status=0; $(MAKE) -k -j$(JOBS) gate-format gate-types gate-imports || status=$$?; \
	$(MAKE) rings PYTEST='-m "not slow"' || status=$$?; exit $$status

.PHONY: rings
rings:
	@python -m pytest -q -n $(WORKERS) --dist worksteal $(PYTEST)

bench: $(VENV)/.develop $(LINK) ## Compare with the peers' collections; tables, and build/bench.json
	@python -m tests.benchmarks.bench $(ARGS)

lint: $(VENV)/.develop $(LINK) ## The gates alone
	@$(MAKE) -k -j$(JOBS) gates

gates: $(GATES:%=gate-%)

.PHONY: $(GATES:%=gate-%)
$(GATES:%=gate-%): gate-%: $(VENV)/.develop $(LINK)
	@tests/gates/run $*

gate-sanity gate-importer gate-artefact: artefact-file
artefact-file: $(VENV)/.develop
	@tests/gates/run build

clean: ## Remove what was built; the sandbox is stopped first
	@if [ -x $(BIN)/python ]; then python -m sandbox down; fi
	@rm -rf .build build reports .sandbox .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .ansible

##@ Set-up
$(VENV)/bin/python:
	@for each in $$PYTHON_LOOKS; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "set-up: $$("$$each" --version) in .venv"; exec "$$each" -m venv $(VENV); fi; \
	done; echo "set-up: Python 3.11 or newer is needed, and none of '$$PYTHON_LOOKS' is that" >&2; exit 1

$(VENV)/.run: requirements/runtime.txt requirements/sandbox.txt examples/ml-inference/requirements.txt | $(VENV)/bin/python
	@echo "set-up: what the collection and the sandbox need (once, a minute or two)"
	@python -m pip install -q --disable-pip-version-check -r requirements/runtime.txt -r requirements/sandbox.txt
	@touch $@

$(VENV)/.develop: requirements/development.txt examples/ml-inference/training/requirements.txt $(VENV)/.run | $(VENV)/bin/python
	@echo "set-up: what tests and gates need (once, a few minutes)"
	@python -m pip install -q --disable-pip-version-check -r requirements/development.txt
	@touch $@

$(LINK):
	@mkdir -p $(dir $@)
	@ln -sfn $(CURDIR) $@

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
