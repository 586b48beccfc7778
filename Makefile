# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT ?= runs/demo
TORCH ?= 2.13.0

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint clean chromium

help:
	@echo "make demo       install, then score nine forecasters on eight systems (minutes)"
	@echo "make test       install what the tests need and run the fast ones"
	@echo "make test-slow  run the slow ones"
	@echo "make lint       ruff, mypy --strict, import-linter"
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

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
