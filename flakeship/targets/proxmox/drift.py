"""What was changed by hand in the cluster, and what this run does about it.

Pulumi compares settings with its state and not with the cluster: without a refresh it sees nothing.
A number that counts the repairs of a resource is what changes for it (decision 0016).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from flakeship.model.machine import MachineId
from flakeship.state.resources import VERIFICATION
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.outputs import stack_details
from flakeship.targets.proxmox.plan_machines import MachinesPlan
from flakeship.targets.proxmox.resources import CUTOVER, marks, tags


def repairs(context: PlanningContext, machines: MachinesPlan) -> dict[str, int]:
    """The numbers of repairs after this run, by the keys of verifications and cutovers.

    An active machine that does not run is started by its verification: a run never succeeds beside
    a stopped one. A cutover is done again where a run that was not finished may have moved what
    leads to a server.
    """
    before = stack_details(context.desired.outputs, context.stack).repairs
    active = {machine.id for machine in machines.active}
    found = {}
    for name in machines.rollouts:
        key = CUTOVER.key(name)
        if number := before.get(key, 0) + _may_have_moved(context, name):
            found[key] = number
    for machine in (*machines.active, *machines.standby):
        key = VERIFICATION.key(machine.id)
        stopped = machine.id in active and _is_stopped(context, machine)
        if number := before.get(key, 0) + stopped:
            found[key] = number
    return found


def notices(context: PlanningContext, machines: MachinesPlan) -> list[str]:
    """What differs from what the last good run has left, of what this run keeps."""
    nodes = context.recorded_nodes
    return [
        f"{machine.server.name}: {notice}"
        for machine in (*machines.active, *machines.standby)
        for notice in _notices(context, machine, nodes)
    ]


def _may_have_moved(context: PlanningContext, server: str) -> bool:
    """Whether the cluster has a machine of a server that no good run has left."""
    recorded = {machine.id for machine in context.all_deployed}
    others = {name for name in context.machines if name not in recorded}
    return server in context.deployed and any(
        MachineId.parse(name).server == server for name in others
    )


def _is_stopped(context: PlanningContext, machine: Machine) -> bool:
    seen = context.observed.get(machine.id)
    # a locked one is somebody's: its backup or migration goes on
    return seen is not None and seen.exists and not seen.running and bool(seen.repair)


def _notices(context: PlanningContext, machine: Machine, nodes: Mapping[int, str]) -> Iterator[str]:
    vm = context.inventory.vm(machine.vmid)
    if vm is None or not vm.known:
        return
    before = nodes.get(machine.vmid, vm.node)
    if before != vm.node:
        yield (
            f"{machine.id} was moved from {before} to {vm.node}: `pulumi refresh` tells Pulumi's "
            "plugin, which otherwise looks for it on the old node"
        )
    own = tags(vm.id, machine.marks)
    if vm.marks != marks(vm.id, own):
        whole = ";".join(sorted({*own, *vm.tags}))
        yield (
            f"{machine.id} lacks tags of ours, without which nothing removes it: "
            f"`qm set {vm.id} --tags {quote(whole)}` on {vm.node} puts them back"
        )
