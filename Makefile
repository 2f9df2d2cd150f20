# Two commands set everything up on a fresh machine: `make serve` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The long tests run by their marker: `make test TEST_OPTIONS="-m faults"`.
TEST_OPTIONS ?= -m "not faults and not browser and not box and not fuzz and not package"

WORKERS ?= 2

# The tests start PiCloud hundreds of times; without its byte code each start would compile all of it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: serve test browser check ui ui-check clean

serve: $(VENV)/.serve
	exec $(BIN)/picloud serve --sample $(SERVE_OPTIONS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(TEST_OPTIONS)

# The dashboard in Debian's Chromium (`apt install chromium`); without it these tests skip.
browser: $(VENV)/.browser
	$(BIN)/python -m pytest -m browser tests/browser

# What of the dashboard has to be bundled. The result is committed, so only a change of ui/ needs Node.
ui: ui/node_modules/.package-lock.json
	node ui/build.mjs

# Whether the committed bundles are what ui/ makes, byte for byte.
ui-check: ui/node_modules/.package-lock.json
	built=$$(mktemp -d) && trap 'rm -r "$$built"' EXIT && node ui/build.mjs "$$built" \
		&& for file in "$$built"/*; do cmp "$$file" "picloud/static/$${file##*/}" || exit 1; done

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

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

$(VENV)/.browser: $(VENV)/bin/python setup.cfg constraints.txt
	umask 022 && $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test,browser]'
	touch $@ $(VENV)/.test $(VENV)/.serve
