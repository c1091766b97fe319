"""Refusals before anything changes: another project, a role that may only read, the quota."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack import quota
from flakeship.targets.openstack.context import PlanningContext
from flakeship.targets.openstack.inventory import Inventory
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.network import floating_ips


def check_project(before: str, inventory: Inventory) -> None:
    """Refuse to plan a stack whose servers are in another project, or another cloud."""
    if before and before != inventory.project:
        raise FlakeshipError(
            f"this stack is in the project {before}, and these credentials are for "
            f"{inventory.project_name} ({inventory.project})",
            code="project-mismatch",
            remedy="choose the right cloud by OS_CLOUD or flakeship:openstack.cloud, or make "
            "another stack for this one (pulumi stack init)",
        )


def check_role(inventory: Inventory) -> None:
    """Refuse to begin with a role that may only read."""
    if set(inventory.roles) == {"reader"}:
        raise FlakeshipError(
            "its roles may change nothing",
            code="role-missing",
            key=f"project {inventory.project_name}",
            given="reader",
            remedy="ask for the role member (docs/reference/least-privilege.md)",
        )


def check_quota(context: PlanningContext, new: Sequence[Machine]) -> None:
    """Refuse a run that would fail half-way at the quota; it creates the `new` machines."""
    options, inventory = context.settings.options, context.inventory
    running = [machine for machines in context.deployed.values() for machine in machines]
    groups = {machine.security_group for machine in running}
    own_network = options.network.named(context.stack)
    has_network = any(network.name == own_network for network in inventory.networks)
    temporary = options.access == "floating" or (
        options.access == "bastion" and not context.bastions
    )
    placed = {m.release.name for m in new} - {m.release.name for m in running}
    needed = quota.needs(
        [machine.flavor for machine in new],
        groups={m.security_group: len(m.rules) for m in new if m.security_group not in groups},
        network=None if options.network.name or has_network or not new else options.network,
        addresses=floating_ips.missing(context.settings.instances, inventory, context.stack),
        temporary=min(len(new), options.boot_concurrency) if temporary else 0,
        server_groups=len(placed) if options.placement else 0,
    )
    quota.check(needed, inventory)
