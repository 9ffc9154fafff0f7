# Every target does its own set-up: a virtual environment in .venv, filled by pip.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test fast check format bench interop clean
.DEFAULT_GOAL := help

help: ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-8s %s\n", $$1, $$2 }'

.venv/run.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "askless needs Python 3.11 or newer; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: .venv/dev.stamp ## install askless and the developers' tools into .venv

demo: .venv/run.stamp ## label 1,697 digits in three ways, compare the cost, write a report
	$(BIN)/askless demo

test: .venv/dev.stamp ## all tests, with the coverage that the project promises
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal --cov --cov-report=term $(PYTEST)
	$(BIN)/python tests/coverage_promise.py

fast: .venv/dev.stamp ## the tests that take seconds
	$(BIN)/python -m pytest -q -m 'not slow' $(PYTEST)

check: .venv/dev.stamp ## format, lint, types, one-way imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.stamp ## let ruff format and mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: .venv/dev.stamp ## the figures of README and docs (speed, then efficiency on real images)
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/one_round.py
	$(BIN)/python benchmarks/efficiency/cifar10h.py

interop: .venv/dev.stamp ## exports read by the libraries they are for (downloads 2.3 GB once)
	$(BIN)/python tests/interop/run.py

clean: ## remove what the targets made
	rm -rf .venv .venv-interop runs .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
