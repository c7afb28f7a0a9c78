# make figures   set up .venv and regenerate every figure and table   (SCALE=smoke|standard|paper PROFILE=bundled|sd15|sd21|path SEED=0)
# make test      set up .venv and run the linter, the tests and every notebook at the smoke scale
# PYTHON=/path/to/python3.x chooses the interpreter that .venv is made from.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && { echo $$p; break; }; done)
RUN := .venv/bin/python

.PHONY: figures test
.DELETE_ON_ERROR:

figures: .venv/.stamp
	@$(RUN) -m reproduce run $(if $(PROFILE),--profile "$(PROFILE)") $(if $(SCALE),--scale "$(SCALE)") $(if $(SEED),--seed "$(SEED)")

test: export HF_HUB_OFFLINE = 1
test: .venv/.stamp
	$(RUN) -m ruff check .
	$(RUN) -m pytest -q -n auto --dist loadfile
	@rm -rf .cache/test
	REPRODUCE_SCALE=smoke REPRODUCE_OUT=.cache/test/figures REPRODUCE_CACHE=.cache/test/store REPRODUCE_WORKERS=1 \
		$(RUN) -m pytest -q -n auto --nbmake --nbmake-timeout=600 notebooks

.venv/.stamp: pyproject.toml
	@test -n "$(PYTHON)" || { echo "reproduce: no Python 3.10 or newer found; install one or pass PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "reproduce: $(PYTHON) is not Python 3.10 or newer; pass PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setting up .venv (once; a few minutes, most of it downloading torch)"
	@$(PYTHON) -m venv .venv || { echo "reproduce: could not make .venv; does $(PYTHON) have the venv module (python3-venv)?" >&2; exit 1; }
	@.venv/bin/pip install -e '.[test]'
	@touch $@
