# gbflux. Every target first makes what it needs; nothing asks a question.
#   make run            the main job: one polycrystal, bare and with homogenizing layers, one figure, one table, one page
#   make test           tests that take seconds each (under 12 minutes on 2 cores)
#   make test-all       every test, the slow ones too; first installs what they need (slow-tools)
#   make mutants        faults put into a copy of the sources, and the tests that catch them (part of test-all)
#   make test-debian13  `make test` in a Debian 13 root (needs root or password-free sudo); test-sid likewise
#   make setup          the environment alone (.venv)
#   make clean          remove .venv and caches; results stay

PYTHON_VENV := .venv/bin/python
RANKS ?= 2
JOBS ?= 2
PYTEST := $(PYTHON_VENV) -m pytest -n $(JOBS)

# Needed where the user is root (containers), unread elsewhere; one thread a process, MPI does the rest.
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
export OMP_NUM_THREADS := 1

.PHONY: help setup run test test-slow test-all slow-tools mutants test-debian13 test-sid lint clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

setup:
	@scripts/setup

run: setup
	.venv/bin/gbflux compare configs/lu2021.yaml -n $(RANKS) -o results/lu2021
	@echo; printf 'report: '; .venv/bin/gbflux report results/lu2021

test: setup
	$(PYTEST) -m "not slow"

test-slow: setup slow-tools
	$(PYTEST) -m slow

test-all: setup slow-tools
	$(PYTEST)

mutants: setup
	$(PYTHON_VENV) tests/mutants.py

# a browser, Slurm and Snakemake, which slow tests drive for real
slow-tools:
	@scripts/setup-browser
	@scripts/slow-tools

test-debian13:
	scripts/in-root trixie make test JOBS=$(JOBS)

# not gating: sid changes daily
test-sid:
	scripts/in-root sid make test JOBS=$(JOBS)

lint: setup
	$(PYTHON_VENV) -m ruff check src tests docs meshes benchmarks examples
	$(PYTHON_VENV) -m ruff format --check src tests docs meshes benchmarks examples
	$(PYTHON_VENV) -m mypy

clean:
	rm -rf .venv .venv-snakemake dist .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
