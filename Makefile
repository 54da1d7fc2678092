# make demo         makes phantom exams, trains, evaluates and runs inference
# make test         runs the test suite
# make test-fast    runs what takes moments of it, for whoever edits
# make test-matrix  runs that with every Python of this machine, newest and oldest packages
# make fuzz         runs many altered inputs through what reads them
# make wheelhouse   collects wheels for a machine without a network:
#                   make wheelhouse PYTHON_VERSION=3.12 PLATFORM=manylinux_2_28_x86_64
# The first three and fuzz make .venv on first use; a second run installs nothing.

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3.10,\
	$(shell command -v $(p) 2>/dev/null)) python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WHEELHOUSE ?= wheelhouse

.PHONY: demo test test-fast test-matrix fuzz wheelhouse install clean

demo: install
	$(BIN)/python tools/demo.py

test: install
	$(BIN)/python -m pytest -n 2 tests

test-fast: install
	$(BIN)/python -m pytest -n 2 -m 'not slow' tests

test-matrix:
	.ci/matrix

fuzz: install
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzzing $(FUZZ)

wheelhouse:
	$(PYTHON) tools/misc/wheelhouse.py --out $(WHEELHOUSE) --project . \
		$(if $(PYTHON_VERSION),--python-version $(PYTHON_VERSION)) \
		$(if $(PLATFORM),--platform $(PLATFORM)) $(if $(WITHOUT),--without $(WITHOUT))

install: $(INSTALLED)

$(INSTALLED): setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v <= (3, 13) else f"Python {v[0]}.{v[1]} found; 3.10 to 3.13 are supported. Run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip
	$(BIN)/python -m pip install -e '.[tests]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
