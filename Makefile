# SPDX-License-Identifier: BSD-3-Clause
# Everything a developer runs; `make help` lists it. Works in .venv, which is made where there is none, and needs
# Python 3.11 or newer with its headers, a C compiler and a package index that pip reaches.

PYTHON ?= python3
ARGS ?=

# BPNET_DEBUG=1 builds with bounds, wraparound and overflow checks, for an environment of its own. It is installed as
# a copy: an editable install would put the slow modules into the source tree, where the fast ones stand.
BPNET_DEBUG ?= 0
export BPNET_DEBUG
SOURCES := $(shell find pyx -type f)
ifeq ($(filter-out 0,$(BPNET_DEBUG)),)
VENV ?= .venv
INSTALL = $(PIP) --no-build-isolation --editable .
UPDATE = $(VENV)/bin/python setup.py --quiet build_clib build_ext --inplace
else
VENV ?= .venv-debug
SOURCES += $(shell find bpnet -name '*.py' -o -name '*.pyi')
INSTALL = $(PIP) --no-build-isolation .
UPDATE = $(INSTALL)
endif

# The tools of the environment come first: cython-lint calls another tool by its name.
export PATH := $(abspath $(VENV)/bin):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK = 1
PIP = $(VENV)/bin/python -m pip install --quiet

.DELETE_ON_ERROR:
.PHONY: help demo test judge lint debug-test wheel bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s%s\n", $$1, $$2 }' Makefile

demo: $(VENV)/installed $(VENV)/requirements-plot.txt  ## install bpnet and run examples/quickstart.py
	$(VENV)/bin/python examples/quickstart.py

test: $(VENV)/installed $(VENV)/requirements-test.txt  ## run the whole suite with branch coverage; ARGS="-k name" for pytest
	PYTHONSAFEPATH=1 $(VENV)/bin/pytest -W error --cov $(ARGS)

judge: $(VENV)/installed $(VENV)/requirements-test.txt $(VENV)/requirements-judge.txt  ## all derivatives against JAX's, which is installed
	PYTHONSAFEPATH=1 $(VENV)/bin/pytest -W error -s tests/judge_jax.py $(ARGS)

lint: $(VENV)/installed $(VENV)/requirements-lint.txt  ## style, types, and stubs against the compiled modules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/cython-lint pyx
	$(VENV)/bin/mypy
	$(VENV)/bin/stubtest bpnet._core --ignore-disjoint-bases --allowlist tools/stubtest.txt

debug-test:  ## the suite against a build with bounds, wraparound and overflow checks, in .venv-debug
	$(MAKE) test BPNET_DEBUG=1

wheel: $(VENV)/requirements-dist.txt  ## build dist/: the sdist and, out of it, the wheel
	rm -rf dist
	$(VENV)/bin/pyproject-build
	if [ "$$(uname)" = Linux ]; then $(VENV)/bin/auditwheel show dist/*.whl; fi

bench: $(VENV)/installed  ## time bpnet side by side with its peers; ARGS=--help for the options
	$(VENV)/bin/python benchmarks/run.py $(ARGS)

clean:  ## remove all that was built; the environments stay, their next use builds again
	rm -rf build dist *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f bpnet/_core/*.so .venv/installed .venv-debug/installed
	find bpnet tests examples benchmarks tools -name __pycache__ -prune -exec rm -rf {} +

# pyvenv.cfg is the first file of an environment; it is removed again where the rest could not be made.
$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || { echo "bpnet needs Python 3.11 or newer; there is no '$(PYTHON)'." >&2; exit 1; }
	@$(PYTHON) tools/check_machine.py
	$(PYTHON) -m venv $(VENV)

$(VENV)/requirements-%.txt: pyproject.toml tools/requirements.py | $(VENV)/pyvenv.cfg
	$(VENV)/bin/python tools/requirements.py $* >$@
	$(PIP) --requirement $@

# The stamp of the installed package. Where nothing but sources has changed, only the modules they belong to are built.
$(VENV)/installed: setup.py pyproject.toml $(VENV)/requirements-build.txt $(SOURCES)
	@echo "building the compiled core: a minute or two where it is built from scratch"
	$(if $(filter-out $(SOURCES),$?),$(INSTALL),$(UPDATE))
	@touch $@
