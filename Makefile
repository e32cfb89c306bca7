# Every target sets up what it needs. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
TESTERS ?= auto --maxprocesses 4

.PHONY: demo test check bench score kpi houses model falls fuzz states guide clean

demo: .venv/runtime.stamp  ## a small home, complete: make demo ARGS="--for 60 --speed 30"
	$(BIN)/shouwang demo $(ARGS)

test: .venv/dev.stamp  ## every test; ARGS="-k sos" picks some
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile $(ARGS)

check: .venv/dev.stamp  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: .venv/dev.stamp  ## speed, measured; never part of a test
	$(BIN)/python -m tests.bench $(ARGS)

score: .venv/dev.stamp  ## the default rules in simulated worlds: recall, false alerts; ARGS="--residents 20 --show missed"
	$(BIN)/python -m tests.score $(ARGS)

kpi: .venv/dev.stamp  ## the report of a simulated month of 60 residents against SQL over the raw events; its figures
	SHOUWANG_MONTH=$(or $(MONTH),60x28) $(BIN)/python -m pytest -q -s tests/reports/test_month.py $(ARGS)

houses: .venv/dev.stamp  ## the default rules over three recorded homes, each alert beside the diary
	$(BIN)/python -m tests.score.houses $(ARGS)

model: .venv/dev.stamp  ## 10,000 sequences of evidence, acts, receipts, failures, restarts and time
	SHOUWANG_MODEL_SEQUENCES=10000 $(BIN)/python -m pytest tests/alerts/test_lifecycle_machine.py $(ARGS)

falls: .venv/dev.stamp  ## trains the models of rules/falls anew from ../shared/falls; the same bytes each time
	$(BIN)/python -m ingest.falls.train ../shared/falls/*.parquet --transfer umafall_waist \
		--transfer umafall_wrist --transfer smartfallmm_hip $(ARGS)
	SHOUWANG_TRAIN=1 $(BIN)/python -m pytest -q tests/falls/test_training.py

fuzz: .venv/fuzz.stamp  ## decoders under garbage, led by coverage; ARGS="json --seconds 60" picks
	$(BIN)/python -m tests.fuzz $(ARGS)

states: .venv/runtime.stamp  ## alerts/README.md, made of the tables of states
	$(BIN)/python -m alerts.diagram > alerts/README.md.new
	mv alerts/README.md.new alerts/README.md

guide: .venv/runtime.stamp  ## devices/README.md, made of the catalogue
	$(BIN)/python -m devices.guide > devices/README.md.new
	mv devices/README.md.new devices/README.md

.venv/runtime.stamp: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Shouwang needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[falls]'
	touch $@

.venv/dev.stamp: .venv/runtime.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

.venv/fuzz.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]' || { \
		echo 'make fuzz: atheris has no wheel for this Python or system; it has for Python 3.11 to 3.13 on' \
		'x86-64 Linux. `make test` has a short form that needs none.' >&2; exit 1; }
	touch $@

clean:  ## removes what the targets above made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
