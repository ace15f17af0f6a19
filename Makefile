# Everything here works on a clean checkout: the targets that need it make .venv first.
#
#   make demo    the main job, start to end, into out/
#   make test    the test suite           make lint   ruff and mypy
#   make format  let ruff tidy the code   make model  retrain the shipped model
#   make data    remake the small cohort   make lock   renew requirements/
#   make bench   speed beside the peers, into benchmarks/ (10 minutes)
#   make docs    docs/mechanisms.md, docs/worked_patients.md    make sensitivity  docs/sensitivity.md (10 minutes)
#   make build   sdist and wheel          make clean  remove what was made

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV ?= uv
OUT ?= out

# One OpenMP thread: on small fits more threads only wait for each other.
export OMP_NUM_THREADS = 1

INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header

.PHONY: demo test lint format model data docs sensitivity bench lock build clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.run
	$(BIN)/asthma-ml demo -o $(OUT)

test: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

model: $(VENV)/.run
	@mkdir -p $(OUT)
	$(BIN)/asthma-ml generate --patients 200000 --seed 20 -o $(OUT)/training_cohort.csv
	$(BIN)/asthma-ml train $(OUT)/training_cohort.csv --label phenotype --mechanisms severe_clinic \
	  -o models/th2_vs_neutrophilic.aml
	$(BIN)/asthma-ml generate --patients 20000 --seed 21 --truth $(OUT)/test_truth.csv -o $(OUT)/test_cohort.csv
	$(BIN)/asthma-ml evaluate $(OUT)/test_cohort.csv --truth $(OUT)/test_truth.csv --twins --limit \
	  -o models/th2_vs_neutrophilic.evaluation.json

data: $(VENV)/.run
	$(BIN)/asthma-ml generate --patients 500 --seed 1 --truth data/synthetic/truth.csv -o data/synthetic/cohort.csv

docs: $(VENV)/.run
	$(BIN)/python docs/make/mechanism_book.py -o docs/mechanisms.md --graph docs/causal_graph.svg \
	  --overview docs/mechanism_graph.svg
	$(BIN)/python docs/make/worked_patients.py -o docs/worked_patients.md
	$(BIN)/python docs/make/readme_table.py

sensitivity: $(VENV)/.run
	@mkdir -p $(OUT)
	$(BIN)/asthma-ml sensitivity --patients 3000 --jobs 2 -o $(OUT)/sensitivity.csv --plot docs/sensitivity.svg --report docs/sensitivity.md

bench: $(VENV)/.run
	$(BIN)/python benchmarks/bench.py --quick -o benchmarks

build: $(VENV)/.test
	$(BIN)/python -m hatchling build

lock:
	$(COMPILE) --group build -o requirements/run.txt
	$(COMPILE) --group build --group dev -c requirements/run.txt -o requirements/test.txt

clean:
	rm -rf $(VENV) $(OUT) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'asthma_ml needs Python 3.11 or newer; name one with: make PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/$*.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@
