# run: everything on this machine behind one address · test: what must hold before a change is pushed
# bench-live: everything live beside other servers, within ten minutes; ARGS="--quick" within three, or a target's name
# pictures: every page, wide and light, narrow and dark, in .lockstep/test/pages, to be looked at after a change
# soak: hundreds of orders through both gateways while everything fails, ARGS="--orders 40 --seeds 1-3 --mutant …"
# drills: the relay killed fifty times under load, ARGS="relay --seeds 1-3 --mutant …" or ARGS="protocol --seeds 0-300"
.DELETE_ON_ERROR:
.PHONY: run test lint pictures openapi bench bench-live soak drills clean lock browser npm nchan

# the first Python that is new enough: ours to choose, or PYTHON=/path/to/python3 make run
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --only-binary :all:

ORACLE = $(VENV)/oracle/bin/python -m pip install --disable-pip-version-check --require-hashes

run: $(VENV)/.installed
	@$(PY) -m config.local

test: $(VENV)/.installed-dev $(VENV)/oracle/.installed $(VENV)/npm/.installed browser
	@$(PY) -m config.local.catalogues
	@$(MAKE) --no-print-directory lint; lint=$$?; $(PY) -m pytest -n auto $(ARGS) && exit $$lint

lint: $(VENV)/.installed-dev
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --check . > $(VENV)/format.txt || { cat $(VENV)/format.txt; exit 1; }
	@$(VENV)/bin/mypy --no-error-summary
	@$(VENV)/bin/lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }

pictures: $(VENV)/.installed-dev browser
	@PICTURES=1 $(PY) -m pytest tests/browser/test_pages.py $(ARGS)

# after a change of the API: the contract, in both versions of OpenAPI
openapi: $(VENV)/.installed-dev
	@$(PY) manage.py spectacular --file config/openapi.yaml
	@$(PY) manage.py spectacular --file config/openapi-3.0.yaml --custom-settings config.api.OLDER

bench: $(VENV)/.installed-dev
	@$(PY) -m bench $(ARGS)

bench-live: $(VENV)/.installed-dev $(VENV)/daphne/.installed $(VENV)/socketio/.installed nchan browser
	@$(PY) -m bench --live $(ARGS)

soak: $(VENV)/.installed-dev
	@$(PY) -m tests.soak $(ARGS)

drills: $(VENV)/.installed-dev
	@$(PY) -m tests.drills $(ARGS)

# after a change of requirements*.in: the same lock for every Python from 3.11 on
lock: $(VENV)/.installed-dev
	@for part in requirements requirements-dev tests/oracles/requirements bench/peers/daphne; do \
		$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links --only-binary :all: $$part.in -o $$part.txt || exit 1; done

clean:
	@rm -rf $(VENV) .lockstep .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find config/locale -name '*.mo' -delete

# chromium for the browser tests, and where there is one its shell without windows, which takes a third of the processor;
# a font for Chinese, or pictures of the pages show boxes
browser:
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			echo "Installing chromium for the browser tests"; \
			{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
				> $(VENV)/chromium.log 2>&1 || echo "chromium could not be installed (see $(VENV)/chromium.log)"; \
		else echo "No chromium: install the package chromium to run the browser tests"; fi
	@command -v chromium-headless-shell > /dev/null || [ -e $(VENV)/shell.log ] || [ "$$(id -u)" != 0 ] || \
		! command -v apt-get > /dev/null || \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
			chromium-headless-shell; } > $(VENV)/shell.log 2>&1 || true  # tried once: without it the tests take longer
	@[ -n "$$(fc-list :lang=zh 2> /dev/null | head -n 1)" ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null || \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends fonts-noto-cjk; } \
			>> $(VENV)/chromium.log 2>&1 || echo "No Chinese font: pictures of the pages will show boxes"

# npm for the clients of other people that our live lines are checked against
npm:
	@command -v npm > /dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			echo "Installing npm for the tests against other people's clients"; \
			{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nodejs npm; } \
				> $(VENV)/npm.log 2>&1 || echo "npm could not be installed (see $(VENV)/npm.log)"; \
		fi

