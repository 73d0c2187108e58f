# Everything that people and CI run; `make help` explains.
PYTHON ?= python3
VENV := .venv
CACHE := .cache
PROCESSES ?= 3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := .demo

# A temporary folder of its own: pytest would remove what earlier runs left in the shared one, and a run
# whose tests have all passed would fail when it cannot.
PYTEST = temporary=$$(mktemp -d) && PYTEST_DEBUG_TEMPROOT=$$temporary $(BIN)/python -m pytest
CLEAN_UP = && { rm -rf "$$temporary" || true; }

export PYTHONPYCACHEPREFIX := $(abspath $(CACHE))/bytecode
export PYTHONDONTWRITEBYTECODE :=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-check run image test test-quick collect check format diagram bench chaos lock clean tools

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything that is pinned in requirements.lock

$(STAMP): requirements.lock pyproject.toml hatch_build.py
	@$(PYTHON) scripts/machine.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python scripts/install.py
	@touch $@

catalogs: setup ## what is compiled and fetched beside the sources
	@$(BIN)/python hatch_build.py

demo: setup catalogs ## the platform with samples, simulated services and the real tools; Ctrl-C ends it
	@MPRELEASE_DATA_DIR=$(DEMO) MPRELEASE_TOOLS_DIR=$(CACHE)/tools $(BIN)/mprelease demo $(ARGS)

demo-check: setup catalogs ## release the samples on three platforms without the pages, and end
	@MPRELEASE_DATA_DIR=$(DEMO) MPRELEASE_TOOLS_DIR=$(CACHE)/tools $(BIN)/mprelease demo --check

run: setup catalogs ## the platform of this checkout at http://localhost:8088; ARGS="--port 80"
	@$(BIN)/mprelease serve $(ARGS)

image: ## build the image with docker, podman or buildah: ARGS="--target tools-inside"
	@$(PYTHON) scripts/image.py $(ARGS)

# Many of these tests wait: for leases, time limits, processes, the vendors' tools, the network. One
# process more than the two cores of CI keeps these busy. The default of PROCESSES is for CI.
test: setup catalogs ## everything that this machine can run; CI=true fails on what it lacks
	@$(PYTEST) --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(CLEAN_UP)

test-quick: setup catalogs ## the quick part of the tests: SQLite alone, no vendors' tools, no waiting
	@$(PYTEST) --numprocesses $(PROCESSES) -m "not slow and not servers and not lasting" \
		--ignore tests/end_to_end --ignore tests/web/test_schema.py $(CLEAN_UP)

tools: setup catalogs ## install the vendors' tools where the tests look for them
	@MPRELEASE_DATA_DIR=$(CACHE)/data MPRELEASE_TOOLS_DIR=$${MPRELEASE_TOOLS_DIR:-$(CACHE)/tools} \
		$(BIN)/mprelease tools install --all

collect: setup catalogs ## import every test once, which compiles what all processes of `make test` import
	@$(BIN)/python -m pytest --collect-only --quiet --quiet > $(CACHE)/collected || \
		{ cat $(CACHE)/collected; exit 1; }

check: setup catalogs ## format, lint, types (of tests too), floors, dependencies, dead code, scripts and styles
	@$(BIN)/python scripts/check.py

format: setup ## put the code into its form
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .
	@test ! -x .cache/lint/node_modules/.bin/biome || .cache/lint/node_modules/.bin/biome check --write >/dev/null

diagram: setup ## draw the states of a release into docs/architecture.md
	@$(BIN)/python scripts/state_diagram.py

bench: setup catalogs ## measure what mprelease adds, beside the same steps by a script: NAME=live for one part
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(NAME)

chaos: setup catalogs ## kill and freeze everything and count what becomes of releases: ARGS="--shape all"
	@PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

lock: setup ## pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --upgrade --universal --group dev --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" \
		--output-file requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --constraint requirements.lock --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" \
		--output-file deploy/runtime.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --group image --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" \
		--output-file deploy/build.lock

clean: ## remove what the targets above made
	@rm -rf $(VENV) $(CACHE) $(DEMO) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
