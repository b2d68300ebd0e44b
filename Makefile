# `make` or `make help` lists the targets. `make demo` and `make test` work as the first command on a fresh clone.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# a file of tests stays within one process, which keeps what its fixtures have built
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format bench coverage lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

$(VENV)/.run: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) install -q "pip>=25.1" && $(PIP) install -q -c constraints.txt -e ".[all]" --group test --group check
	@touch $@

demo: $(VENV)/.run  ## make a small world of videos, learn to hear from it, and write demo/index.html (some minutes)
	$(BIN)/hearsight demo --out demo

test: $(VENV)/.dev  ## run the tests, without the slow ones
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.dev  ## run all tests, the slow ones too
	$(PYTEST)

coverage: $(VENV)/.dev  ## run the tests and report coverage
	$(PYTEST) -m "not slow" --cov --cov-report=term

check: $(VENV)/.dev  ## format, lint, types, import layers, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python docs/reference.py --check
	$(BIN)/python docs/results.py --check
	$(BIN)/python docs/networks.py --check
	$(BIN)/python docs/check.py

format: $(VENV)/.dev  ## format the code and sort its imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## run the benchmarks (an hour; see benchmarks/README.md)
	$(PIP) install -q -c constraints.txt --group bench
	$(BIN)/python -m benchmarks

lock: $(VENV)/.dev  ## write constraints.txt from what is installed here
	$(BIN)/python docs/lock.py > constraints.txt.new && mv constraints.txt.new constraints.txt

clean:  ## remove everything that the targets made
	rm -rf $(VENV) demo .pytest_cache .ruff_cache .hypothesis
