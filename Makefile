# Two commands: `make demo` does the main job on real input, `make test` passes the tests. Each brings what it needs.
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := .venv/bin
ARGS ?=
export UV_PYTHON_DOWNLOADS ?= never
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow kill-cycles lint mutation screenshots texts serve clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/.installed ## Make .venv with everything that uv.lock pins

demo: .venv/.installed ## Run a real check from HTTP to a scored answer (ARGS=--once to exit afterwards)
	@$(RUN)/crosscheck demo $(ARGS)

test: lint ## Lint, type-check, check import contracts, run the tests
	@sh .ci/install-chromium
	@$(RUN)/pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

test-slow: .venv/.installed ## Run the tests that start processes and nodes of their own
	@$(RUN)/pytest -n 2 --dist loadfile -m slow $(ARGS)

lint: .venv/.installed ## Lint, type-check and check import contracts only
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-logo

kill-cycles: .venv/.installed ## Kill writers and services 200 times on each kind of database; nothing may be lost
	@CROSSCHECK_TEST_KILL_CYCLES=$${CROSSCHECK_TEST_KILL_CYCLES:-200} $(RUN)/pytest -s -n0 -k killed \
		tests/watchlists/test_kill_cycles.py tests/service/test_kill_service.py $(ARGS)

mutation: .venv/.installed ## Change each line of what decides in turn; a test must notice (half an hour)
	@$(UV) run --locked --group dev --group demo --group mutation mutmut run

screenshots: .venv/.installed ## Take the pictures of the review desk that docs/ shows
	@sh .ci/install-chromium
	@CROSSCHECK_SCREENSHOTS=docs/images $(RUN)/pytest -n0 tests/browser/test_screenshots.py $(ARGS)

texts: .venv/.installed ## Collect the texts of pages into service/locale/crosscheck.pot, for translators
	@$(RUN)/pybabel -q extract -F pyproject.toml -k marked --sort-output --omit-header --no-wrap --add-location never \
		-o service/locale/crosscheck.pot service

serve: .venv/.installed ## Serve the API on the data folder of CROSSCHECK_HOME
	@$(RUN)/crosscheck serve $(ARGS)

clean: ## Remove the environment and all caches
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache mutants

# A recipe line that fails leaves no stamp, so a broken install is tried again.
.venv/.installed: pyproject.toml uv.lock $(filter .tools/%,$(UV))
	$(UV) sync --locked --group dev --group demo
	@touch $@

.tools/bin/uv:
	@sh .ci/bootstrap-uv $(UV_VERSION)
