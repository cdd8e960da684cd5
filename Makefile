# Everything here needs only Python 3.11+, pip, make and git; each target sets itself up in .venv first.
PYTHON ?= python3
UV     ?= uv
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp

.DEFAULT_GOAL := help
.PHONY: help demo test mutants verify lint bench bench-peers test-spark spark-server lock dist sbom release-check clean

help:  ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(STAMP)  ## the whole story on this clone's own history, without any account
	$(BIN)/ledger demo

test: $(STAMP)  ## the test suite, on all cores
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -q

mutants: $(STAMP)  ## take each defence of docs/security.md away in a copy: its tests must fail (some minutes)
	$(BIN)/python -m tests.security.mutants $(ROW)

verify: $(STAMP)  ## recompute the committed example node; a difference means that the format broke
	$(BIN)/ledger verify

lint: $(STAMP)  ## style, types, import rules, workflow security, documentation links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict ledger benchmarks
	$(BIN)/lint-imports --no-logo
	$(BIN)/zizmor --offline --pedantic --quiet .github action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(STAMP)  ## benchmarks, as a table of ratios (one of them: ROW=NAME)
	$(BIN)/python -m benchmarks $(ROW)

bench-peers: $(STAMP)  ## SourceCred's published engine beside this one, on the same contributions (needs Node; SIZES="10000 --turns 1")
	$(BIN)/python -m benchmarks.peers $(SIZES)

test-spark: $(STAMP)  ## the engines' tests on a real Spark, started here (needs Java 17) or at REMOTE=sc://HOST
ifdef REMOTE
	LEDGER_SPARK_REMOTE=$(REMOTE) $(BIN)/pytest -q tests/engines
else
	$(BIN)/python -m tests.engines.sparkserver $(BIN)/pytest -q tests/engines
endif

spark-server: $(STAMP)  ## a real Spark on loopback until Ctrl-C, for `ledger … --engine spark --remote` (needs Java 17)
	$(BIN)/python -m tests.engines.sparkserver

lock:  ## after a change of dependencies: write both lock files anew (needs uv; UV=path)
	$(UV) lock
	$(UV) export --quiet --locked --format requirements-txt --all-extras --all-groups --no-emit-project -o requirements.lock
	$(UV) export --quiet --locked --format requirements-txt --all-extras --no-extra spark --no-default-groups --group build --no-emit-project -o .github/requirements.lock

dist: $(STAMP)  ## wheel and source package into dist/, each built twice to the same bytes
	rm -rf dist build/dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/hatchling build -d dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/hatchling build -d build/dist
	diff -r dist build/dist

sbom:  ## what a release is made of, as CycloneDX, into dist/ (needs uv; UV=path)
	$(UV) export --quiet --locked --format cyclonedx1.5 --all-extras --no-dev -o dist/sbom.cdx.json

release-check:  ## does TAG=vX.Y.Z fit the version, and does the changelog tell of it?
	@test "$(TAG)" = "v$$(sed -n 's/^__version__ = "\(.*\)"$$/\1/p' ledger/__init__.py)" || { echo "make: the version in ledger/__init__.py is not $(TAG)" >&2; exit 1; }
	@grep -q "^## \[$(TAG:v%=%)\]" CHANGELOG.md || { echo "make: CHANGELOG.md has no section [$(TAG:v%=%)]" >&2; exit 1; }

clean:  ## remove what the commands built; .venv stays
	rm -rf build dist demo-node .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# The environment is as new as its lock: hashes are checked, and the project itself goes in without a build download.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: no '$(PYTHON)' on PATH; try make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 15) else \
	  "make: this needs Python 3.11 to 3.14, but $(PYTHON) is %d.%d; try make PYTHON=/path/to/python3.11" % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
