# `make` or `make help` lists the targets. `make demo` and `make test` work as the first command on a fresh clone.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# a file of tests stays within one process, which keeps what its fixtures have built
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
PIP := $(BIN)/python -m pip --disable-pip-version-check
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs
# the pages that are written from the code
PAGES := configuration commands exit_codes results networks layers

.DEFAULT_GOAL := help
.PHONY: help demo test test-all mutation check format docs page pages prose bench coverage lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

$(VENV)/.run: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) install -q "pip>=25.1" && $(PIP) install -q -c constraints.txt -e ".[all]" --group test --group check --group docs
	@touch $@

demo: $(VENV)/.run  ## make a small world of videos, learn to hear from it, and write demo/index.html (some minutes)
	$(BIN)/hearsight demo --out demo

test: $(VENV)/.dev  ## run the tests, without the slow ones
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.dev  ## run all tests, the slow ones too
	$(PYTEST)

mutation: $(VENV)/.dev  ## change the pure modules bit by bit, and print the changes that no test notices (an hour; MODULES="units clips/cut")
	$(BIN)/python -m tests.mutation $(MODULES)

coverage: $(VENV)/.dev  ## run the tests and report coverage
	$(PYTEST) -m "not slow" --cov --cov-report=term

check: $(VENV)/.dev  ## format, lint, types, import layers, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	for page in $(PAGES); do $(BIN)/python -m tools.$$page --check || exit 1; done
	$(BIN)/python -m tools.check
	$(MKDOCS) build --quiet --strict

docs: $(VENV)/.dev  ## build the documentation as a site: site/index.html
	$(MKDOCS) build --strict

prose: $(VENV)/.dev  ## list docstrings and pages that fall short of CONTRIBUTING's prose rules
	$(BIN)/python -m tools.prose

page:  ## build the page of hearsight serve from its sources in page/ (needs Node)
	cd page && npm ci --no-audit --no-fund && npm run build

pages: $(VENV)/.dev  ## write the generated pages of the documentation
	for page in $(PAGES); do $(BIN)/python -m tools.$$page || exit 1; done

format: $(VENV)/.dev  ## format the code and sort its imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## run the benchmarks (an hour; see benchmarks/README.md)
	$(PIP) install -q -c constraints.txt --group bench
	$(BIN)/python -m benchmarks

lock: $(VENV)/.dev  ## write constraints.txt from what is installed here
	$(PIP) install -q -c constraints.txt --group bench
	$(BIN)/python -m tools.lock > constraints.txt.new && mv constraints.txt.new constraints.txt

clean:  ## remove everything that the targets made
	rm -rf $(VENV) demo site .pytest_cache .ruff_cache .hypothesis
