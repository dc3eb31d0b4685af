# Backend Mentor. `make lab` and `make test` work from a bare checkout; only make and Python >= 3.11 are assumed.
#
#   make lab      environment, servers, data, workspace, JupyterLab      ARGS="--no-browser --port 9999" is passed on
#   make test     environment and the whole suite                        ARGS="-k services" is passed on to pytest
#   make lint     ruff, mypy --strict, import-linter
#   make campaign the long runs      make bench  the benchmarks      make env  the environment alone
#   make lock     renews requirements.lock (needs uv)

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
ARGS ?=

.PHONY: lab test lint campaign bench env lock
.DEFAULT_GOAL := lab

lab: $(READY)
	@$(BIN)/python -m grader lab $(ARGS)

env: $(READY)

# Everything runs even if something fails; pytest is last, so that its summary ends the output.
test: $(READY)
	@failed=; \
	$(MAKE) --no-print-directory lint || failed="$$failed lint"; \
	$(BIN)/python -m grader build --check || failed="$$failed build"; \
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS) || failed="$$failed pytest"; \
	if [ -n "$$failed" ]; then echo "make test: failed:$$failed" >&2; exit 1; fi

lint: $(READY)
	@failed=; \
	$(BIN)/ruff check . || failed=1; \
	$(BIN)/ruff format --check grader tests/*.py tests/unit tests/integration tests/e2e tests/benchmarks || failed=1; \
	$(BIN)/mypy -p grader || failed=1; \
	$(BIN)/lint-imports || failed=1; \
	[ -z "$$failed" ]

campaign: $(READY)
	@GRADER_CAMPAIGN=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m campaign $(ARGS)

bench: $(READY)
	@for bench in tests/benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv." >&2; exit 1; }
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --group dev --all-extras --no-header pyproject.toml -o requirements.lock

# The stamp holds the folder it was made for: a checkout that moved gets a new environment.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

$(READY): requirements.lock pyproject.toml
	@sh .ci/environment $(VENV)
	@printf '%s' '$(CURDIR)' > $@
