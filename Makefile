# Two commands set everything up on a fresh machine: `make serve` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The long tests run by their marker: `make test TEST_OPTIONS="-m faults"`.
TEST_OPTIONS ?= -m "not faults and not browser and not box and not fuzz"

.PHONY: serve test browser check clean

serve: $(VENV)/.serve
	exec $(BIN)/picloud serve --sample $(SERVE_OPTIONS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TEST_OPTIONS)

# The dashboard in Debian's Chromium (`apt install chromium`); without it these tests skip.
browser: $(VENV)/.browser
	$(BIN)/python -m pytest -m browser tests/browser

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

$(VENV)/.browser: $(VENV)/.test
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[browser]'
	touch $@
