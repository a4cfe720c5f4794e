# make demo    1,000 new compositions in new_compositions.csv
# make test    install what the tests need and run all of them; make test ARGS="-k formula" runs some,
#              make test WORKERS=0 all in one process
# make refusals   bad input to publishing, opening and corpora, one by one, and the line that refuses it
# make notebooks  execute those in examples/ and save them with what they print
# make lint    ruff, mypy and the import-direction contract
# make checkpoint MODEL=blm   train a shipped checkpoint again (an hour or more)
# make screenshots   every view of the page, light, dark and on a phone, into docs/; needs chromium
# make clean   remove what these made
# make constraints   resolve the newest versions that pyproject.toml admits into constraints.txt
#
# Everything is installed into .venv from the versions in constraints.txt, and again only when they change.
# Another Python: make demo PYTHON=python3.12

PYTHON = python3
ARGS =
# Processes that share the tests, file by file in the order of tests/conftest.py, each with one thread.
WORKERS = 2
MODEL = gpt2
# The trainings of a checkpoint, each from the result of the one before.
STEPS_gpt2 = base small shipped final analogues neutral likely likelier release diverse final-diverse final-unique
STEPS_gpt-j = base small final
STEPS_bart = small
STEPS_roberta = small
STEPS_blm = small
STEPS = $(or $(STEPS_$(MODEL)),base small)
BIN = .venv/bin
# The environment variables hold the build backend to the same versions.
PIP = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip --disable-pip-version-check
# Modules are compiled when they are first imported: most of them never are, and compiling all of them takes minutes.
INSTALL = $(PIP) install --quiet --no-compile
SOURCES = pyproject.toml constraints.txt Makefile
# They are kept for the processes to come, of which the tests start many, whatever the shell says: without them each
# spends 14 seconds on compiling torch, transformers and pymatgen anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test refusals notebooks lint checkpoint screenshots clean constraints

demo: .venv/installed
	$(BIN)/mattransformer generate --model gpt2 -n 1000 --seed 0 -o new_compositions.csv

test: .venv/installed-test
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

refusals: .venv/installed-test
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --refusals \
		tests/integration/test_hub_refusals.py tests/contracts/test_refused_corpora.py

notebooks: .venv/installed-test
	$(BIN)/python -m tests.notebooks

lint: .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Trains and ships a model anew. Needs MATTRANSFORMER_DATA: the folder with mp.csv.gz and oqmd.csv.gz.
checkpoint: .venv/installed
	for step in $(STEPS); do \
		resume=; [ ! -f runs/$(MODEL)-mp-oqmd-$$step/state.safetensors ] || resume=--resume; \
		$(BIN)/mattransformer train configs/$(MODEL)-mp-oqmd-$$step.yaml $$resume || exit 1; done
	$(BIN)/python -m mattransformer.models.shipping runs/$(MODEL)-mp-oqmd-$(lastword $(STEPS)) $(MODEL)
	@echo "Now measure it: python benchmarks/suite.py --models $(MODEL) --readme README.md"
	@echo "and render it: python -m mattransformer.evaluation.card $(MODEL) --readme README.md"

screenshots: .venv/installed-test
	$(BIN)/python -m tests.app_screenshots docs

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f new_compositions.csv
	find mattransformer tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: $(SOURCES) $(BIN)/python
	@echo "Installing into .venv: a few minutes the first time."
	$(INSTALL) -e .
	@touch $@

.venv/installed-test: $(SOURCES) $(BIN)/python
	@echo "Installing what the tests need into .venv: a few minutes the first time."
	$(INSTALL) -e '.[test]'
	@touch $@ .venv/installed

.venv/installed-lint: $(SOURCES) $(BIN)/python
	@echo "Installing what the checks need into .venv: a few minutes the first time."
	$(INSTALL) -e '.[test,lint]'
	@touch $@ .venv/installed .venv/installed-test

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "mattransformer: error: there is no $(PYTHON); name a Python 3.11 to 3.13, for example make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))" || { echo "mattransformer: error: Python 3.11 to 3.13 is needed, but $(PYTHON) is `$(PYTHON) -V 2>&1`; name another, for example make demo PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# Gradio's limits are said beforehand, or pip goes back through years of its releases.
constraints:
	rm -rf build/resolve
	$(PYTHON) -m venv build/resolve
	build/resolve/bin/python -m pip install torch==2.13.0 hatchling editables 'pillow<13' 'pydantic<=2.12.5' 'tomlkit<0.15' -e '.[test,lint,app,report,peers,databases,onnx]'
	{ echo "# Made by make constraints."; build/resolve/bin/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/resolve
