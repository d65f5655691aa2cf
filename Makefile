# You need Python 3.11+ and make. The targets make a virtual environment and install everything else into it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: measure figures check test docs gpu test-lowest coverage mutants fuzz intervals clean

# The main target: R_f of the trained networks on held-out images, beside R_f at initialisation.
measure: $(VENV)/installed
	$(BIN)/python scripts/measure_pretrained.py

# Every figure at laptop scale, into figures/. The first time it takes hours on two cores; you can stop and continue it.
figures: $(VENV)/installed-plot
	$(BIN)/diffstab figure all --run --store figures/store --output figures

# Quick checks, two minutes: lint, types, doctests, and all tests that are not slow.
check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

# All checks: lint, types, pages, tests and doctests.
test: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	$(BIN)/pytest -n 2 --dist loadfile

# The documentation pages, in build/docs/index.html.
docs: $(VENV)/installed-dev
	$(BIN)/sphinx-build -W --keep-going -b html docs build/docs

# Long checks. Their latest results are in docs/checks.md.

# All tests with the oldest allowed version of each dependency, in a separate virtual environment.
test-lowest:
	$(PYTHON) -m venv $(VENV)-lowest
	$(PYTHON) scripts/maintain/lowest_versions.py > $(VENV)-lowest/lowest.txt
	$(VENV)-lowest/bin/python -m pip install --quiet uv
	VIRTUAL_ENV=$(VENV)-lowest $(VENV)-lowest/bin/uv pip install --quiet -c $(VENV)-lowest/lowest.txt --editable '.[dev]'
	$(VENV)-lowest/bin/pytest -n 2 --dist loadfile

# Share of lines that the tests run; fails below 95 %.
coverage: $(VENV)/installed-dev
	$(BIN)/pytest -n 2 --dist loadfile --cov=diffstab --cov-report=term-missing:skip-covered --cov-fail-under=95

# Share of planted faults that the tests notice.
mutants: $(VENV)/installed-dev
	$(BIN)/python scripts/maintain/check_mutants.py --output docs/mutants.csv

# Tests with hostile files, folders, options, specs, stores and command lines: 20 times as many, drawn anew.
fuzz: $(VENV)/installed-dev
	DIFFSTAB_FUZZ=20 $(BIN)/pytest -n 2 -k 'hostile or spoiled' tests

# On a machine with a GPU, eight minutes: agreement with the CPU, waits, memory, speed. Results go to gpu/.
# Uses the virtual environment if there is one, otherwise a Python with torch, torchvision, timm and pytest.
gpu:
	$(or $(wildcard $(BIN)/python),$(PYTHON)) scripts/maintain/check_gpu.py --output gpu

# How often the 95 % intervals contain the true value: two hours on two cores.
intervals: $(VENV)/installed-dev
	$(BIN)/python scripts/maintain/check_coverage.py images --output docs/coverage-images.csv
	$(BIN)/python scripts/maintain/check_coverage.py comparisons --output docs/coverage-comparisons.csv
	$(BIN)/python scripts/maintain/check_coverage.py ranks --output docs/coverage-ranks.csv
	$(BIN)/python scripts/maintain/check_coverage.py networks --output docs/coverage-networks.csv

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "diffstab needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-plot: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[plot]'
	touch $@ $(VENV)/installed

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) $(VENV)-lowest build .mypy_cache .pytest_cache .ruff_cache
