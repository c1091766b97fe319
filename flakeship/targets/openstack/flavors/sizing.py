"""Which flavor each server of a stack gets, with all that is known of it."""

from __future__ import annotations

from dataclasses import replace

from flakeship.targets.openstack.flavors import choice as flavors
from flakeship.targets.openstack.flavors import fit
from flakeship.targets.openstack.inventory import Flavor
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.planning_context import PlanningContext
from flakeship.targets.openstack.settings import CloudServer


def choose(
    scene: PlanningContext, server: CloudServer, known: list[Machine]
) -> tuple[Flavor, list[str]]:
    """The flavor of a server, and what to tell of it.

    A machine that runs this very release keeps its flavor even if that has been deleted since: Nova
    goes on with its own copy of it. Raises SettingError where none fits.
    """
    release, look, said = scene.release(server), scene.look, []
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
        scene.settings.options.prices,
        before=flavor_before(scene, server, known),
        stack=scene.stack,
    )
    return choice.flavor, [*said, *choice.notes]


def need(scene: PlanningContext, server: CloudServer) -> fit.Need:
    """What a server's flavor has to offer."""
    return fit.need(server, scene.release(server), scene.ledger)


def volume(scene: PlanningContext, server: CloudServer, known: list[Machine]) -> int:
    """The size of a root disk that is a volume, in MiB; one that there is keeps its size."""
    release = scene.release(server)
    there = [
        m.server.disk for m in known if m.release.name == release.name and m.server.options.volume
    ]
    return there[0] if there else need(scene, server).disk


def flavor_before(scene: PlanningContext, server: CloudServer, known: list[Machine]) -> str:
    """The name of the flavor that a server has had, best of all with this very release.

    A run that failed has left one that no output tells of.
    """
    release = scene.release(server)
    prefix = f"{server.name}-{release.name.removeprefix(f'{release.host}-')}-"
    left = [s for s in scene.ours() if s.status != "ERROR" and s.name.startswith(prefix)]
    names = [
        *(machine.flavor.name for machine in known if machine.release.name == release.name),
        *(found.flavor for found in left),
        *(machine.flavor.name for machine in known),
    ]
    return names[0] if names else ""
