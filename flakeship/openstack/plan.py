"""What a stack's servers on a cloud are to be: settings and one look at the cloud in, plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flakeship.errors import SettingError
from flakeship.openstack import fit, flavors
from flakeship.openstack.machine import Machine, Standing
from flakeship.openstack.networks import Places
from flakeship.openstack.requests import Jump
from flakeship.openstack.shapes import Flavor, Look
from flakeship.openstack.shapes import Server as Seen
from flakeship.release import Record, Release
from flakeship.servers import Server
from flakeship.settings import Settings

TEST = "test"
"""The name of the test server of a stack without servers."""


@dataclass(frozen=True)
class Scene:
    """All that a plan is made from.

    `releases` are by host; `standing` and `jumps` come from the stack's own outputs: the machines
    of the last good run by server, and the servers that were active then, as ways to others.
    """

    settings: Settings
    stack: str
    identity: str
    releases: Mapping[str, Release]
    ledger: list[Record]
    standing: Standing
    jumps: Mapping[str, Jump]
    look: Look
    places: Places


@dataclass(frozen=True)
class Plan:
    """The machines to be: the active one of each server, and the older ones that stay running."""

    active: list[Machine]
    older: list[Machine]
    notes: list[str]

    @property
    def standing(self) -> Standing:
        """All of them by server, as the next run will want to know them."""
        return {
            each.server.name: [each, *(m for m in self.older if m.server.name == each.server.name)]
            for each in self.active
        }


def plan(scene: Scene) -> Plan:
    """Choose a flavor for every server, and what of the last run stays.

    Raises SettingError where no flavor fits or user data is missing.
    """
    active, older, notes = [], [], []
    window = scene.settings.rollback_window if scene.settings.servers else 0
    for server in scene.settings.each or [test_server(scene.settings)]:
        known = scene.standing.get(server.name, [])
        flavor, said = choose(scene, server, known)
        machine, lost = settled(machine_of(scene, server, flavor), known, scene.look)
        active.append(machine)
        older += [m for m in known if m.id != machine.id and exists(m, scene.look)][:window]
        notes += [*said, *lost, *farewell(machine, known)]
    return Plan(active, older, notes)


def test_server(settings: Settings) -> Server:
    """What a test server asks for: as little as its release can do with."""
    wish = settings.openstack.test
    return Server(
        name=TEST,
        vcpus=1,
        memory=1,
        disk=1,
        address="none",
        ports=wish.ports,
        checks=wish.checks,
    )


def machine_of(scene: Scene, server: Server, flavor: Flavor) -> Machine:
    """The machine that a server is to have, as if there were none yet."""
    wish = scene.settings.openstack
    asked = with_user_data(server)
    if server.volume:
        asked = asked.model_copy(update={"disk": need(scene, server).disk})
    return Machine(
        cloud=wish.cloud,
        stack=scene.stack,
        server=asked,
        release=release_of(scene, server),
        flavor=flavor,
        network=scene.places.network,
        own_network=wish.network,
        pool=scene.places.pool,
        reach=wish.reach,
        identity=scene.identity,
        deadline=float(scene.settings.boot_timeout),
        group=wish.group,
        jump=jump(server.name, scene.jumps),
    )


def release_of(scene: Scene, server: Server) -> Release:
    """The release that a server is to run."""
    return scene.releases[server.host or scene.settings.host]


def choose(scene: Scene, server: Server, known: list[Machine]) -> tuple[Flavor, list[str]]:
    """The flavor of a server, and what to tell of it.

    A machine that runs this very release keeps its flavor even if that has been deleted since: Nova
    goes on with its own copy of it.
    """
    release, look, said = release_of(scene, server), scene.look, []
    there = {flavor.name for flavor in look.flavors}
    same = next((m.flavor for m in known if m.release.name == release.name), None)
    if same and same.id and same.name not in there:
        look = replace(look, flavors=[*look.flavors, same])
        said = [
            f"{server.name}: its flavor {same.name} is gone from the cloud; the server keeps it, "
            "and a new release will get another one"
        ]
    choice = flavors.choose(
        server,
        need(scene, server),
        look,
        scene.settings.openstack.prices,
        before=flavor_before(scene, server, known),
        stack=scene.stack,
    )
    return choice.flavor, [*said, *choice.notes]


def need(scene: Scene, server: Server) -> fit.Need:
    """What a server's flavor has to offer."""
    return fit.need(server, release_of(scene, server), scene.ledger)


def flavor_before(scene: Scene, server: Server, known: list[Machine]) -> str:
    """The name of the flavor that a server has had, best of all with this very release.

    A run that failed has left one that no output tells of.
    """
    release = release_of(scene, server)
    prefix = f"{server.name}-{release.name.removeprefix(f'{release.host}-')}-"
    ours = [s for s in scene.look.servers if s.stack == scene.stack and s.status != "ERROR"]
    left = [server for server in ours if server.name.startswith(prefix)]
    names = [
        *(machine.flavor.name for machine in known if machine.release.name == release.name),
        *(found.flavor for found in left),
        *(machine.flavor.name for machine in known),
    ]
    return names[0] if names else ""


def with_user_data(server: Server) -> Server:
    """The server with the text of its user data, where that is given as a file."""
    given = server.user_data
    if not given.startswith(("./", "/", "~/")):
        return server
    path = Path(given).expanduser()
    if not path.is_file():
        raise SettingError(f"flakeship:servers: {server.name}: userData: there is no file {given}")
    return server.model_copy(update={"user_data": path.read_text()})


def settled(wanted: Machine, known: list[Machine], look: Look) -> tuple[Machine, list[str]]:
    """The machine as it is known already, where it is the same; and what has happened to that one.

    One that is gone or in error gets a successor, whose name differs by the count of lives: Nova
    can do nothing with a server in error but delete it.
    """
    same = {m.id: m for m in known if replace(wanted, life=m.life).id == m.id}
    machine = replace(wanted, life=max((m.life for m in same.values()), default=1))
    lost = []
    while in_error(machine, look) or (machine.id in same and not exists(machine, look)):
        lost.append(machine.id)
        machine = replace(machine, life=machine.life + 1)
    if machine.id in same:
        # another way to it, or what the cloud says of its flavor now, is no change of a machine
        last = same[machine.id]
        like_it = replace(machine, jump=last.jump, flavor=last.flavor)
        checked = [each.review("", "", "", "") for each in (like_it, last)]
        machine = like_it if checked[0] == checked[1] else machine
    name = wanted.server.name
    return machine, [f"{name}: {each} is gone or in error: a new one is made" for each in lost]


def exists(machine: Machine, look: Look) -> bool:
    """Whether Nova has it, and not in error."""
    return any(server.status != "ERROR" for server in named(machine, look))


def in_error(machine: Machine, look: Look) -> bool:
    """Whether Nova has it in error."""
    return any(server.status == "ERROR" for server in named(machine, look))


def named(machine: Machine, look: Look) -> list[Seen]:
    """The servers of Nova's that have its name and its stack's mark."""
    return [s for s in look.servers if (s.name, s.stack) == (machine.id, machine.stack)]


def farewell(machine: Machine, known: list[Machine]) -> list[str]:
    """That a new machine starts on a new root disk."""
    if not known or machine.id in {each.id for each in known}:
        return []
    return [
        f"{machine.server.name}: {machine.id} starts on a new root disk; nothing is taken over "
        f"from that of {known[0].id}"
    ]


def jump(server: str, jumps: Mapping[str, Jump]) -> Jump | None:
    """The server that is active under this name or, for a new one, another of the stack."""
    return jumps.get(server) or next(iter(jumps.values()), None)
