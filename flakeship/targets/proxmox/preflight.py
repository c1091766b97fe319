"""Refusals of machines and templates before anything changes, and what a preview warns of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from shlex import quote

from flakeship.model.errors import FlakeshipError, SettingError, did_you_mean
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.machine import Machine, whole_gigabytes
from flakeship.targets.proxmox.templates import TemplatesPlan


def check_ids(context: PlanningContext) -> None:
    """Refuse a run that could touch what somebody else has made under an id of ours."""
    # whether what was leaving is gone from the state is not known here
    for vmid, name in {**context.leaving, **context.recorded}.items():
        if vmid in context.settings.options.abandoned_ids:
            continue
        if vmid in context.inventory.hidden:
            raise _hidden(context, vmid, name)
        vm = context.inventory.vm(vmid)
        if vm is None and vmid in context.recorded and _is_not_asked_about(context, vmid):
            raise FlakeshipError(
                f"was {name}, and whether it still is there cannot be told: vmIds does not include "
                f"it any more, and {context.inventory.user} does not see everybody's machines",
                code="id-unknown",
                key=f"id {vmid}",
                remedy=f"let flakeship:proxmox.vmIds include {vmid}, until a run has succeeded; or "
                "give the token VM.Audit on /vms",
            )
        if vm is not None and (vm.container or not context.is_ours(vm, name)):
            raise FlakeshipError(
                f"was {name}, and is {vm} now, which is not of this stack",
                code="id-taken",
                key=f"id {vmid}",
                remedy="give that one another id; or, so that it is not deleted, remove the "
                "resource with this id from the state (`pulumi stack --show-ids --show-urns`, "
                "`pulumi state delete <urn>`) and add the id to flakeship:proxmox.abandonedIds",
            )


def _is_not_asked_about(context: PlanningContext, vmid: int) -> bool:
    """Whether only an id of the settings' range would be asked about."""
    return not context.inventory.everything and vmid not in context.settings.options.ids


def _hidden(context: PlanningContext, vmid: int, name: str) -> FlakeshipError:
    """What has an id of ours is not shown to the token: it may be ours, and may not be lost."""
    pool = context.settings.options.pool
    return FlakeshipError(
        f"was {name}; there is a virtual machine with this id, which {context.inventory.user} may "
        "not see",
        code="id-hidden",
        key=f"id {vmid}",
        remedy=f"if it is that one, run `pveum pool modify {quote(pool)} --vms {vmid}` on a node"
        if pool
        else "give the token VM.Audit on it",
    )


def check_sizes(context: PlanningContext, new: Sequence[Machine]) -> None:
    """Refuse less memory than a release boots with, and a disk that is smaller than its image.

    Disks grow, and never shrink.
    """
    sizes: Mapping[str, int] = {r.name: r.artifact.disk for r in context.desired.ledger}
    for machine in new:
        server, release = machine.server, machine.release
        image = sizes.get(release.name, 0) or (release.disk if release.disk != "auto" else 0)
        least = whole_gigabytes(image)
        for what, given, made, needed in (
            ("memory", server.memory, server.memory, release.memory),
            ("disk", server.disk, machine.disk, least),
        ):
            if made < needed:
                raise SettingError(
                    f"{release.name} needs more",
                    code="server-too-small",
                    key=f"flakeship:servers[{server.name}].{what}",
                    given=f"{given} MiB",
                    allowed=f"{needed} MiB or more",
                )


def check_places(
    context: PlanningContext, new: Sequence[Machine], templates: TemplatesPlan
) -> None:
    """Refuse new machines on a bridge that their node lacks, or of a template that is locked."""
    for machine in new:
        has = context.inventory.bridges.get(machine.node)
        if has is not None and machine.bridge not in has:
            own = machine.server.options.bridge
            raise SettingError(
                f"the node {machine.node} has no such bridge or VNet",
                code="bridge-unknown",
                key=f"flakeship:servers[{machine.server.name}].proxmox.bridge"
                if own
                else "flakeship:proxmox.bridge",
                given=machine.bridge,
                allowed=", ".join(has),
                remedy=did_you_mean(machine.bridge, has),
            )
        template = templates.of(machine.release.name, machine.node)
        vm: Vm | None = context.inventory.vm(template.vmid) if template else None
        if vm is not None and vm.lock:
            raise FlakeshipError(
                f"the template {vm} is locked by {vm.lock}",
                code="template-locked",
                key=machine.server.name,
                remedy=f"run it again when that is over; after a crash `qm unlock {vm.id}` on "
                f"{vm.node} unlocks it",
            )


def stranded(context: PlanningContext, staying: Sequence[Machine]) -> list[str]:
    """Notices about machines that are to go, and cannot: their node is offline."""
    kept = {machine.id for machine in staying}
    online = {node.name for node in context.inventory.online}
    return [
        f"{machine.server.name}: {machine.id} is to be removed and is on {machine.node}, which is "
        "offline: the run will fail at its end, and go on once the node is back"
        for machine in context.all_deployed
        if machine.id not in kept and context.exists(machine) and machine.node not in online
    ]


def crowded(context: PlanningContext, new: Sequence[Machine]) -> list[str]:
    """Notices about nodes on which new machines get more memory than is free."""
    taken = Counter[str]()
    for machine in new:
        taken[machine.node] += machine.server.memory
    known = {node.name: node for node in context.inventory.nodes if node.memory}
    return [
        f"new machines on {name} get {memory} MiB of memory, and {known[name].free} MiB are free "
        "there: it will run out of memory if they use theirs"
        for name, memory in taken.items()
        if name in known and memory > known[name].free
    ]
