# Every target makes its own .venv: a fresh clone needs nothing but python3 (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test soak check bench clean

demo: .venv/.installed
	$(BIN)/python -m igent.workflows p1m1_p2m2 --max-items 5

test: .venv/.installed
	$(BIN)/python -m pytest -n auto --dist worksteal

soak: .venv/.installed
	$(BIN)/python -m pytest -n auto --dist worksteal -m soak --durations 0

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -m pytest tests/test_architecture.py

bench: .venv/.installed
	$(BIN)/python -m profiles.bench

clean:
	rm -rf .venv runs dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
