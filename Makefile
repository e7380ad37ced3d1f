# Two commands do all set-up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

.PHONY: run test soak bench bench-reports lock

run: .venv/run-ready
	@.venv/bin/python manage.py serve

# One process more than there are cores: many tests wait for servers and browsers.
test: .venv/test-ready
	.venv/bin/python -m pytest -n $$(.venv/bin/python -c 'import os; print((os.cpu_count() or 1) + 1)') $(ARGS)

# 2,000 cycles on one process with SQLite, and on two with TEST_POSTGRES_URL and TEST_REDIS_URL: docs/soak.md.
soak: .venv/test-ready
	.venv/bin/python -m tests.soak $(ARGS)
	.venv/bin/python -m tests.soak --processes 2 $(ARGS)

# Every server, one process and two: ARGS=--all.
bench: .venv/test-ready
	.venv/bin/python -m tests.bench $(ARGS)

# Two million ledger rows: on the PostgreSQL of TEST_POSTGRES_URL, or with ARGS=--sqlite.
bench-reports: .venv/test-ready
	.venv/bin/python -m tests.bench.reports $(ARGS)

.venv/run-ready: requirements/base.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	touch $@

.venv/test-ready: requirements/test.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	touch $@ .venv/run-ready

# Locks carry versions and hashes, no index address.
lock:
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements/base.in -o requirements/base.txt
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements/test.in -o requirements/test.txt
