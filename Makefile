# Every command of daily life. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Every command and test starts Python many times: compiled modules are kept.
unexport PYTHONDONTWRITEBYTECODE

FOLDERS := schemas runtime charter producers streams consumers ledger bulletin deploy services cli desk demo
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.yizhan-setup
CATALOGUES := schemas/yizhan/schemas/locale
# Extra words for pytest, as in: make test PYTEST="-k envelope"
PYTEST ?=
# Processes that run tests at the same time; 1 runs them in one, as a debugger needs it.
WORKERS ?= 2
SPREAD := $(if $(filter-out 0 1,$(WORKERS)),-n $(WORKERS) --dist loadfile --no-loadscope-reorder)
QUICK := -m "not integration and not exhaustive and not browser" --hypothesis-profile=quick

.PHONY: help setup prerequisites demo test unit lint types imports format coverage vendor bench profile faults year messages pictures dashboards roles requirements clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: prerequisites setup ## six counties exchange a day's events through a real Kafka, in demo-run/
	$(BIN)/yizhan demo

test: prerequisites lint types imports ## everything: style, types, import rules, unit and integration tests
	$(BIN)/python -m pytest $(SPREAD) $(PYTEST)

unit: setup ## the tests that need no broker and are quick
	$(BIN)/python -m pytest $(SPREAD) $(QUICK) $(PYTEST)

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## who may import whom (pyproject.toml, importlinter)
	$(BIN)/lint-imports --no-logo

format: setup ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: setup ## tests without a broker, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SPREAD) $(QUICK) $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: prerequisites setup ## measurements beside their references, into bench/results.json
	$(BIN)/python -m bench

profile: prerequisites setup ## where station, outbox and inbox spend their time, into build/profile/
	$(BIN)/python -m bench.profile

faults: prerequisites setup ## the fault matrix: kills, stops, lines, disks, clocks under load, into faults.json
	$(BIN)/python -m bench.faults

year: prerequisites setup ## a year of two and of six counties in minutes, compared with its table (tests/year)
	$(BIN)/python -m tests.year

vendor: ## fetch the libraries of the pages anew (npm), checked by their hashes
	$(BIN)/python desk/vendor.py

messages: setup ## collect sentences for officers into the catalogues, ready to be translated
	@mkdir -p build
	$(BIN)/pybabel -q extract -F babel.cfg --no-default-keywords -k _ -k marked --no-location --sort-output \
		--project=yizhan --version=0.1.0 --msgid-bugs-address=maintainers -o build/yizhan.pot $(FOLDERS)
	$(BIN)/pybabel -q update -i build/yizhan.pot -d $(CATALOGUES) -D yizhan --no-fuzzy-matching \
		--ignore-obsolete --ignore-pot-creation-date --no-wrap
	$(BIN)/python -m pytest -q tests/house/test_messages.py

pictures: prerequisites setup ## photograph the desk while the demonstration runs, into docs/pictures/
	PYTHONPATH=. $(BIN)/python docs/pictures.py

dashboards: setup ## write the dashboards of Grafana from their tables, into deploy/grafana/
	$(BIN)/python deploy/grafana/make.py

roles: setup ## print who may open which page of the desk into docs/desk-roles.md
	$(BIN)/python -m yizhan.desk.matrix > docs/desk-roles.md

requirements: setup ## pin anew, with hashes and without addresses
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --annotation-style line pyproject.toml --extra all \
		-o requirements/base.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --annotation-style line -c requirements/base.txt \
		pyproject.toml --extra all requirements/dev.in -o requirements/dev.txt

prerequisites: ## Python's venv, Java and Maven: installed with apt as root, else named
	@bash deploy/prerequisites.sh

setup: $(STAMP) ## make .venv with everything, pinned by hashes (the others do it as needed)

$(STAMP): requirements/dev.txt pyproject.toml deploy/prerequisites.sh
	@bash deploy/prerequisites.sh
	@if [ ! -x $(BIN)/python ]; then \
		for python in python3.11 python3; do \
			if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
			then echo "setup: $$($$python --version)"; $$python -m venv $(VENV); break; fi; \
		done; \
	fi
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean: ## remove what builds, runs and tools left behind; never a home but demo-run/
	rm -rf build dist demo-run .coverage .coverage.* htmlcov .hypothesis .import_linter_cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find $(FOLDERS) tests -name __pycache__ -type d -prune -exec rm -rf {} +
