PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check e2e format lint types docs wheel bench simulate lag clean

help: ## List the targets.
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "peerdisco needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q -U pip
	@touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml
	@$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@$(BIN)/python -m pip install -q --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(BIN)/python -m pip install -q --group bench
	@touch $@

demo: $(VENV)/.runtime ## Tell the story of a headless Service, with real packets on 127.0.0.1.
	@$(BIN)/peerdisco demo

test: $(VENV)/.dev ## Run every test; those that need CoreDNS or another DNS server are skipped where it can't be had.
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: lint types ## Run the inner loop: lint, types, and the quick unit tests, on all cores.
	@$(BIN)/python -m pytest -q -n auto -m "not slow" tests --ignore=tests/e2e --ignore=tests/docs_look $(ARGS)

e2e: $(VENV)/.dev ## Run the tests against a real CoreDNS, building it if need be; fail where it can't be had.
	@$(BIN)/python -m pytest tests/e2e --require-coredns $(ARGS)

.PHONY: e2e-servers
e2e-servers: $(VENV)/.dev ## Run the tests against other DNS servers (dnsmasq, unbound, BIND, …); fail where one is missing.
	@$(BIN)/python -m pytest tests/e2e/servers --require-coredns --require-servers $(ARGS)

format: $(VENV)/.dev ## Format the code.
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix --select I

lint: $(VENV)/.dev ## Check format and lint.
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check

types: $(VENV)/.dev ## Check types, strictly, of the package, its tests and examples; what applications use, by pyright as well.
	@$(BIN)/mypy
	@$(BIN)/basedpyright --warnings

docs: $(VENV)/.dev ## Check spelling and prose, and build the documentation into docs/_build; a warning is an error.
	@$(BIN)/codespell *.md docs peerdisco examples
	@$(BIN)/python -m pytest -q tests/test_prose.py tests/test_docs.py
	@$(BIN)/sphinx-build -q -W --keep-going -E docs docs/_build

wheel: $(VENV)/.dev ## Build the wheel, install it alone, and run the unit tests against it.
	@rm -rf dist build/wheel build/checkout
	@$(BIN)/python -m build -q
	@$(BIN)/check-wheel-contents dist/*.whl
	@$(PYTHON) -m venv build/wheel
	@build/wheel/bin/python -m pip install -q -U pip
	@build/wheel/bin/python -m pip install -q dist/*.whl --group test
	@cd build && wheel/bin/python -P -c 'import peerdisco, sys; sys.exit("site-packages" not in peerdisco.__file__)'
	@mkdir build/checkout && ln -s ../../tests ../../examples build/checkout/
	@cd build && PYTHONPATH=checkout wheel/bin/python -P -m pytest -q -c ../pyproject.toml --rootdir=.. ../tests --ignore=../tests/e2e --ignore=../tests/docs_look --ignore=../tests/guides $(ARGS)

bench: $(VENV)/.bench ## Compare with raw sockets, dnspython, aiodns, getaddrinfo and the kubernetes client.
	@$(BIN)/python -m tests.benchmarks.bench $(ARGS)

simulate: $(VENV)/.bench ## Show the load of a fleet on cluster DNS, from the roster's own code.
	@$(BIN)/python -m tests.benchmarks.simulate $(ARGS)

lag: $(VENV)/.dev ## Measure how far the list lags behind, against a real CoreDNS and its caches.
	@$(BIN)/python -m tests.e2e.lag $(ARGS)

clean: ## Remove everything that was made.
	@rm -rf $(VENV) build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: chaos
chaos: $(VENV)/.dev ## Break servers, network and process for SECONDS (600), drawn from SEED; every law must hold.
	@$(BIN)/python -m tests.chaos $(or $(SECONDS),600) $(SEED)

.PHONY: matrix
matrix: $(VENV)/.dev ## Test wheel and sdist in empty environments, with each Python found here (ARGS: more interpreters).
	@$(BIN)/python -m tests.matrix $(ARGS)

.PHONY: release-check
release-check: $(VENV)/.dev ## Build wheel and sdist twice to the same bytes, and check them, the changelog and the workflows.
	@TAG="$(TAG)" .ci/release-check

.PHONY: docs-look
docs-look: $(VENV)/.dev ## Open the documentation in a headless Chromium, and take screenshots into build/docs-look.
	@$(BIN)/python -m pytest -q tests/docs_look $(ARGS)

$(VENV)/.fuzz: $(VENV)/.dev
	@$(BIN)/python -m pip install -q --group fuzz || echo "atheris does not install here: hypothesis makes the inputs"
	@touch $@

.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## Fuzz every reader of bytes and text for SECONDS=60 in all; an input that breaks a law is shown.
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(ARGS)

DECISIONS := roster discovery srv_discovery names reply records lists found query lookup

.PHONY: coverage
coverage: $(VENV)/.dev ## Measure the branch coverage of what decides: roster, discovery, names, readers; fail below 100 %.
	@mkdir -p build
	@$(BIN)/python -m coverage run -m pytest -q $(filter-out %_properties.py,$(foreach part,$(DECISIONS),$(wildcard tests/test_$(part)*.py))) $(ARGS)
	@$(BIN)/python -m coverage report

MUTANTS := build/mutation

.PHONY: mutation
mutation: $(VENV)/.dev ## Change every line of roster, discovery, names and readers, and list the changes that no test notices.
	@$(BIN)/python -m pip install -q --group mutation
	@rm -rf $(MUTANTS) && mkdir -p $(MUTANTS) && cp -r peerdisco tests conftest.py pyproject.toml $(MUTANTS)
	@cd $(MUTANTS) && ../../$(BIN)/python -m mutmut run $(ARGS) && ../../$(BIN)/python -m mutmut results

.PHONY: simulate-faults
simulate-faults: $(VENV)/.dev ## Tell STORIES=500 of faults to a simulated fleet; one that breaks a law is made small and shown.
	@$(BIN)/python -m tests.faults --stories $(or $(STORIES),500) --jobs 2 $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.dev ## Draw the pictures of doctor and watch in docs/_static, from what they print on a terminal.
	@$(BIN)/python -m tests.support.screenshots
