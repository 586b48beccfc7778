# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT ?= runs/demo
TORCH ?= 2.13.0
LOWEST := .venv-lowest
# What touches every library of a plain installation, in about a minute.
LOWEST_TESTS := tests/test_public_names.py tests/test_registry.py tests/test_trajectories.py \
  tests/test_plotting.py tests/test_cli.py tests/numerics/test_maps_iteration.py \
  tests/systems/test_system.py tests/datasets/test_other_readers.py tests/evaluation/test_store.py \
  tests/leaderboard/test_board.py \
  tests/forecasters/darts/test_darts_regression.py \
  tests/forecasters/sindy/test_sindy.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-lowest lint verify clean chromium

help:
	@echo "make demo       install, then score nine forecasters on eight systems (minutes)"
	@echo "make test       install what the tests need and run the fast ones"
	@echo "make test-slow  run the slow ones"
	@echo "make test-lowest  test some with the lowest versions of the libraries that are allowed"
	@echo "make lint       ruff, mypy --strict, import-linter"
	@echo "make verify     compute the scores of all entries again from their forecasts"
	@echo "make clean      remove .venv and caches"

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "chaosbench needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# By its exact version torch comes as the wheel for a CPU; asked for in any other way it may bring
# gigabytes for a graphics card. The extras then find it installed.
$(VENV)/.torch: | $(BIN)/python
	$(BIN)/python -m pip install --quiet 'torch==$(TORCH)'
	@touch $@

$(VENV)/.test: $(VENV)/.installed $(VENV)/.torch
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[lint]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/chaosbench demo --out $(DEMO_OUT)

# One test opens the leaderboard's page in a browser.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium >/dev/null; } || \
	  { echo "the tests open a page in chromium: install your system's package 'chromium'" >&2; exit 1; }

test: $(VENV)/.test chromium
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-slow: $(VENV)/.test chromium
	$(BIN)/python -m pytest -m slow --numprocesses 2

# The lowest versions that pyproject.toml allows. Their own libraries are the newest, so their
# deprecation warnings say nothing about this package.
$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade pip uv
	$(LOWEST)/bin/python -m uv pip install --quiet --python $(LOWEST)/bin/python \
	  --resolution lowest-direct --editable '.[gbm]' 'pytest>=8' 'hypothesis>=6.100'
	@touch $@

test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest --quiet -p no:cacheprovider -W ignore::DeprecationWarning $(LOWEST_TESTS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Makes the data of the entries anew; CHAOSBENCH_CACHE keeps them.
verify: $(VENV)/.installed
	$(BIN)/chaosbench verify leaderboard/entries/*/

clean:
	rm -rf $(VENV) $(LOWEST) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
