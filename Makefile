# A thin alias for dev.py; pass further arguments as ARGS="...".
PYTHON ?= python3

.PHONY: setup run test check bench compile
setup run test check bench compile:
	@$(PYTHON) dev.py $@ $(ARGS)
