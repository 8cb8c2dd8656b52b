# make reproduce    the whole experiment, from nothing to its tables
# make test         the test suite
# Variables: EXPERIMENT=<file in configs/>  JOBS=<side by side>  PROFILE=<folder in workflow/profiles/>
#            GPUS=<number of this machine's; all>  PARTIAL=1 (tables even where runs have failed)
#            ONLY=<words of tests>, for test-slurm; ONLY=<parts>, for bench
#            WRITE=1, for bench: keep what is measured in results/committed/bench
EXPERIMENT ?= laptop
PROFILE ?= default
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
PYTHON ?= python3

# Relative paths only: the folder's own name may hold a space.
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
RUN := PATH="$$PWD/$(VENV)/bin:$$PATH" $(PY)
TEST := $(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help reproduce doctor plan compute test test-long test-slurm golden screenshot lint format lock bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

reproduce: $(INSTALLED) ## train what is missing of EXPERIMENT, write and print its tables
	@$(RUN) -m pgf reproduce $(EXPERIMENT) --jobs $(JOBS) --profile $(PROFILE) \
		$(if $(GPUS),--gpus $(GPUS)) $(if $(PARTIAL),--partial)

doctor: $(INSTALLED) ## examine the SLURM cluster for EXPERIMENT, and say how to mend what is not ready
	@$(RUN) -m pgf doctor $(EXPERIMENT) --profile $(if $(filter default,$(PROFILE)),slurm,$(PROFILE))

plan: $(INSTALLED) ## show the runs, jobs, layers and time of EXPERIMENT, without training
	@$(RUN) -m pgf plan $(EXPERIMENT) --jobs $(JOBS)

compute: $(INSTALLED) ## count what the models and recipes of EXPERIMENT cost, without runs and without data
	@$(RUN) -m pgf compute $(EXPERIMENT)

test: $(INSTALLED) ## the test suite, but for its longest tests and what needs a SLURM of its own
	@$(TEST) -m "not long"

test-long: $(INSTALLED) ## the longest tests: the paper's models at full shape, more ways to be stopped
	@$(TEST) -m long

test-slurm: $(INSTALLED) ## the SLURM profile on a real SLURM: root, and Debian's slurm-wlm, munge, slurmdbd, mariadb-server
	@$(RUN) -m pytest tests/jobs/slurm $(if $(ONLY),-k "$(ONLY)")

golden: $(INSTALLED) ## write the golden curves in tests/golden anew, after a change that is meant to move numbers
	@PYTHONPATH=.:tests $(RUN) -m golden.curves

screenshot: $(INSTALLED) ## take the README's picture of the dashboard anew, with Chromium
	@PYTHONPATH=.:tests $(RUN) -m golden.screenshot

lint: $(INSTALLED) ## formatting, style, types and the workflow's own checks
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m snakefmt --check Snakefile workflow
	@$(RUN) -m snakemake --lint

format: $(INSTALLED) ## rewrite the code as lint wants it
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .
	@$(RUN) -m snakefmt Snakefile workflow

bench: $(INSTALLED) ## measure masks, steps, memory and sweeps here, against dense and the usual way
	@$(RUN) -m pgf bench $(ONLY) $(if $(WRITE),--write)

lock: $(INSTALLED) ## resolve requirements.lock anew from pyproject.toml
	@$(PY) -m uv pip compile --system-certs --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade --group dev --all-extras pyproject.toml -o requirements.lock

clean: ## remove the environment and tool caches; results stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# uv installs in half a minute what takes pip several; where it fails, pip does it.
# The package itself comes last, as a link to this folder, with the build tools of the lock.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pgf needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	@$(PY) -m uv pip install --quiet --system-certs --compile-bytecode --require-hashes --python $(PY) -r requirements.lock || \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m uv pip install --quiet --offline --no-deps --no-build-isolation --python $(PY) --editable . || \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)
