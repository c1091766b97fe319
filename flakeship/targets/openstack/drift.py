"""What was changed by hand in the cloud, and what this run replaces for it.

Pulumi compares settings with its state and not with the cloud: without a refresh it sees nothing.
A number that counts the repairs of a resource is what changes for it (decision 0016).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flakeship.state.resources import VERIFICATION
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.context import PlanningContext
from flakeship.targets.openstack.inventory import GroupRule
from flakeship.targets.openstack.listed import source_of
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.network.networks import ETHERTYPES, EVERYBODY
from flakeship.targets.openstack.outputs import server_details, stack_details
from flakeship.targets.openstack.plan_machines import MachinesPlan
from flakeship.targets.openstack.resources import (
    ADDRESS,
    CUTOVER,
    GLANCE_IMAGE,
    IMAGE_VISIBILITY,
)


@dataclass(frozen=True)
class Drift:
    """A notice, and the name of what is replaced or run again; empty: nothing."""

    notice: str
    repaired: str = ""


def find(context: PlanningContext, machines: MachinesPlan) -> list[Drift]:
    """Everything that differs from what the last good run has left and this run keeps."""
    kept = [
        machine
        for machine in (*machines.active, *machines.standby)
        if machine.id in context.standing
    ]
    return [
        *_addresses(context, {m.server.name: m.id for m in machines.active}),
        *_groups(context, kept),
        *_images(context),
        *_renamed(context, kept),
        *_stopped(context, machines),
    ]


def repairs(
    before: Mapping[str, int], drifts: Iterable[Drift], machines: Iterable[Machine]
) -> dict[str, int]:
    """The numbers of repairs after this run, of what these machines use."""
    names = {each.repaired for each in drifts if each.repaired}
    used = {
        name
        for machine in machines
        for name in (
            ADDRESS.key(machine.server.name),
            CUTOVER.key(machine.server.name),
            VERIFICATION.key(machine.id),
            GLANCE_IMAGE.key(machine.release.name),
            machine.security_group,
        )
    } | {IMAGE_VISIBILITY}
    numbers = {name: before.get(name, 0) + (name in names) for name in sorted(used)}
    return {name: number for name, number in numbers.items() if number}


def _addresses(context: PlanningContext, active: Mapping[str, str]) -> list[Drift]:
    """Addresses that no longer lead to where the last good run moved them.

    One whose server gets another machine moves anyway.
    """
    found = []
    before = context.desired.outputs.servers
    by_address = {each.address: each for each in context.inventory.addresses}
    for server in context.settings.instances:
        output = before.get(server.name)
        if server.options.address == "none" or output is None:
            continue
        details = server_details(output)
        if details.fixed or not details.port:
            continue
        address = by_address.get(output.address)
        name = f"{server.name}: its address {output.address}"
        if address is None:
            lost = f"{name} no longer exists in this project: it gets another one"
            found.append(Drift(lost, ADDRESS.key(server.name)))
        elif address.port != details.port and active.get(server.name) == output.machine:
            where = f"to the port {address.port}" if address.port else "nowhere"
            moved = f"{name} leads {where}, not to {output.machine}: this run moves it back"
            found.append(Drift(moved, CUTOVER.key(server.name)))
    return found


def _groups(context: PlanningContext, kept: Iterable[Machine]) -> list[Drift]:
    """Security groups with other rules than were declared."""
    existing = context.inventory.groups
    if existing is None:
        return []
    found = []
    for name, machine in {m.security_group: m for m in kept if m.port_security}.items():
        has, declared = existing.get(name, frozenset()), neutron_rules(machine)
        if has == declared:
            continue
        changes = [
            *(f"lacks {_shown(rule)}" for rule in sorted(declared - has)),
            *(f"also has {_shown(rule)}" for rule in sorted(has - declared)),
        ]
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        notice = f"the security group {name} {', '.join(changes[:3])}{more}: this run replaces it"
        found.append(Drift(notice, name))
    return found


def neutron_rules(machine: Machine) -> frozenset[GroupRule]:
    """The rules of a machine's security group as Neutron has them."""
    leaving = [
        ("egress", kind, "", 0, 0, source)
        for kind, source in zip(ETHERTYPES, EVERYBODY, strict=True)
    ]
    entering = [
        ("ingress", each.ethertype, each.protocol, each.port, each.end, source_of(each.source))
        for each in machine.rules
    ]
    return frozenset([*leaving, *entering])


def _shown(rule: GroupRule) -> str:
    direction, ethertype, protocol, first, last, source = rule
    ports = f" {first}" if first == last and first else f" {first}-{last}" if first else ""
    return f"{direction} {ethertype} {protocol or 'any'}{ports} {source}"


def _images(context: PlanningContext) -> list[Drift]:
    """Published images whose visibility is another one, or that are shown or hidden by hand."""
    published = stack_details(context.desired.outputs, context.stack).published
    by_id = {image.id: image for image in context.inventory.images}
    wanted = context.settings.options.visibility
    running = set(context.desired.outputs.running.values())
    found = []
    for name, publication in published.items():
        image = by_id.get(publication.id)
        if image is None or image.status != "active":
            continue
        if image.visibility and image.visibility != wanted:
            notice = f"the image {name} is {image.visibility} in Glance: this run makes it {wanted}"
            found.append(Drift(notice, GLANCE_IMAGE.key(name)))
        if image.hidden is not None and image.hidden == (name in running):
            notice = f"the image {name} was {'hidden' if image.hidden else 'shown'}: it is undone"
            found.append(Drift(notice, IMAGE_VISIBILITY))
    return found


def _renamed(context: PlanningContext, kept: Iterable[Machine]) -> list[Drift]:
    ids = {machine.id: machine.server.name for machine in kept}
    cloud = context.settings.options.cloud
    return [
        Drift(
            f"{ids[server.machine]}: {server.machine} was renamed to {server.name} in Nova; "
            f"`{client(cloud, f'server set --name {server.machine} {server.id}')}` undoes it"
        )
        for server in context.owned
        if server.machine in ids and server.name != server.machine
    ]


def _stopped(context: PlanningContext, machines: MachinesPlan) -> list[Drift]:
    """Active machines that do not run; the notice about them is the rollout's.

    Their verification runs again, which starts them: a run never succeeds beside a stopped one.
    """
    return [
        Drift("", VERIFICATION.key(machine.id))
        for machine in machines.active
        if machine.id in context.standing and not context.observed[machine.id].running
    ]
