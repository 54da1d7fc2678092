# make demo       makes phantom exams, trains, evaluates and runs inference
# make test       runs the test suite
# make test-fast  runs what takes moments of it, for whoever edits
# make fuzz       runs many altered inputs through what reads them
# Each makes .venv on first use; a second run installs nothing.

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.10,\
	$(shell command -v $(p) 2>/dev/null)) python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-fast fuzz install clean

demo: install
	$(BIN)/python tools/demo.py

test: install
	$(BIN)/python -m pytest -n 2 tests

test-fast: install
	$(BIN)/python -m pytest -n 2 -m 'not slow' tests

fuzz: install
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzzing $(FUZZ)

install: $(INSTALLED)

$(INSTALLED): setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v <= (3, 12) else f"Python {v[0]}.{v[1]} found; 3.10 to 3.12 are supported. Run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip
	$(BIN)/python -m pip install -e '.[tests]'
	touch $@

clean:
	rm -rf $(VENV) *.egg-info
