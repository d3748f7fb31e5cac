# Everything a contributor runs. `make setup` is quick when nothing changed, so the others may depend on it.
PYTHON ?= python3
VENV := .venv/bin
PYTEST_ARGS ?=

.PHONY: help setup system demo serve test lint format types pytest bench clean
help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1\t/'

setup:  ## dependencies into the cache (compiles mmcv-full once), and .venv
	@$(PYTHON) -m scripts.setup_env

system:  ## Debian packages that the tests use
	@$(PYTHON) -m scripts.system_packages mpirun=openmpi-bin initdb=postgresql chromium=chromium

demo: setup  ## a whole search on the built-in data, a few minutes
	$(VENV)/sparsearch demo

serve: setup  ## the service, at http://127.0.0.1:8777
	$(VENV)/sparsearch serve

test: setup system lint pytest  ## what CI runs

lint: setup  ## ruff and the strict type check
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/python -m mypy

format: setup  ## rewrite the code in the house style
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

pytest: setup
	$(VENV)/python -m pytest $(PYTEST_ARGS)

bench: setup  ## measured comparisons on this machine
	$(VENV)/python -m benchmarks

clean:  ## what make made in this clone; shared environments stay in the cache
	rm -rf .venv .venv.lock build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
