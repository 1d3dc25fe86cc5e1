# What people do here. Each target sets itself up: Python 3.11 to 3.13, make and git are enough.

PYTHON ?= python3
CORES ?= 2
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test test-all test-slurm test-gpu lint docs report publish bench bench-gpu pull
.DEFAULT_GOAL := demo

demo: .venv/ready  ## a student alone, under its teacher and through assistants, on toy data, from nothing
	@snakemake --cores $(CORES) --quiet rules -- results/toy/equal_care.csv results/toy/table2.csv \
		|| { grep -rhs '^takd: ' results/toy/logs data/prepared/digits.log; exit 1; }  # which --quiet rules leaves out
	@cat results/toy/equal_care.md; echo; cat results/toy/table2.md; echo
	@echo "Toy digits show how it works, and not that an assistant helps: for that, README has CIFAR."
	@echo "Other processors give other last digits. Next: . .venv/bin/activate; takd list results/toy; docs/your-own.md"

test: lint  ## what holds this together, within a quarter of an hour
	pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: lint  ## and what takes longer: every failure of a run, hostile files at full count
	pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not gpu"

test-slurm: .venv/ready  ## the toy table through a real Slurm on this machine: apt-get install slurm-wlm munge
	tests/slurm/run.sh

test-gpu: .venv/ready  ## what needs a GPU; without one: TAKD_TEST_DEVICE=cpu make test-gpu tries the tests themselves
	pytest -m gpu tests/gpu

lint: .venv/ready
	ruff check
	ruff format --check
	snakefmt --check --compact-diff Snakefile workflow
	mypy

docs: .venv/ready  ## these pages as a site, in site/: open site/index.html
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet
	@echo "site/index.html is written; a browser opens it"

report: .venv/ready  ## everything under PRESET, and one page of it: make report PRESET=toy (without PRESET: 354 trainings of 80 to 2,400 epochs)
	snakemake --cores $(CORES) results/$(if $(PRESET),$(PRESET)/)report.html

publish: .venv/ready  ## copy what PRESET's results are to results/published, which is in git: make publish PRESET=quick
	takd publish results$(if $(PRESET),/$(PRESET))

bench: .venv/ready  ## speed against the authors' way, in some 20 minutes; options: make bench BENCH="--only memory"
	python -m benchmarks.bench $(BENCH)

bench-gpu: .venv/ready  ## on a GPU, within ten minutes: benchmarks/gpu.json and gpu.md; make bench-gpu BENCH="--only epochs"
	python -m benchmarks.gpu $(BENCH)

pull: .venv/ready  ## trained networks from the DVC remote, where somebody pushed them, so that nothing is left to train
	dvc pull

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "takd needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 2; }
	@echo "Setting up .venv (a few minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(if $(INDEX),$(BIN)/pip install --quiet --disable-pip-version-check --index-url $(INDEX) $$(grep -E '^torch(vision)?==' requirements.txt),:)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
