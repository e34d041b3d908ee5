# setup -> demo / test / check / bench.  Everything lives in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := face,render,model,scenes,endpoint,serve,plot,ray,demo,dev

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench ablations docs clean

help:            ## Show this list.
	@grep -E '^[a-z]+: .*##|^[a-z]+: +##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(VENV)/ready  ## Install into .venv and check the system libraries.

$(VENV)/ready: pyproject.toml constraints.txt weights/pyproject.toml
	$(PYTHON) scripts/check_system.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e './weights' -e '.[$(EXTRAS)]'
	touch $@

demo: setup      ## Annotate and check the Carphone clip, ask ten questions; write demo/report.
	$(BIN)/python scripts/run_demo.py

test: setup      ## Run every test.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_OPTIONS)

check: setup     ## Lint, types, generated text.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python scripts/generate_docs.py --check

docs: setup      ## Regenerate the tree, help and figures in README and docs.
	$(BIN)/python scripts/generate_docs.py

bench: setup     ## Measure, and write benchmarks/RESULTS.md.
	$(BIN)/python benchmarks/run_all.py

PREPARED ?= runs/chat-tiny/prepared
ablations: setup ## Put the papers' claims to the test at tiny scale; may be stopped and goes on.
	$(BIN)/python benchmarks/ablations.py $(PREPARED) --data $(DATA)

clean:           ## Remove .venv and caches.
	rm -rf $(VENV) .pytest_cache .ruff_cache
