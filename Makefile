# Sets up and calls: after `eval "$(make env)"` plain `pulumi` and `flakeship` do the same.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

# `make env` chooses a stack for this checkout, and not for another one that the same shell goes to.
ifeq "$(origin STACK) $(value FLAKESHIP_CHECKOUT)" "undefined $(CURDIR)"
STACK := $(value FLAKESHIP_STACK)
endif
ifeq "$(value STACK)" ""
override STACK := dev
endif
# What a user gives reaches the shell by its environment alone: neither make nor the shell reads it as code.
GIVEN := STACK SERVER FROM TO PLUGINS PARTS POLICY
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)
ifneq "$(filter promote,$(MAKECMDGOALS))" ""
override STACK := $(or $(value TO),$(STACK))
endif

SETUP  := dev/setup/run
WITH   := . .state/env.sh; . ".state/stacks/$${STACK\#\#*/}/env.sh";
PYTHON := .venv/bin/python
ATTENDED := $(PYTHON) -m dev.attended
FLAKESHIP := $(PYTHON) -m flakeship --stack "$$STACK"
UP     := pulumi up --yes --skip-preview --suppress-outputs --continue-on-error --stack
PACK   := $(if $(value POLICY),--policy-pack policy --policy-pack-config "policy/$$POLICY.json")
# a refused update has to be refused before it makes anything
FIRST  := $(if $(value POLICY),--skip-preview=false)
LOCK   := nix/appliance/debian/lock.json

.PHONY: help up timeline preview promote rollback diff status ssh verify destroy sweep recover doctor test test-openstack test-proxmox fuzz bench bench-openstack bench-proxmox check format relock env setup lab-openstack lab-proxmox lab-down lab-env
help: ## Show the targets (this list)
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24
	@echo "  STACK=$$STACK chooses the stack, SERVER=<name> one of its servers, POLICY=prod the policies of policy/prod.json"

up: setup ## Build, boot and verify the stack; set everything up first where needed
	@$(WITH) pulumi stack select --create "$$STACK" && $(ATTENDED) $(UP) "$$STACK" $(FIRST) $(PACK) && $(FLAKESHIP) status
timeline: setup ## Like `make up`, and show where the seconds went
	@$(WITH) pulumi stack select --create "$$STACK" && $(PYTHON) -m dev.bench.timeline $(UP) "$$STACK"
preview: setup ## Show what `make up` would change
	@$(WITH) pulumi stack select --create "$$STACK" && $(ATTENDED) pulumi preview --suppress-outputs --stack "$$STACK" $(PACK)
promote: setup ## Take what the stack FROM has verified to the stack TO: shows the changes and asks
	@$(WITH) pulumi stack select --create "$$STACK" && $(ATTENDED) $(FLAKESHIP) promote --from "$$FROM" -- $(FIRST) $(PACK) && $(FLAKESHIP) status
rollback: setup ## Go back to the release before, or TO=<release> of the ledger: shows the changes and asks
	@$(WITH) pulumi stack select "$$STACK" && $(ATTENDED) $(FLAKESHIP) rollback --to "$$TO" -- $(FIRST) $(PACK) && $(FLAKESHIP) status
diff: setup ## Show everything that changes inside: from what runs to the flake, or FROM=<release> TO=<release>
	@$(WITH) $(FLAKESHIP) diff -- "$$FROM" "$$TO"
status: setup ## Show the release, how to log in, and the evidence of every server
	@$(WITH) $(FLAKESHIP) status
ssh: setup ## Log in to a server of the stack
	@$(WITH) exec $(FLAKESHIP) ssh -- "$$SERVER"
destroy: setup ## Remove everything that the stack made
	@$(WITH) pulumi stack select "$$STACK" && $(FLAKESHIP) sweep --before-destroy && \
	  { $(ATTENDED) pulumi destroy --yes --stack "$$STACK" || { $(FLAKESHIP) sweep; exit 1; }; } && $(FLAKESHIP) sweep
verify: setup ## Check the running servers (SERVER: one of them) once more, without changing anything
	@$(WITH) $(FLAKESHIP) verify -- "$$SERVER"
sweep: setup ## Remove orphaned resources, which a killed run has left
	@$(WITH) $(FLAKESHIP) sweep
recover: setup ## Clear away what a killed run has left, so that `make up` continues
	@$(WITH) $(FLAKESHIP) recover
doctor: ## Show which tools were found, which are missing and how to install them
	@$(SETUP) doctor "$$STACK" "$$PLUGINS"
test: check ## Run the checks and the whole test suite, those of the targets openstack and proxmox included
	@$(SETUP) browser
	@$(SETUP) yaml
	@$(SETUP) backends
	@$(WITH) $(PYTHON) -m pytest -n auto --dist loadfile --ignore tests/targets/openstack/e2e --ignore tests/targets/proxmox/e2e
	@tests/targets/openstack/e2e/run
	@tests/targets/proxmox/e2e/run
test-openstack: setup ## Run the tests of the target openstack in a cloud that it starts
	@tests/targets/openstack/e2e/run
test-proxmox: ## Run the tests of the target proxmox in labs that it starts, of each version
	@tests/targets/proxmox/e2e/run
fuzz: setup ## Try bad inputs of every kind for FUZZ_MINUTES (60), new ones each time
	@$(WITH) $(PYTHON) -m tests.fuzz
bench: setup ## Run the benchmarks (PARTS chooses)
	@$(WITH) unset PYTHONDONTWRITEBYTECODE && $(PYTHON) -m dev.bench $$PARTS
bench-openstack: ## Run those of the target openstack in a cloud that it starts (PARTS chooses)
	@dev/bench/openstack/run $$PARTS
bench-proxmox: ## Run those of the target proxmox in labs that it starts (PARTS chooses)
	@dev/bench/proxmox/run $$PARTS
check: setup ## Check style, types, imports, Nix files and shell scripts
	@$(WITH) $(PYTHON) -m dev.setup check
format: setup ## Format the Python and Nix files, and write the generated pages of docs/reference
	@$(WITH) $(PYTHON) -m dev.setup format
relock: ## Lock the appliance's newest Debian packages (without a set-up: it may wait for the new lock)
	@python3 nix/appliance/debian/relock.py
	@git diff --quiet -- $(LOCK) || git commit --message "Take Debian's newest packages" -- $(LOCK)
env: setup ## Print the shell lines for plain `pulumi`: eval "$(make env)"
	@$(WITH) pulumi stack select --create "$$STACK" >&2
	@cat .state/env.sh ".state/stacks/$${STACK##*/}/env.sh"
setup: ## Install everything that is needed, without deploying anything
	@$(SETUP) setup "$$STACK" "$$PLUGINS"
lab-openstack: setup ## Start a real OpenStack on this machine (VIRT=fake: without guests); needs root
	@$(PYTHON) -m dev.openstack up
lab-proxmox: setup ## Start an emulator of Proxmox VE on this machine (PVE_VERSION=8.4: of that version)
	@$(PYTHON) -m dev.proxmox up
lab-down: setup ## Stop the labs that run, and delete everything in them
	@$(PYTHON) -m dev.proxmox down
	@$(PYTHON) -m dev.openstack down
lab-env: setup ## Print the shell lines that select the labs that run: eval "$(make lab-env)"
	@none=1; for lab in openstack proxmox; do ! $(PYTHON) -m dev.$$lab env 2>/dev/null || none=; done; \
	  [ -z "$$none" ] || { echo "no lab runs: make lab-openstack or make lab-proxmox" >&2; exit 1; }
