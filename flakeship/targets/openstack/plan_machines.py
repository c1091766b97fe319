"""What a stack's servers on a cloud are to be: settings and one look at the cloud in, plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.flavors import sizing
from flakeship.targets.openstack.inventory import Flavor
from flakeship.targets.openstack.machine import Machine, Standing
from flakeship.targets.openstack.planning_context import PlanningContext
from flakeship.targets.openstack.requests import Bastion
from flakeship.targets.openstack.settings import CloudServer, CloudSettings, OpenStackServer

TEST = "test"
"""The name of the test server of a stack without servers."""


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


def plan(scene: PlanningContext) -> Plan:
    """Choose a flavor for every server, and what of the last run stays.

    Raises SettingError where no flavor fits or user data is missing, and FlakeshipError where the
    server to go back to does not run.
    """
    active, older, notes = [], [], []
    window = scene.settings.standby_releases if scene.settings.servers else 0
    for server in scene.settings.instances or [test_server(scene.settings)]:
        known = scene.standing.get(server.name, [])
        flavor, said = sizing.choose(scene, server, known)
        machine = machine_of(scene, server, flavor, known)
        notes += said
        if not scene.ephemeral:
            machine, lost = settled(scene, machine, known)
            rest = [m for m in known if m.id != machine.id and scene.may_stay(m)][:window]
            older += [each for each in rest if each.place == machine.place]
            notes += [*lost, *asleep(scene, machine, known), *farewell(machine, known, rest)]
        active.append(machine)
    return Plan(active, older, notes)


def test_server(settings: CloudSettings) -> CloudServer:
    """What a test server asks for: as little as its release can do with."""
    wish = settings.options.test_server
    return CloudServer(
        name=TEST,
        vcpus=1,
        memory=1,
        disk=1,
        options=OpenStackServer(address="none"),
        ports=wish.ports,
        checks=wish.checks,
    )


def machine_of(
    scene: PlanningContext, server: CloudServer, flavor: Flavor, known: list[Machine]
) -> Machine:
    """The machine that a server is to have, as if there were none yet."""
    wish = scene.settings.options
    asked = with_user_data(server)
    if server.options.volume:
        asked = asked.model_copy(update={"disk": sizing.volume(scene, server, known)})
    return Machine(
        cloud=wish.cloud,
        stack=scene.stack,
        server=asked,
        release=scene.release(server),
        flavor=flavor,
        network=scene.places.network,
        own_network=wish.network,
        pool=scene.places.pool,
        reach=wish.access,
        identity=scene.identity,
        deadline=float(scene.settings.boot_timeout),
        group=wish.placement,
        # a server that does not stay is looked at in the same way every time
        jump=None if scene.ephemeral else jump(server.name, scene.jumps),
    )


def with_user_data(server: CloudServer) -> CloudServer:
    """The server with the text of its user data, where that is given as a file."""
    given = server.options.user_data
    if not given.startswith(("./", "/", "~/")):
        return server
    path = Path(given).expanduser()
    if not path.is_file():
        raise SettingError(f"flakeship:servers: {server.name}: userData: there is no file {given}")
    return server.model_copy(
        update={"options": server.options.model_copy(update={"user_data": path.read_text()})}
    )


def settled(
    scene: PlanningContext, wanted: Machine, known: list[Machine]
) -> tuple[Machine, list[str]]:
    """The machine as it is known already, where it is the same; and what has happened to that one.

    One that is gone or in error gets a successor, whose name differs by the count of lives: Nova
    can do nothing with a server in error but delete it.
    """
    same = {m.id: m for m in known if replace(wanted, life=m.life).id == m.id}
    machine = replace(wanted, life=max((m.life for m in same.values()), default=1))
    lost = []
    while scene.in_error(machine) or (machine.id in same and not scene.exists(machine)):
        lost.append(machine.id)
        machine = replace(machine, life=machine.life + 1)
    if machine.id in same:
        last = same[machine.id]
        # a flavor that was made anew under its name is another one, and would resize the server
        machine = replace(machine, flavor=last.flavor)
        # another way to it is no change of a machine
        like_it = replace(machine, jump=last.jump)
        checked = [each.review("", "", "", "") for each in (like_it, last)]
        machine = like_it if checked[0] == checked[1] else machine
    name = wanted.server.name
    return machine, [f"{name}: {each} is gone or in error: a new one is made" for each in lost]


def asleep(scene: PlanningContext, machine: Machine, known: list[Machine]) -> list[str]:
    """That the active server does not run; refuses to go back to one that does not.

    It was verified, so its address would move there without another look.
    """
    seen = scene.named(machine)
    if machine.id not in {m.id for m in known} or any(s.status == "ACTIVE" for s in seen):
        return []
    name = scene.settings.options.cloud
    start, show = (client(name, f"server {verb} {seen[0].id}") for verb in ("start", "show"))
    said = (
        f"{machine.server.name}: {machine.id} is {seen[0].status} in Nova: `{start}` (or `{show}` "
        "tells more)"
    )
    if machine.id != known[0].id:
        raise FlakeshipError(f"{said}; it gets no address before it runs")
    return [said]


def farewell(machine: Machine, known: list[Machine], rest: list[Machine]) -> list[str]:
    """That a new machine starts on a new root disk, and which older ones do not stay beside it."""
    said = []
    if known and machine.id not in {each.id for each in known}:
        said = [
            f"{machine.server.name}: {machine.id} starts on a new root disk; nothing is taken over "
            f"from that of {known[0].id}"
        ]
    return said + [
        f"{machine.server.name}: {each.id} goes in this run, because the network is another one: "
        f"going back to {each.release.name} will boot a server"
        for each in rest
        if each.place != machine.place
    ]


def jump(server: str, jumps: Mapping[str, Bastion]) -> Bastion | None:
    """The server that is active under this name or, for a new one, another of the stack."""
    return jumps.get(server) or next(iter(jumps.values()), None)
