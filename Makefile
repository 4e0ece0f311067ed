# The commands of this checkout. `make` prints them; each one sets up what it needs first.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python -m
READY  := $(VENV)/.ready

PACKAGES := imx dicom_router ologies viewer_api storage exchange conformance
CHECKED  := $(PACKAGES) tests benchmarks .ci
BENCHES  := ingest find retrieve forward dicomweb many_studies wrap wrap_slide reports_heard \
            linking_cases linking

# Tests wait for processes and disks about a third of their time: more run at once than there are processors.
TESTERS  := $(shell n=$$(nproc); echo $$((n < 4 ? 2 * n : 8)))

.DEFAULT_GOAL := help
.PHONY: help setup viewer demo test check format peers fuzz bench bench-quick lock clean

help:  ## what can be made here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1 /' | \
		while read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

setup: $(READY) viewer  ## .venv with what requirements.lock names, this checkout, and the viewer

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed, and "$(PYTHON)" is not it: make PYTHON=/path/to/python3.11'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

viewer: $(READY)  ## the viewer OHIF into .venv, by npm; nothing where it is there
	@$(RUN) imx viewer install || echo 'All else works without the viewer; its page says how to add it later.'

demo: $(READY) viewer  ## a region at work: trusts, people, modalities that push; ONCE=1 ends after the table
	$(RUN) imx.demo $(if $(ONCE),--once)

test: $(READY)  ## the tests, except those that need other people's programs
	$(RUN) pytest -m 'not peers' --numprocesses $(TESTERS) --dist loadfile

check: $(READY)  ## format, lint, strict types, import arrows, licences, known vulnerabilities
	$(RUN) ruff format --check $(CHECKED)
	$(RUN) ruff check $(CHECKED)
	$(RUN) mypy --explicit-package-bases $(CHECKED)
	$(VENV)/bin/python $(VENV)/bin/lint-imports
	$(VENV)/bin/python .ci/dependencies.py

format: $(READY)  ## put the code into the form that `make check` asks for
	$(RUN) ruff check --fix $(CHECKED)
	$(RUN) ruff format $(CHECKED)

peers: $(READY)  ## the tests against DCMTK, Orthanc, dcmjs-dimse, Chromium and strace, which root gets from Debian
	@tests/peers/install
	$(RUN) imx viewer install
	$(RUN) pytest -m peers tests/peers --numprocesses 3 --dist loadfile

fuzz: $(READY)  ## every reader of files fed with damage, the same every time; FUZZ_FILES=10000 of each kind
	$(RUN) tests.fuzz $(if $(FUZZ_FILES),--files $(FUZZ_FILES))

bench: $(READY)  ## the benchmarks at full size (an hour): docs/benchmarks.md says what they mean
	@tests/peers/install
	@set -e; for each in $(BENCHES); do echo "== $$each"; $(RUN) benchmarks.$$each; done

bench-quick: $(READY)  ## each benchmark once, small, two at a time, so that none rots
	@tests/peers/install
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target $(BENCHES:%=quick-%)

quick-%:
	@echo "== $*"; $(RUN) benchmarks.$* --quick

lock: $(READY)  ## requirements.lock anew, the newest that pyproject.toml allows, with hashes
	$(RUN) pip install --quiet --disable-pip-version-check uv
	echo 'setuptools>=77' | $(RUN) uv pip compile --universal --python-version 3.11 --upgrade --generate-hashes \
		--extra dev --no-config --no-emit-index-url --no-header --quiet -o requirements.lock pyproject.toml -
	cd tests/peers && npm update --package-lock-only --silent

clean:  ## away with .venv, the demo's data and what the tools kept
	rm -rf $(VENV) .demo .peers .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		tests/peers/node_modules *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
