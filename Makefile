# Set-up is done by whatever target needs it, into $(VENV), and only when pyproject.toml or
# constraints.txt has changed. Everything else is one command per target.

VENV ?= .venv
PEERS_VENV ?= .venv-peers
BIN := $(VENV)/bin
# The first Python that is new enough; `make PYTHON=... demo` chooses another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$name" && break; done)
# More options for pip, e.g. an index that has PyTorch without CUDA.
PIP_FLAGS ?=
DEMO_FLAGS ?=
TEST_FLAGS ?=
FUZZ_FLAGS ?=
FAULTS_FLAGS ?=
SOAK_FLAGS ?=

# Many small arrays: a second thread makes torch and BLAS slower, not faster.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.PHONY: help setup setup-hashed peers demo checkpoint test test-benchmarks fuzz faults soak lint types layers wheel check clean

help:
	@echo "make demo    recognise a bundled recording, then learn a new person's gestures"
	@echo "make test    run the tests, but for those of wigwag bench: make test-benchmarks"
	@echo "make faults  stages killed at random moments, 50 times each, for half an hour"
	@echo "make soak    left running for an hour; SOAK_FLAGS=--bursts: more than it can take"
	@echo "make fuzz    broken input for every reader and parser, for half an hour; goes on where it was"
	@echo "make lint | types | layers    style, static types, directions of imports"
	@echo "make checkpoint  simulate, train and judge the shipped checkpoint anew, into data/"
	@echo "make setup-hashed  into $(VENV) what has the hashes in constraints-hashes.txt; torch without"
	@echo "make wheel   build dist/*.whl"
	@echo "make peers   packages that wigwag bench can be compared with, into $(PEERS_VENV)"
	@echo "make check   lint, types, layers and tests"
	@echo "make clean   remove what was built, $(VENV) and $(PEERS_VENV) too"

demo: $(VENV)/.installed
	$(BIN)/wigwag demo $(DEMO_FLAGS)

# How the shipped checkpoint was made, all of it simulated: 1.6 GB in data/, and an hour of training on a busy core.
checkpoint: $(VENV)/.installed
	mkdir -p data
	$(BIN)/wigwag simulate data/simulated --layout dvsgesture --users 1-29 --processes 2
	$(BIN)/wigwag train data/simulated --preset best --minibatches 1350 --run data/small
	$(BIN)/wigwag evaluate data/small/checkpoint.safetensors data/simulated

test: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m pytest --ignore=tests/pipeline/benchmarks \
		-m "not alone" -n 2 --dist worksteal $(TEST_FLAGS)
	$(ONE_THREAD) $(BIN)/python -m pytest --ignore=tests/pipeline/benchmarks -m alone $(TEST_FLAGS)

# Of `wigwag bench`: every benchmark at a small size, each with processes of its own.
test-benchmarks: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m pytest tests/pipeline/benchmarks $(TEST_FLAGS)

# Stages killed at random moments, 50 times each.
faults: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m tests.faults $(FAULTS_FLAGS)

# Left running for an hour: do memory, descriptors and latency stay?
soak: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m tests.soak $(SOAK_FLAGS)

# 100,000 mutated inputs for each target; how far it came is kept in data/fuzz.
fuzz: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m tests.fuzz $(FUZZ_FLAGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy --strict

layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports

wheel: $(VENV)/.installed-dev
	rm -rf build dist
	$(BIN)/python -m build --wheel

check: lint types layers test test-benchmarks

setup: $(VENV)/.installed-dev

# The same with every file checked against constraints-hashes.txt before it is installed, but for
# torch and what it alone brings along: its builds differ by platform and index.
setup-hashed: | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) \
		--require-hashes --no-deps -r constraints-hashes.txt
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt torch
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) \
		--no-deps --no-build-isolation -e .
	@touch $(VENV)/.installed $(VENV)/.installed-dev

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "wigwag needs Python 3.11 or later, and none was found;" \
			"install one, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "wigwag needs Python 3.11 or later; $(PYTHON) is not:" >&2; \
		"$(PYTHON)" --version >&2; exit 1; }
	@"$(PYTHON)" -m venv "$(VENV)" || { rm -rf "$(VENV)"; \
		echo "$(PYTHON) could not make an environment;" \
			"on Debian and Ubuntu, install the package python3-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt -e ".[dev]"
	@touch $@

peers: $(PEERS_VENV)/.installed

# decolle and spikingjelly ask for torchvision and torchaudio, which the parts measured never import
# and which bring a torch of their own choice along.
$(PEERS_VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	"$(PYTHON)" -m venv "$(PEERS_VENV)"
	$(PEERS_VENV)/bin/python -m pip install --disable-pip-version-check $(PIP_FLAGS) \
		-c constraints.txt -e ".[benchmarks]"
	$(PEERS_VENV)/bin/python -m pip install --disable-pip-version-check $(PIP_FLAGS) \
		-c constraints.txt --no-deps decolle spikingjelly
	@touch $@

clean:
	rm -rf "$(VENV)" "$(PEERS_VENV)" build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find drivers recordings pipeline models tests -name __pycache__ -type d -prune -exec rm -rf {} +
