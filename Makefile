# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
PORT ?= 8050
# Tests of one file stay together: they share servers, and much of their time is waiting for those.
TWO_LANES := --numprocesses 2 --dist loadfile

.PHONY: demo test test-slow test-faults lint install install-test clean

$(VENV)/.installed: pyproject.toml constraints.txt frontend/package-lock.json build_backend/kinscape_build.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[server]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[server,test]'
	touch $@

install: $(VENV)/.installed

install-test: $(VENV)/.installed-test

demo: install
	$(BIN)/kinscape up --data $(DATA) --port $(PORT) --demo --no-browser

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	sh tests/browser.sh
	$(BIN)/python -m pytest -m "not slow" --cov --cov-report= $(TWO_LANES)

test-slow: install-test
	$(BIN)/python -m pytest -m slow

# Two hours: every fault that is known, tried again, and a table of what came of it.
test-faults: install-test
	$(BIN)/python -m pytest -m fault

clean:
	rm -rf $(VENV) build dist *.egg-info