$(VENV)/.installed: requirements.txt | $(PY)
	@echo "Installing what Lockstep runs on"
	@$(INSTALL) --requirement $<
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(PY)
	@echo "Installing what Lockstep and its tests run on"
	@$(INSTALL) --requirement $<
	@touch $@ $(VENV)/.installed

# what our Alipay adapter is checked against, apart from everything else: it exists as source only
$(VENV)/oracle/.installed: tests/oracles/requirements.txt tests/oracles/alipay.txt | $(PY)
	@echo "Installing what the Alipay adapter is checked against"
	@{ $(PY) -m venv $(VENV)/oracle && $(ORACLE) --only-binary :all: --requirement tests/oracles/requirements.txt && \
		$(ORACLE) --no-deps --no-build-isolation --no-binary :all: --requirement tests/oracles/alipay.txt && touch $@; } \
		> $(VENV)/oracle.log 2>&1 || echo "It could not be installed (see $(VENV)/oracle.log): THE TESTS AGAINST IT ARE SKIPPED"

# a STOMP client that is not ours, for the live lines, apart from everything else
$(VENV)/npm/.installed: tests/oracles/npm/package.json tests/oracles/npm/package-lock.json | $(PY) npm
	@mkdir -p $(VENV)/npm && cp $^ $(VENV)/npm
	@if command -v npm > /dev/null; then \
		{ cd $(VENV)/npm && npm ci --ignore-scripts --no-audit --no-fund && touch .installed; } > $(VENV)/npm.log 2>&1 || \
			echo "The STOMP client could not be installed (see $(VENV)/npm.log): THE TESTS WITH IT ARE SKIPPED"; \
	else echo "NO NPM, so no STOMP client but our own: THE TESTS WITH IT ARE SKIPPED. Install the package npm"; fi

# what the live bench measures beside ours, each apart from everything else; what is absent stands in the bench's report
$(VENV)/daphne/.installed: bench/peers/daphne.txt | $(PY)
	@echo "Installing daphne for the live bench"
	@{ $(PY) -m venv $(VENV)/daphne && $(VENV)/daphne/bin/python -m pip install --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement $< && touch $@; } > $(VENV)/daphne.log 2>&1 || \
		{ rm -rf $(VENV)/daphne; echo "daphne could not be installed (see $(VENV)/daphne.log)"; }

$(VENV)/socketio/.installed: bench/peers/package.json bench/peers/package-lock.json | $(PY) npm
	@echo "Installing Socket.IO for the live bench"
	@mkdir -p $(VENV)/socketio && cp $^ $(VENV)/socketio
	@{ cd $(VENV)/socketio && npm ci --ignore-scripts --no-audit --no-fund && touch .installed; } > $(VENV)/socketio.log 2>&1 || \
		{ rm -rf $(VENV)/socketio; echo "Socket.IO could not be installed (see $(VENV)/socketio.log)"; }

# Debian's nginx with nchan; where Debian starts services, it starts one on port 80 that the bench does not use
nchan:
	@[ -e /usr/lib/nginx/modules/ngx_nchan_module.so ] || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			echo "Installing nginx with nchan for the live bench"; \
			{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
				nginx-light libnginx-mod-nchan; } > $(VENV)/nchan.log 2>&1 || \
				echo "nchan could not be installed (see $(VENV)/nchan.log)"; \
		else echo "No nchan: install the packages nginx-light and libnginx-mod-nchan to measure beside it"; fi

$(PY):
	@[ -n "$(PYTHON)" ] && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Lockstep needs Python 3.11 or newer: install it, or name it with PYTHON=… make run"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "This Python has no venv module: install the package python3-venv (Debian, Ubuntu), then try again"; exit 1; }
	@$(PYTHON) -c 'import shutil, sys; sys.exit(shutil.disk_usage(".").free < 1 << 30)' || { \
		echo "Less than 1 GB is free here: make room, the programs Lockstep runs on need it"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
