# `make demo` and `make test` need Python 3.11 or newer and make. PORT and LOKET_DATA_DIR go by environment or argument.

PYTHON ?= python3
RUN := .venv/bin
INSTALL := $(RUN)/python -m pip install -q --disable-pip-version-check --require-hashes

# What production has, made up: enough for `check --deploy`, which connects to nothing.
DEPLOYED = LOKET_URL=https://loket.example DATABASE_URL=postgres://loket@localhost/loket SMS_URL='json://localhost?:to={to}' \
	LOKET_SECRET_KEY=$$($(RUN)/python -c 'import secrets; print(secrets.token_urlsafe(48))') \
	LOKET_SEALING_KEYS=$$($(RUN)/python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())') \
	LOKET_CHECKPOINT_KEY=$$($(RUN)/python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())')

.PHONY: demo dev test coverage test-slow test-all test-cluster test-containers test-bare-machine test-guards check audit bench messages screenshots email-pictures picture env-example wheel locks

demo: .venv/run.stamp
	@exec env -u DATABASE_URL -u DATABASE_URL_FILE $(RUN)/python manage.py demo

# The demo for developers: saved changes are loaded, and Django's error pages and the toolbar show what happened.
dev: .venv/dev.stamp
	@exec env -u DATABASE_URL -u DATABASE_URL_FILE DJANGO_SETTINGS_MODULE=loket.dev_settings $(RUN)/python manage.py demo

# Byte code is kept, whatever the environment says: tests start many processes, each of which would compile it all again.
test coverage test-slow: export PYTHONDONTWRITEBYTECODE =

FAST = -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow" --durations=10 --durations-min=1

# COVERAGE=1 makes it `make coverage`, which fails below the floor in pyproject.toml.
test: $(if $(COVERAGE),coverage,.venv/dev.stamp)
	$(if $(COVERAGE),,$(RUN)/python $(FAST))

# Of the fast tests, with branches; the pages are in htmlcov/.
coverage: .venv/dev.stamp
	mkdir -p .coverage && $(RUN)/coverage erase
	$(RUN)/coverage run $(FAST)
	$(RUN)/coverage combine -q && $(RUN)/coverage html -q && $(RUN)/coverage report

# What fails beside other tests, as those may that measure time, is run once more alone, and then counts.
test-slow: .venv/dev.stamp node_modules/.stamp .venv-deploy/.stamp
	$(RUN)/python -m pytest -n 2 --dist loadfile -m slow --durations=10 --durations-min=1 || \
		{ test $$? = 1 && $(RUN)/python -m pytest -m slow --last-failed --last-failed-no-failures=none; }

test-all: coverage test-slow

# Three nodes of Patroni, etcd and haproxy from Debian's packages, on loopback; as root it installs them. Then an office moves.
test-cluster: .venv/dev.stamp
	tests/cluster/install
	$(RUN)/python -m pytest -s tests/cluster/failover.py tests/cluster/moving.py

# Builds the image and runs compose.yaml, as root, with Debian's podman, runc, netavark, aardvark-dns, iptables and mmdebstrap.
test-containers: .venv/dev.stamp .venv-deploy/.stamp
	$(RUN)/python -m pytest -s tests/deploy/containers.py

# Plays docs/operating.md on fresh machines with systemd, from installing to a restore elsewhere; as root, with podman.
test-bare-machine: .venv/dev.stamp
	$(RUN)/python -m pytest -s tests/deploy/bare_machine.py

# Takes every guard away once, in a copy of the tree; it takes a while.
test-guards: .venv/dev.stamp
	$(RUN)/python -m tests.mutations

check: .venv/dev.stamp
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy .
	$(RUN)/lint-imports --no-cache --no-logo
	find templates -name '*.html' | xargs $(RUN)/djade --check
	find . -name '*.py' -not -path './.*' -not -path './node_modules/*' | xargs $(RUN)/django-upgrade --check --target-version 5.2
	$(RUN)/codespell
	$(RUN)/python manage.py makemigrations --check --dry-run
	$(DEPLOYED) $(RUN)/python manage.py check --deploy --fail-level WARNING
	$(RUN)/python -m tests.tools.catalog

# Asks PyPI and npm; AUDIT are arguments of pip-audit, as '--ignore-vuln ID'.
audit: .venv-audit/.stamp
	.venv-audit/bin/python -m tests.tools.dependency_audit $(AUDIT)

bench: .venv/dev.stamp
	$(RUN)/python -m bench

screenshots: .venv/dev.stamp
	$(RUN)/python -m tests.tools.screenshots

email-pictures: .venv/dev.stamp
	$(RUN)/python -m tests.tools.email_pictures

env-example: .venv/dev.stamp
	$(RUN)/python -m tests.tools.env_example

picture: .venv/dev.stamp
	$(RUN)/python -m tests.tools.readme_picture

messages: .venv/dev.stamp
	$(RUN)/python manage.py makemessages --locale=nl --no-obsolete --no-wrap --add-location=file \
		--ignore=tests --ignore=bench --ignore=staticfiles
	$(RUN)/python manage.py compilemessages --locale=nl --ignore='.venv*'

# What `pip install` takes, in dist/.
wheel: .venv/build.stamp
	$(RUN)/python -m pip wheel -q --disable-pip-version-check --no-index --no-build-isolation --no-deps --wheel-dir dist .

# Pins the packages of pyproject.toml, with their hashes: needs uv. What is pinned stays, without UPGRADE=--upgrade.
LOCK = uv pip compile -q --universal --no-header --generate-hashes $(UPGRADE)
locks:
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) --extra demo pyproject.toml -o requirements-demo.txt
	$(LOCK) --extra otel -c requirements.txt pyproject.toml -o requirements-otel.txt
	$(LOCK) --extra dev pyproject.toml -o requirements-dev.txt
	$(LOCK) --group build -c requirements-dev.txt -o requirements-build.txt
	$(LOCK) --group audit -c requirements-dev.txt -o requirements-audit.txt
	$(LOCK) --group deploy -c requirements-dev.txt -o requirements-deploy.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Loket needs Python 3.11 or newer: set PYTHON.")'
	$(PYTHON) -m venv .venv

# Production installs requirements.txt, which lacks the PostgreSQL of the demo, and what tests need.
# Byte code is made on first import: quicker than compiling everything that is installed.
.venv/run.stamp: requirements-demo.txt | .venv/bin/python
	$(INSTALL) --no-compile -r requirements-demo.txt
	@touch $@

.venv/build.stamp: requirements-build.txt | .venv/bin/python
	$(INSTALL) -r requirements-build.txt
	@touch $@

# An environment of its own: what audits needs none of what it audits.
.venv-audit/.stamp: requirements-audit.txt
	$(PYTHON) -m venv --clear .venv-audit
	.venv-audit/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

# What checks the files in deploy/, and runs compose.yaml.
.venv-deploy/.stamp: requirements-deploy.txt
	$(PYTHON) -m venv --clear .venv-deploy
	.venv-deploy/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-compile -r $<
	@touch $@

# What examines pages, for the slow tests. Nothing of it runs at installing: no browser is fetched.
node_modules/.stamp: package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is not installed: no page is walked.'; exit 0; }; npm ci --silent && touch $@

# The development requirements hold the others as well.
.venv/dev.stamp: requirements-dev.txt requirements-demo.txt | .venv/bin/python
	$(INSTALL) -r requirements-dev.txt
	@touch .venv/run.stamp $@
