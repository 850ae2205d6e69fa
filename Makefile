# The few verbs that people use. Each sets up what it needs and is quick when that is done.

.DEFAULT_GOAL := help
.PHONY: help demo demo-service test quick check bench mutants soak setup engine lock changelog test-wheel docs release
.SUFFIXES:

BIN := .venv/bin
# One test process for each core, and one more; in the whole run another one, since many tests wait there.
WORKERS := $(shell expr $$(nproc 2> /dev/null || echo 2) + 1)
test: WORKERS := $(shell expr $(WORKERS) + 1)
# Long tests first, and who has nothing left takes some from another: see tests/support/order.py.
SPREAD = -n $(WORKERS) --dist worksteal
ARGS ?= $(SPREAD)
# Without byte code on disk each process of a test would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## say what the verbs do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: engine ## place clusters in a data centre with the real engine, and see a change refused
	$(BIN)/python tools/demo.py

demo-service: engine ## the ledger as a service on PostgreSQL, for two parties with a token and a state each
	$(BIN)/python tools/demo_service.py

test: engine ## run all tests; ARGS='-k engine -x' goes to pytest
	$(BIN)/python -m pytest $(ARGS)

test-wheel: setup ## build the wheel and test it, without the sources, on each Python here; ARGS='tests/unit -x'
	$(BIN)/python tools/test_wheel.py -- $(filter-out $(SPREAD),$(ARGS))

quick: setup ## run what needs no engine, no hosts and no killed process: while you write
	$(BIN)/python -m pytest $(ARGS) -m "not soak and not slow" tests/unit

check: setup ## lint, format, types, import contracts, generated pages, links
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict $(wildcard modules templates agents stacks tests bench)
	PYTHONPATH=agents $(BIN)/lint-imports
	$(BIN)/python tools/generate_reference.py
	$(BIN)/python tools/docs.py --check

docs: setup ## build the documentation as a site, build/site; a link that leads nowhere fails
	$(BIN)/python tools/docs.py

release: setup ## rehearse a release of this commit; KEY=FILE makes one, signed with that key
	$(BIN)/python -m tools.release $(if $(KEY),--key $(KEY),--rehearsal)

bench: engine ## measure, with ratios against a provider that does nothing
	$(BIN)/python -m bench

mutants: setup ## break the code in one place at a time, and see whether a test notices; ARGS='--seed 7'
	$(BIN)/python -m tools.mutants $(filter-out $(SPREAD),$(ARGS))

soak: engine ## the long race, kill and fuzz runs, and all mutants
	ZONEWRIGHT_SOAK=1 $(BIN)/python -m pytest -m soak --timeout=0 $(ARGS) -n 0
	$(BIN)/python -m tools.mutants --all

engine: setup ## find, install or build the Pulumi engine
	@$(BIN)/zonewright engine ensure > /dev/null

setup: ## make .venv with the locked dependencies
	@sh tools/setup.sh

changelog: setup ## show what the next release says; VERSION=0.2.0 writes it into CHANGELOG.md
	@$(BIN)/towncrier build $(if $(VERSION),--yes --version $(VERSION),--draft --version Unreleased)

# Needs uv (it is in no lock: only maintainers run this).
lock: ## write the locks again
	uv pip compile --extra dev pyproject.toml --generate-hashes --no-header --no-emit-index-url \
	  --python-version 3.11 --universal --output-file requirements-dev.lock
	uv pip compile --group release --constraint requirements-dev.lock --generate-hashes --no-header --no-emit-index-url \
	  --python-version 3.11 --universal --output-file packaging/requirements-release.lock
