# `make` lists the targets. Everything works from a fresh clone: what a target needs, it installs first.

PYTHON ?= python3
VENV ?= .venv
PROFILE ?= psa
# Tests run in as many processes as there are cores, but at most four: each may start a whole gateway.
JOBS ?= 4
ARGS ?=
# Which suites `make suites` runs: all, if none is named.
SUITES ?=
# What `make fuzz` tries, and for how long in all: all targets, if none is named.
TARGETS ?=
SECONDS ?= 60
# What the benchmark measures: all peers and all scenarios, unless some are named.
PEERS ?=
SCENARIOS ?=
ROUNDS ?= 5
SECONDS ?= 4
# How long `make soak` goes on.
MINUTES ?= 10

export PYTHON VENV
BIN := $(VENV)/bin
# Tests run commands of this Makefile as a person would: they must not take themselves for its children. They start
# hundreds of gateways, each of which would compile all of its source where no bytecode may be kept.
ALONE := env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u PYTHONDONTWRITEBYTECODE PATH="$(abspath $(BIN)):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help run test mutants check fix bench compiled soak slow docs lock suites fuzz seeded wheel clean
.SUFFIXES:

help: ## List the targets
	@echo 'Usage: make TARGET [VARIABLE=value]'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: ## Run the gateway with the services of a profile (PROFILE=psa), on port 3000
	@exec tools/run.sh '$(PROFILE)'

test: ## Run every test, and some against the compiled build (ARGS='-k breaker' picks some tests)
	@tools/venv.sh dev
	@tools/needs.sh
	@$(ALONE) python -m pytest -n auto --maxprocesses $(JOBS) --dist loadgroup $(ARGS)
	@$(if $(ARGS),,$(ALONE) JOBS=$(JOBS) tools/compiled.sh test)

mutants: ## Break the source in each committed way and see a test fail (ARGS='breaker' picks some)
	@tools/venv.sh dev
	@$(ALONE) python tools/mutate.py $(ARGS)

check: ## Check form, lint, types, import directions, dead code, spelling and mutations' places
	@tools/venv.sh dev
	@PATH="$(abspath $(BIN)):$$PATH" tools/check.sh

fix: ## Format the code and mend what the linter can
	@tools/venv.sh dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: ## Measure Portico beside other proxies (PEERS="portico envoy" SCENARIOS="get post" ROUNDS=5 SECONDS=4)
	@tools/venv.sh dev
	@tools/peers.sh $(PEERS)
	@$(if $(PEERS)$(SCENARIOS),,$(BIN)/python -m bench.parts)
	@$(if $(PEERS)$(SCENARIOS),,$(BIN)/python -m bench.proving)
	@PATH="$$PATH:/usr/sbin" $(BIN)/python -m bench --peers '$(PEERS)' --scenarios '$(SCENARIOS)' \
		--rounds $(ROUNDS) --seconds $(SECONDS)

compiled: ## Build Portico with its road compiled to machine code, into .venv-compiled (needs gcc and python3-dev)
	@tools/venv.sh dev
	@tools/compiled.sh

soak: ## Run mixed traffic with faults, reloads and killed workers, and judge every answer (MINUTES=10)
	@tools/venv.sh dev
	@$(BIN)/python -m load.soak --minutes $(MINUTES) $(ARGS)

slow: ## Attack a gateway with slow clients, and see whether others are served (needs slowhttptest)
	@tools/venv.sh dev
	@command -v slowhttptest >/dev/null || \
		{ echo "portico: slowhttptest is missing. Install it: apt-get install slowhttptest" >&2; exit 1; }
	@$(BIN)/python -m load.slow $(ARGS)

docs: ## Make the configuration reference anew from the schema
	@tools/venv.sh dev
	@$(BIN)/python tools/reference.py

lock: ## Lock versions and hashes anew from pyproject.toml (UPGRADE=1 takes the newest versions)
	@tools/venv.sh dev
	@PATH="$(abspath $(BIN)):$$PATH" tools/lock.sh $(if $(UPGRADE),--upgrade)

suites: ## Run third-party suites against the gateway, beside nginx and Envoy (SUITES='litmus autobahn')
	@tools/venv.sh dev
	@$(ALONE) python -m tests.suites $(ARGS) $(SUITES)

fuzz: ## Fuzz for SECONDS in all, every target or those named (SECONDS=3600 TARGETS='paths tokens')
	@tools/venv.sh dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/fuzz.txt
	@$(ALONE) python -m tests.fuzz --seconds $(SECONDS) $(ARGS) $(TARGETS)

seeded: ## Put defects into a copy of the source and see that the fuzzers find them (ARGS='chunk' picks some)
	@tools/venv.sh dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/fuzz.txt
	@$(ALONE) python -m tests.fuzz.seeded $(ARGS)

wheel: ## Build the wheel into dist/
	@tools/venv.sh dev
	@$(BIN)/python -m build --wheel --no-isolation

clean: ## Remove what was made here, except your data in var/
	rm -rf '$(VENV)' build dist bench/peers/node/node_modules tests/integration/openid/node_modules bench/results/partial
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
