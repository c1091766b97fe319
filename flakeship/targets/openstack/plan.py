"""Everything that a stack on a cloud is to be, checked before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.ssh import keys
from flakeship.targets.openstack import machine, plan_machines, quota
from flakeship.targets.openstack.images import retention
from flakeship.targets.openstack.images.retention import Publication
from flakeship.targets.openstack.inventory import Inventory, Server
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.network import floating_ips, networks
from flakeship.targets.openstack.plan_machines import Plan
from flakeship.targets.openstack.planning_context import PlanningContext
from flakeship.targets.openstack.requests import Bastion
from flakeship.targets.openstack.settings import CloudSettings

JUMPS = TypeAdapter(dict[str, Bastion])
PUBLISHED = TypeAdapter(dict[str, Publication])


@dataclass(frozen=True)
class StackPlan:
    """What the components are declared from.

    `records` are those that stay beside the wanted `releases`; `counts` tells of every release how
    often its image will have been uploaded; see flakeship.targets.base.Plan for the
    others.
    """

    scene: PlanningContext
    releases: Mapping[str, Release]
    records: list[Record]
    plan: Plan
    counts: Mapping[str, int]
    max_image_disk: Mapping[str, int]
    warnings: list[str]

    @property
    def facts(self) -> list[str]:
        """What the machines that are not there yet are made of."""
        return [
            f"{m.server.name}: {m.id} gets {m.flavor.name} ({m.flavor.vcpus} vCPUs, "
            f"{m.flavor.memory} MiB of memory, {m.disk} MiB of root disk)"
            for m in self.plan.active
            if not (self.ephemeral or self.scene.exists(m))
        ]

    @property
    def ephemeral(self) -> bool:
        """Whether the only server is one that its verification makes and removes."""
        return self.scene.ephemeral

    def release(self, name: str) -> Release:
        """A release that stays, by its name."""
        kept = [*self.releases.values(), *(record.release for record in self.records)]
        return next(release for release in kept if release.name == name)


def plan_stack(wanted: Desired, look: Inventory) -> StackPlan:
    """Plan it all.

    Raises FlakeshipError for a stack of another project, for what the settings ask that the cloud
    does not have, and where the quota is too small.
    """
    before = wanted.outputs.details
    same_project(before.get("project"), look)
    may_change(look)
    known = {record.name: record.release for record in wanted.ledger}
    # as it was verified: another commit with the same release is no change
    releases = {host: known.get(r.name, r) for host, r in wanted.releases.items()}
    servers = [floating_ips.resolved(s, look, wanted.stack) for s in wanted.settings.instances]
    settings = wanted.settings.model_copy(update={"servers": servers})
    wish = settings.options
    floating = wish.access != "direct" or any(s.options.address == "floating" for s in servers)
    reports = {
        name: {"machine": each.machine, "address": each.address, **each.details}
        for name, each in wanted.outputs.servers.items()
    }
    scene = PlanningContext(
        settings=settings,
        stack=wanted.stack,
        identity=keys.identity(settings.identity, settings.authorized_keys),
        releases=releases,
        ledger=wanted.ledger,
        standing=machine.read(wanted.outputs.machines),
        jumps=JUMPS.validate_python(
            {name: report["jump"] for name, report in reports.items() if report.get("jump")}
        ),
        look=look,
        places=networks.places(wish, look, floating=floating),
    )
    planned = plan_machines.plan(scene)
    new = [
        each
        for each in planned.active
        if not scene.exists(each) and not (scene.ephemeral and each.release.name in known)
    ]
    quota.check(needs(scene, new), look)

    published = PUBLISHED.validate_python(before.get("published") or {})
    names = {release.name for release in releases.values()}
    going = [r for r in wanted.ledger if r.name not in names and r not in wanted.retained]
    staying = {each.id for each in (*planned.active, *planned.older)}

    def goes(server: Server) -> bool:
        return server in scene.ours() and server.name not in staying

    rotation = retention.rotation(going, published, look, wish, goes)
    running = {each.release.name for each in planned.older}
    records = [
        record
        for record in wanted.ledger
        if record in wanted.retained or record in rotation.kept or record.name in running - names
    ]
    return StackPlan(
        scene=scene,
        releases=releases,
        records=records,
        plan=planned,
        counts={
            name: retention.number(name, published, look)
            for name in (*names, *(record.name for record in records))
        },
        max_image_disk={
            name: min(m.disk for m in new if m.release.name == name)
            for name in {m.release.name for m in new if m.release.disk == "auto"}
        },
        warnings=[
            *planned.notes,
            *floating_ips.moves({m.server.name: m.id for m in planned.active}, reports),
            *floating_ips.leaving(servers, reports),
            *floating_ips.drifted(servers, reports, look),
            *rotation.notes,
            *forwards(settings),
        ],
    )


def same_project(before: str | None, look: Inventory) -> None:
    """Refuse to plan a stack whose servers live in another project, or another cloud."""
    if before and before != look.project:
        raise FlakeshipError(
            f"this stack lives in the project {before}, and these credentials are for "
            f"{look.project_name} ({look.project}): choose the right cloud by OS_CLOUD or "
            "flakeship:openstack.cloud, or a stack of its own for this one (pulumi stack init)"
        )


def may_change(look: Inventory) -> None:
    """Refuse to begin with a role that may only look."""
    if set(look.roles) == {"reader"}:
        raise FlakeshipError(
            f"in the project {look.project_name} you have only the role reader, which may change "
            "nothing: ask for the role member (docs/reference/least-privilege.md)"
        )


def needs(scene: PlanningContext, new: list[Machine]) -> Mapping[str, int]:
    """What this run creates, at its peak; `new` are the machines that are not there yet."""
    wish = scene.settings.options
    running = [each for machines in scene.standing.values() for each in machines]
    groups = {each.security_group for each in running}
    networked = any(net.name == wish.network.named(scene.stack) for net in scene.look.networks)
    borrowing = wish.access == "floating" or (wish.access == "bastion" and not scene.jumps)
    together = {m.release.name for m in new} - {m.release.name for m in running}
    return quota.needs(
        [each.flavor for each in new],
        groups={m.security_group: len(m.rules) for m in new if m.security_group not in groups},
        network=None if wish.network.name or networked or not new else wish.network,
        addresses=floating_ips.missing(scene.settings.instances, scene.look, scene.stack),
        temporary=min(len(new), wish.boot_concurrency) if borrowing else 0,
        server_groups=len(together) if wish.placement else 0,
    )


def forwards(settings: CloudSettings) -> list[str]:
    """That ports of this machine lead nowhere here."""
    named = [s.name for s in settings.servers if any(port.host_port for port in s.ports)]
    return [
        f"{name}: `host` of its ports is for the target local: its address has them all here"
        for name in named
    ]
