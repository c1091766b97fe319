"""Everything that the plan of a stack on a cluster is computed from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from flakeship.model.machine import MachineId
from flakeship.model.release import Release
from flakeship.release.desired import Desired
from flakeship.rollout.replace import ABSENT, Observed
from flakeship.targets.proxmox.inventory import Inventory, Vm
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.outputs import Template, deployed, stack_details
from flakeship.targets.proxmox.resources import written
from flakeship.targets.proxmox.settings import ClusterSettings, ProxmoxInstance

LABEL = 63  # characters of a label in DNS


@dataclass(frozen=True)
class PlanningContext:
    """What is desired, the inventory, and what the outputs of the last good run have.

    `deployed` are the machines of that run by server, the active one first, each on the node where
    it is now, and `recorded_nodes` where they were, by id; `templates` are its templates by
    release. `leaving` has the names by id of what the state may still hold, because that run was to
    remove it at its end.
    """

    desired: Desired
    settings: ClusterSettings
    inventory: Inventory
    deployed: Mapping[str, Sequence[Machine]]
    templates: Mapping[str, Sequence[Template]]
    leaving: Mapping[int, str] = field(default_factory=dict)
    recorded_nodes: Mapping[int, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return self.desired.stack

    def release(self, server: ProxmoxInstance) -> Release:
        """The release that a server is to run."""
        return self.desired.as_verified[server.host or self.settings.host]

    @property
    def all_deployed(self) -> list[Machine]:
        """The machines of the last good run."""
        return [machine for machines in self.deployed.values() for machine in machines]

    @property
    def recorded(self) -> dict[int, str]:
        """The names by id of all that the last good run has left."""
        templates = {
            each.vmid: vm_name(release)
            for release, found in self.templates.items()
            for each in found
        }
        return templates | {machine.vmid: vm_name(machine.id) for machine in self.all_deployed}

    @cached_property
    def owned(self) -> list[Vm]:
        """The virtual machines and templates with the stack's tags."""
        own = written(self.stack)
        return [vm for vm in self.inventory.vms if vm.marks.stack == own]

    def is_ours(self, vm: Vm, name: str) -> bool:
        """Whether what has the id of something of ours is that: by its tags, or by its name.

        A person may have removed the tags. What the cluster knows too little of is given the
        benefit of the doubt: nothing is decided on it.
        """
        return not vm.known or vm.marks.stack == written(self.stack) or vm.name == name

    @cached_property
    def machines(self) -> Mapping[str, Vm]:
        """The stack's machines that the cluster has, by their ids.

        Tags tell of most, a recorded id and name of those whose tags were removed or are not listed
        yet.
        """
        found = {vm.marks.machine: vm for vm in self.owned if vm.marks.machine}
        for vmid, name in self.leaving.items():
            vm = self.inventory.vm(vmid)
            if vm and not vm.template and vm.name == name:
                found.setdefault(name, vm)
        for machine in self.all_deployed:
            vm = self.inventory.vm(machine.vmid)
            if vm and self.is_ours(vm, vm_name(machine.id)):
                found[machine.id] = vm
            else:
                found.pop(machine.id, None)
        return found

    @cached_property
    def observed(self) -> Mapping[str, Observed]:
        """What the cluster has of the stack's machines, by their ids."""
        verified = {machine.id for machine in self.all_deployed}
        return {
            name: self._observe(vm, verified=name in verified) for name, vm in self.machines.items()
        }

    def _observe(self, vm: Vm, *, verified: bool) -> Observed:
        """What the cluster has of one; where its node is down nothing can be verified."""
        node = self.inventory.node(vm.node)
        if node is None or not node.online:
            return Observed(
                exists=verified,
                failed=not verified,
                status=f"on the node {vm.node}, which is offline",
                remedy=f"start that node: `pvecm nodes` shows it; or remove the server's machine "
                f"from it with `qm destroy {vm.id}` once it is back",
            )
        if not verified and vm.id in self.leaving:
            # the plugin's resource has left the state: it would make the machine under its id again
            return Observed(
                failed=True, status=f"one that an earlier run was to remove, on {vm.node}"
            )
        if not verified and not vm.running:
            # the plugin starts a machine last of all, and completes none that it has begun
            status = f"not made completely: {vm.status or 'in an unknown state'} on {vm.node}"
            return Observed(failed=True, status=status)
        locked = f", locked by {vm.lock}" if vm.lock else ""
        return Observed(
            exists=True,
            # of what was just made, a cluster tells no status for some seconds
            running=vm.running or not vm.known,
            status=f"{vm.status or 'in an unknown state'}{locked} on {vm.node}",
            repair="" if vm.lock else "this run starts it and verifies it again",
            remedy=f"start it with `qm start {vm.id}` on {vm.node}",
        )

    def exists(self, machine: Machine) -> bool:
        """Whether the cluster has a machine."""
        return self.observed.get(machine.id, ABSENT).exists

    def left(self, machine: Machine) -> Vm | None:
        """What a run that did not finish has left of a machine."""
        return self.machines.get(machine.id)

    def of_release(self, server: ProxmoxInstance) -> list[Vm]:
        """The machines that run a server's release: a failed run left some of any shape."""
        prefix = str(MachineId.of(server.name, self.release(server), ""))
        return [vm for vm in self.owned if vm.marks.machine.startswith(prefix)]


def vm_name(name: str) -> str:
    """A name as Proxmox VE takes it: one label of DNS, which ends with the hash of ours."""
    label = re.sub("[^A-Za-z0-9]+", "-", name).strip("-")
    return label if len(label) <= LABEL else f"{label[: LABEL - 9].rstrip('-')}-{label[-8:]}"


def planning_context(desired: Desired, inventory: Inventory) -> PlanningContext:
    """What the stack is planned from. Raises FlakeshipError for outputs that cannot be read."""
    before = stack_details(desired.outputs, desired.stack)
    recorded = deployed(desired.outputs, desired.stack)
    return PlanningContext(
        desired=desired,
        settings=desired.settings,
        inventory=inventory,
        deployed={
            name: [_where_it_is(machine, inventory) for machine in machines]
            for name, machines in recorded.items()
        },
        templates=before.templates,
        leaving={each.vmid: each.name for each in before.leaving},
        recorded_nodes={each.vmid: each.node for found in recorded.values() for each in found},
    )


def _where_it_is(machine: Machine, inventory: Inventory) -> Machine:
    """A machine on the node that it is on now: people and HA move machines."""
    vm = inventory.vm(machine.vmid)
    return replace(machine, node=vm.node) if vm else machine
