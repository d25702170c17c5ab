# make demo | test | lint | bench: each makes its own virtual environment first; nothing to edit.

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: demo test lint bench clean

demo: $(VENV)/.with-examples
	$(BIN)/python examples/digits.py

test: $(VENV)/.with-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.with-bench
	$(BIN)/python -m benchmarks

$(VENV)/.with-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	$(BIN)/python -m compileall -q graphc  # as an installation that is not editable has it from the start
	touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "graphc needs Python 3.11 or later; name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
