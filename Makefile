# A thin alias for dev.py; pass further arguments as ARGS="...".
PYTHON ?= python3

.PHONY: setup run test check bench
setup run test check bench:
	@$(PYTHON) dev.py $@ $(ARGS)
