# Two commands set everything up on a fresh machine: `make serve` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The long tests run by their marker: `make test TEST_OPTIONS="-m faults"`.
TEST_OPTIONS ?= -m "not faults and not browser and not box and not fuzz"

.PHONY: serve test check clean

serve: $(VENV)/.serve
	exec $(BIN)/picloud serve --sample $(SERVE_OPTIONS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TEST_OPTIONS)

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: $(VENV)/bin/python setup.cfg constraints.txt
	umask 022 && $(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.test: $(VENV)/bin/python setup.cfg constraints.txt
	umask 022 && $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@ $(VENV)/.serve
