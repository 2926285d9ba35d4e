# Every target makes its own .venv: a fresh clone needs nothing but python3 (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin
QUIETLY := --quiet --disable-pip-version-check

.PHONY: demo test soak check bench bench-compare lock clean

demo: .venv/.installed
	$(BIN)/python -m igent.workflows p1m1_p2m2 --max-items 5

test: .venv/.installed
	$(BIN)/python -m pytest -n auto --dist worksteal

soak: .venv/.installed
	records=$$(mktemp -d) && export IGENT_SOAK_RECORDS=$$records && \
	$(BIN)/python -m pytest -n auto --dist worksteal -m soak --durations 0 && \
	$(BIN)/python -m tests.reliability.record $$records && rm -r $$records

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -m pytest tests/test_architecture.py

bench: .venv/.installed
	$(BIN)/python -m profiles.bench

bench-compare: .venv/.installed
	$(BIN)/python -m profiles.compare

clean:
	rm -rf .venv runs dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Wheels alone, each with a hash of the lock: no code of a package runs while it is installed, and no other can come.
.venv/.installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(QUIETLY) --require-hashes --only-binary :all: --requirement requirements.lock
	$(BIN)/python -m pip install $(QUIETLY) --no-build-isolation --no-deps --editable .
	touch $@

# The newest versions that pyproject.toml allows, for every platform and Python from 3.11 on, with all their hashes.
lock:
	tools=$$(mktemp -d) && $(PYTHON) -m venv $$tools && $$tools/bin/python -m pip install $(QUIETLY) uv && \
	$$tools/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml && \
	rm -r $$tools
