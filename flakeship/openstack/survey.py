"""Everything that a stack on a cloud is to be, checked before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from flakeship import access
from flakeship.errors import FlakeshipError
from flakeship.openstack import images, machine, networks, plan, quota
from flakeship.openstack.images import Publication
from flakeship.openstack.machine import Machine
from flakeship.openstack.networks import Places
from flakeship.openstack.plan import Plan, Scene
from flakeship.openstack.requests import Jump
from flakeship.openstack.shapes import Look, Server
from flakeship.release import Record, Release
from flakeship.settings import Settings
from flakeship.wanted import Wanted

OUTPUTS = ("servers", "standing", "published", "project")
"""The stack's outputs that only this target has (`servers` like every other)."""

JUMPS = TypeAdapter(dict[str, Jump])
PUBLISHED = TypeAdapter(dict[str, Publication])


@dataclass(frozen=True)
class Survey:
    """What the components are declared from.

    `records` are those that stay beside the wanted `releases`; `counts` tells of every release how
    often its image will have been uploaded; `room` is as in components.target.Planned. `notes` are
    for the person who reads the preview.
    """

    settings: Settings
    stack: str
    releases: Mapping[str, Release]
    records: list[Record]
    plan: Plan
    places: Places
    project: str
    counts: Mapping[str, int]
    room: Mapping[str, int]
    notes: list[str]

    @property
    def ephemeral(self) -> bool:
        """Whether the only server is one that its verification makes and removes."""
        return not self.settings.servers and self.settings.openstack.test.ephemeral

    def release(self, name: str) -> Release:
        """A release that stays, by its name."""
        kept = [*self.releases.values(), *(record.release for record in self.records)]
        return next(release for release in kept if release.name == name)


def survey(wanted: Wanted, look: Look) -> Survey:
    """Plan it all.

    Raises FlakeshipError for a stack of another project, for what the settings ask that the cloud
    does not have, and where the quota is too small.
    """
    settings, before = wanted.settings, wanted.before
    same_project(before.get("project"), look)
    may_change(look)
    known = {record.name: record.release for record in wanted.ledger}
    # as it was verified: another commit with the same release is no change
    releases = {host: known.get(r.name, r) for host, r in wanted.releases.items()}
    wish = settings.openstack
    floating = wish.reach != "direct" or any(s.address == "floating" for s in settings.each)
    reports = before.get("servers") or {}
    scene = Scene(
        settings=settings,
        stack=wanted.stack,
        identity=access.identity(settings),
        releases=releases,
        ledger=wanted.ledger,
        standing=machine.read(before.get("standing")),
        jumps=JUMPS.validate_python(
            {name: report["jump"] for name, report in reports.items() if report.get("jump")}
        ),
        look=look,
        places=networks.places(wish, look, floating=floating),
    )
    planned = plan.plan(scene)
    ephemeral = not settings.servers and wish.test.ephemeral
    new = [
        each
        for each in planned.active
        if not plan.exists(each, look) and not (ephemeral and each.release.name in known)
    ]
    quota.check(needs(scene, new, reports), look)

    published = PUBLISHED.validate_python(before.get("published") or {})
    names = {release.name for release in releases.values()}
    going = [r for r in wanted.ledger if r.name not in names and r not in wanted.others]
    staying = {each.id for each in (*planned.active, *planned.older)}

    def ours(server: Server) -> bool:
        mine = server.stack == wanted.stack and server.project in ("", look.project)
        return mine and server.name not in staying

    rotation = images.rotation(going, published, look, wish, ours)
    records = [r for r in wanted.ledger if r in wanted.others or r in rotation.kept]
    return Survey(
        settings=settings,
        stack=wanted.stack,
        releases=releases,
        records=records,
        plan=planned,
        places=scene.places,
        project=look.project,
        counts={
            name: images.number(name, published, look)
            for name in (*names, *(record.name for record in records))
        },
        room={
            name: min(m.disk for m in new if m.release.name == name)
            for name in {m.release.name for m in new if m.release.disk == "auto"}
        },
        notes=[*planned.notes, *rotation.notes, *forwards(settings)],
    )


def same_project(before: str | None, look: Look) -> None:
    """Refuse to plan a stack whose servers live in another project, or another cloud."""
    if before and before != look.project:
        raise FlakeshipError(
            f"this stack lives in the project {before}, and these credentials are for "
            f"{look.project_name} ({look.project}): choose the right cloud by OS_CLOUD or "
            "flakeship:openstack.cloud, or a stack of its own for this one (pulumi stack init)"
        )


def may_change(look: Look) -> None:
    """Refuse to begin with a role that may only look."""
    if set(look.roles) == {"reader"}:
        raise FlakeshipError(
            f"in the project {look.project_name} you have only the role reader, which may change "
            "nothing: ask for the role member (docs/openstack.md has what each role may do)"
        )


def needs(scene: Scene, new: list[Machine], reports: Mapping[str, Any]) -> Mapping[str, int]:
    """What this run creates, at its peak; `new` are the machines that are not there yet."""
    wish = scene.settings.openstack
    running = [each for machines in scene.standing.values() for each in machines]
    # a first run that failed has left its network, which carries the stack's name
    networked = running or any(net.name == scene.stack for net in scene.look.networks)
    groups = {each.security_group for each in running}
    borrowing = wish.reach == "floating" or (wish.reach == "jump" and not scene.jumps)
    return quota.needs(
        [each.flavor for each in new],
        groups={m.security_group: len(m.rules) for m in new if m.security_group not in groups},
        network=None if wish.network.name or networked or not new else wish.network,
        addresses=sum(
            s.address == "floating" and s.name not in reports for s in scene.settings.each
        ),
        temporary=min(len(new), wish.at_once) if borrowing else 0,
        server_groups=1 if wish.group and not running else 0,
    )


def forwards(settings: Settings) -> list[str]:
    """That ports of this machine lead nowhere here."""
    named = [s.name for s in settings.servers if any(port.host for port in s.ports)]
    return [
        f"{name}: `host` of its ports is for the target local: its address has them all here"
        for name in named
    ]
