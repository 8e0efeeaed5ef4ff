# Few words, each complete in itself: every one sets up what it needs.
#   make demo    a night of backups on the embedded AWS        make test   the test suite
#   make check   linters, types, architecture, drift           make sweep  the exhaustive sweeps
#   make bench   AWS calls, CPU and memory                     make fmt    format the code
#   make docs    regenerate generated documents                make package  what is deployed to AWS
.PHONY: setup demo test check fmt docs bench sweep package pins clean
.DEFAULT_GOAL := test

unexport PYTHONDONTWRITEBYTECODE  # processes that are started by the dozen start from bytecode, in half the time

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

# The newest supported Python that really runs: 3.13 (what is deployed) if there is one, else any from 3.11 on.
PYTHON ?= $(shell for p in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python python3.14 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null && echo $$p && break; done)

setup: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Lifeboat needs Python 3.11 to 3.14 with the venv module; none was found." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	$(BIN)/lifeboat demo

# Three workers on two cores: each of them often waits for the embedded AWS, which is another process. Lines are counted
# the way that costs least (from Python 3.12 on); of the domain every branch must be taken by its own tests.
test: $(STAMP)
	rm -f .coverage .coverage.*
	COVERAGE_CORE=sysmon $(BIN)/python -m pytest -n 3 --dist loadfile --durations=15 --cov --cov-report= -m "not sweep" --ignore=tests/unit/domain
	$(BIN)/python -m coverage report
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n 2 --cov=chalicelib.domain --cov-branch --cov-report= --cov-fail-under=100 tests/unit/domain

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/lifeboat validate
	$(BIN)/lifeboat docs --check
	$(BIN)/python -m pytest -q --no-cov tests/unit/api/test_openapi.py tests/unit/api/test_openapi_rules.py

fmt: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)
	$(BIN)/lifeboat docs --write

# SWEEP is the share of the sweep that is run, in percent; SEED makes it the same again.
SWEEP ?= 100
SEED ?= 1
sweep: $(STAMP)
	LIFEBOAT_SWEEP=$(SWEEP) LIFEBOAT_SEED=$(SEED) $(BIN)/python -m pytest -n 2 -m sweep --no-cov tests/sweep

bench: $(STAMP)
	$(BIN)/python -m bench
	$(BIN)/python -m bench.retention

package: $(STAMP)
	$(BIN)/python -m chalicelib.deploy.package

# Pins are made under the oldest supported Python, so that one set of them fits all.
pins: $(STAMP)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "make pins needs a venv of Python 3.11: make clean; make pins PYTHON=python3.11" >&2; exit 1; }
	$(BIN)/pip-compile -q --no-emit-options --strip-extras --no-header --annotation-style=line -o requirements.txt requirements.in
	$(BIN)/pip-compile -q --allow-unsafe --no-emit-options --strip-extras --no-header --annotation-style=line -o requirements-dev.txt requirements-dev.in
	sed -i.bak -e '/^# The following packages/d' -e '/^# pip$$/d' -e '/^# setuptools$$/d' -e '/^$$/d' requirements.txt requirements-dev.txt && rm -f requirements*.bak

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* out build *.egg-info
