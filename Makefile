# Two commands do all set-up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

.PHONY: run test bench lock

run: .venv/run-ready
	@.venv/bin/python manage.py serve

test: .venv/test-ready
	.venv/bin/python -m pytest $(ARGS)

bench: .venv/test-ready
	.venv/bin/python -m tests.bench

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
