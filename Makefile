# make demo     the example study, from nothing to a valid interval
# make test     the whole test suite: real servers, a real browser where there is one
# make check    the fast part of it: format, lint, types, imports, unit tests and doctests
# make bench    the benchmarks
# make validate the full grid of coverage simulations, into docs/validation (an hour on 4 cores)
# make install  both virtual environments; demo, test, check and bench do this by themselves
# make down     stop the services that were started here
# make clean    the same, and remove the virtual environments and caches; data and results stay
# make lock     compile the locks anew (see requirements/README.md)
#
# Variables:
#   PYTHON=python3.12    the Python to use (3.11, 3.12 or 3.13); otherwise the first that fits
#   CODERS=human         people code in the demo's Label Studio instead of two simulated coders
#   DEMO_ARGS="..."      further arguments of examples/survey/demo.py
#   UV_TORCH_BACKEND=auto  PyTorch for this machine's GPU; by default its CPU build is installed
#   TORCH_INDEX=URL      take torch from this package index instead (see pytorch.org/get-started)

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
CODERS ?= simulated
DEMO_ARGS ?=
TORCH_INDEX ?=
PYTEST_ARGS ?=
VALIDATE_ARGS ?=
WORKERS := -n auto

APP := .venv
SERVER := .venv-label-studio
INSTALL = $(or $(PYTHON),$(error Python 3.11, 3.12 or 3.13 is needed and none was found. Install one, \
	or name it: make PYTHON=/path/to/python3.11)) requirements/install.py
BENCHMARKS = $(wildcard benchmarks/*.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check bench validate down clean lock

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

install: $(APP)/.installed $(SERVER)/.installed

$(APP)/.installed: requirements/app.lock requirements/install.py pyproject.toml
	@$(INSTALL) $(APP) requirements/app.lock --project --torch-index "$(TORCH_INDEX)"
	@touch $@

# Label Studio has an environment of its own: together they resolve to an old Prefect and an old openai.
$(SERVER)/.installed: requirements/label-studio.lock requirements/install.py
	@$(INSTALL) $(SERVER) requirements/label-studio.lock
	@touch $@

demo: install
	@$(APP)/bin/python examples/survey/demo.py --coders $(CODERS) $(DEMO_ARGS)

test: install
	$(APP)/bin/pytest $(WORKERS) $(PYTEST_ARGS)

check: $(APP)/.installed
	$(APP)/bin/ruff format --check .
	$(APP)/bin/ruff check .
	$(APP)/bin/mypy
	$(APP)/bin/pytest $(WORKERS) -q tests/unit annotator models $(PYTEST_ARGS)

bench: install
	@$(if $(BENCHMARKS),,echo "There are no benchmarks yet: benchmarks/ holds no program.")
	@for program in $(BENCHMARKS); do echo "== $$program"; $(APP)/bin/python $$program || exit 1; done

validate: install
	@$(APP)/bin/python tests/statistical/validate.py $(VALIDATE_ARGS)

down:
	@if [ -x $(APP)/bin/annotator ]; then $(APP)/bin/annotator down; fi

clean: down
	rm -rf $(APP) $(SERVER) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	@echo "Kept: .services/ (the coders' work) and the results under examples/."

# The local version is cut off torch: the pin then means "the build for this machine".
lock: $(APP)/.installed
	sed -i.bak '/^torch==/d' requirements/app.lock
	$(APP)/bin/uv pip compile pyproject.toml --extra dev --extra parity --extra dask --extra ray --python-version 3.11 --no-annotate \
		--no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements/app.lock
	sed -i.bak 's/^\(torch==[^+]*\)+.*/\1/' requirements/app.lock && rm requirements/app.lock.bak
	$(APP)/bin/uv pip compile requirements/label-studio.in --no-annotate --no-header --no-emit-index-url \
		--no-emit-find-links --quiet -o requirements/label-studio.lock
