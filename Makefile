# cairn.hci: "make" lists what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := build/venv
INVENTORY ?= inventories/lab/hosts
LAB := python3 lab/lab.py
PLAYBOOK := ansible-playbook -i $(INVENTORY)
APT := $(if $(filter root,$(shell id -un)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300
GET_PIP := ~/.ansible/test/cache/get_pip_24_2.py
ARTIFACT := build/sanity/ansible_collections/cairn/hci
APART := failover placement
OURS := $(wildcard benchmarks docs lab molecule tests)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help venv lab nodes guest-image demo test lint types units sanity molecule passthrough-smoke test-passthrough test-kernel test-faults bench docs changelog pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##### A cluster on this machine

demo: venv ## three nodes on this machine, a cluster on them, virtual machines on the cluster
	$(MAKE) lab
	$(PLAYBOOK) playbooks/site.yml
	$(PLAYBOOK) playbooks/status.yml

lab: venv ## only the lab: three stock nodes and a guest image
	$(MAKE) -j2 nodes guest-image

nodes: venv
	$(LAB) up -i $(INVENTORY)

guest-image: venv
	$(LAB) guest-image -i $(INVENTORY)

clean: venv ## remove the lab, and nothing else
	$(LAB) down -i $(INVENTORY)

##### Tests

test: lint types units sanity molecule passthrough-smoke ## all that a change must pass, the fast checks first

lint: venv ## ruff, ansible-lint (production), generated pages
	ruff check
	ruff format --check
	python docs/generate.py --check
	ansible-lint

types: venv ## mypy
	mypy -p ansible_collections.cairn.hci.plugins
	mypy $(OURS)

units: venv /usr/sbin/crm_simulate /usr/bin/qemu-img ## pytest tests/unit
	pytest

/usr/sbin/crm_simulate: # Pacemaker's own scheduler, offline
	$(APT) update && $(APT) install --no-install-recommends pacemaker-cli-utils

/usr/bin/qemu-img: # for the tests of image_file
	$(APT) update && $(APT) install --no-install-recommends qemu-utils

# ansible-test works only in a git repository below ansible_collections, so it tests what is shipped. It would download pip,
# unless a file of that name is there; Python has pip in ensurepip.
sanity: venv ## ansible-test sanity on the built artifact
	rm -rf build/sanity
	mkdir -p $(ARTIFACT) ~/.ansible/test/cache
	ansible-galaxy collection build --output-path build/sanity
	tar -xzf build/sanity/cairn-hci-*.tar.gz -C $(ARTIFACT)
	git -C $(ARTIFACT) init -q
	git -C $(ARTIFACT) add -A
	[ -e $(GET_PIP) ] || printf 'import ensurepip\nensurepip.bootstrap()\n' > $(GET_PIP)
	cd $(ARTIFACT) && ansible-test sanity --skip-test pslint --python $$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

molecule: venv ## a lab of its own: converge, idempotence, verify
	molecule test

passthrough-smoke: venv ## one node with a kernel of its own, its disk in a storage VM
	molecule test --scenario-name passthrough_smoke

test-passthrough: venv ## three of them; takes hours under emulation
	molecule test --scenario-name passthrough

test-kernel: venv ## what needs kernels of the nodes' own: logical volumes, bonds, VLANs; takes hours under emulation
	molecule test --scenario-name kernel

test-faults: FAULTS = molecule/default/hosts
test-faults: venv ## break a lab of its own in every way of tests/faults, about 40 minutes
	$(MAKE) clean lab INVENTORY=$(FAULTS)
	ansible-playbook -i $(FAULTS) playbooks/site.yml
	python tests/faults/run.py $(FAULTS)
	$(MAKE) clean INVENTORY=$(FAULTS)

##### Upkeep

bench: $(patsubst benchmarks/%.py,bench-%,$(filter-out benchmarks/_% $(APART:%=benchmarks/%.py),$(wildcard benchmarks/*.py))) ## all benchmarks; bench-NAME runs one

bench-failover: ## nodes killed and cut off, again and again, and the same with the defaults of Pacemaker; takes hours

bench-placement: export INVENTORY = molecule/passthrough_smoke/hosts
bench-placement: export ANSIBLE_TIMEOUT = 90
bench-placement: export ANSIBLE_SSH_ARGS = -o ControlMaster=auto -o ControlPersist=10m -o ServerAliveInterval=60
bench-placement: ## OSDs in storage VMs and on the nodes, on a lab of the scenario passthrough_smoke; takes half an hour

bench-%: venv
	python benchmarks/$*.py

docs: venv ## write the generated pages
	python docs/generate.py

changelog: venv ## gather changelogs/fragments, and new plugins, under the version of galaxy.yml
	antsibull-changelog release --update-existing --reload-plugins

pins: venv ## newest versions of the tools of requirements-dev.in
	uv pip compile -q --upgrade --universal --python-version 3.11 --no-annotate --custom-compile-command "make pins" \
	  requirements-dev.in -o requirements-dev.txt

##### Python is Debian's own, for it has the binding of libvirt

venv: $(VENV)/.stamp ## ansible and the tools, in build/venv

$(VENV)/.stamp: requirements-dev.txt
	/usr/bin/python3 -c 'import ensurepip, libvirt' 2>/dev/null || { $(APT) update && $(APT) install --no-install-recommends python3-venv python3-libvirt; }
	/usr/bin/python3 -m venv --clear --system-site-packages $(VENV)
	pip install -q "$$(grep ^uv== $<)"
	uv pip install -q -r $< || pip install -q -r $<
	touch $@
