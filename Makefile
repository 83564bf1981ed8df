# What a newcomer types: `make demo`, `make test`. Everything goes into .venv; nothing else on the machine is touched.
#
#   TORCH=cpu    (default) the CPU build of torch, about 200 MB; TORCH=cuda: the CUDA build, about 3 GB
#   TORCH_INDEX  package index to take torch from, if not the usual one
#   PYTHON       Python 3.11 or newer to make .venv with
#   TESTS        arguments for pytest: make test TESTS="tests/store -x"
#   FUZZ_EACH    trials of every damage in `make fuzz`
#   WORKERS      processes that the tests run in; 0: in one, as pytest alone does (a debugger needs that)

PYTHON ?= python3
VENV ?= .venv
TORCH ?= cpu
TESTS ?=
WORKERS ?= 2
FUZZ_EACH ?= 15
BIN := $(VENV)/bin
READY := $(VENV)/.installed-$(TORCH)

ifeq ($(TORCH),cpu)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
else ifeq ($(TORCH),cuda)
TORCH_INDEX ?=
else
$(error TORCH=$(TORCH): use TORCH=cpu or TORCH=cuda)
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test fuzz lint lock clean

help: ## Say what there is to make
	@echo "make demo      install, then run PCGM through the alcohol-use-disorder study on the phantom cohort"
	@echo "make test      install, then run the tests"
	@echo "make fuzz      install, then try some thousand damaged inputs, and print what each kind does (minutes)"
	@echo "make lint      install, then ruff, mypy and import-linter"
	@echo "make install   only install into $(VENV) (TORCH=cpu or TORCH=cuda)"
	@echo "make lock      write constraints.txt anew from the newest versions that fit"
	@echo "make clean     remove $(VENV) and build products (runs in the home folder stay)"

install: $(READY)

$(READY): pyproject.toml setup.py constraints.txt
	tools/install.sh "$(PYTHON)" "$(VENV)" "$(TORCH_INDEX)"
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: install ## The README's first command
	@echo "== pcgm-bench run --method pcgm --study aud (results are kept in \$${PCGM_BENCH_HOME:-~/.cache/pcgm-bench})"
	$(BIN)/pcgm-bench run --method pcgm --study aud

test: install
	@echo "== pytest"
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(TESTS)

fuzz: install
	@echo "== damaged inputs"
	$(BIN)/python tests/fuzz/fuzz_table.py --each $(FUZZ_EACH) --write docs/concepts/inputs.md

lint: install
	@echo "== ruff check, ruff format, mypy, import-linter"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock:
	tools/lock.sh "$(PYTHON)" "$(TORCH_INDEX)"

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
