"""What a plan refuses before anything changes, and what a preview warns of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from flakeship.config.server import AnyServer
from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.release import Release
from flakeship.nix import store
from flakeship.targets.local import workstation
from flakeship.targets.local.inspect import LocalInventory, ServerState
from flakeship.targets.local.server_plan import ServerDetails, ServerPlan


def check_size(key: str, server: AnyServer, release: Release) -> None:
    """Refuse a server that is smaller than its image needs. Raises SettingError."""
    for what, given, least in (
        ("memory", server.memory, release.memory),
        ("disk", server.disk, release.disk),
    ):
        if least != "auto" and given < least:
            raise SettingError(
                f"{release.name} needs more",
                code="server-too-small",
                key=f"{key}.{what}",
                given=f"{given} MiB",
                allowed=f"{least} MiB or more",
            )


def check_host_ports(key: str, server: AnyServer, held: Mapping[int, str]) -> None:
    """Refuse a host port that a process outside the stack listens on. Raises SettingError."""
    for number, port in enumerate(server.ports):
        if port.host_port and port.host_port in held:
            raise SettingError(
                f"{held[port.host_port]} listens on it",
                code="host-port-taken",
                key=f"{key}.ports[{number}].hostPort",
                given=str(port.host_port),
                remedy="stop that process, or set another hostPort",
            )


def check_image(release: Release, dangling: Collection[str]) -> None:
    """Refuse an image that was built and is gone (`store-path-missing`): no step builds it."""
    if release.name in dangling:
        remedy = store.rebuild(release, derivation_exists=f"{release.name}-drv" not in dangling)
        raise store.gone(release.name, release.out, remedy)


def owner(server: str, recorded: str, current: str) -> str:
    """The workstation of a server, as recorded. Raises FlakeshipError where it is another one."""
    if recorded and not workstation.same(recorded, current):
        raise FlakeshipError(
            f"server {server} belongs to another workstation",
            code="workstation-mismatch",
            key=server,
            given=current,
            allowed=recorded,
            remedy=f"run Pulumi on {recorded}, or use another stack here (`pulumi stack init`); if "
            f"{recorded} no longer exists: `pulumi stack rm --force --preserve-config`",
        )
    return recorded or current


def warnings(
    servers: Sequence[ServerPlan], before: Mapping[str, ServerDetails], inventory: LocalInventory
) -> list[str]:
    """Servers that are down, and data disks that will be deleted."""
    desired = {planned.name: planned.server.data_disks for planned in servers}
    lines = [line for planned in servers for line in _down(planned, inventory)]
    return lines + [
        f"the data disk {disk} of {server} will be deleted with everything on it"
        for server, details in before.items()
        for disk in sorted(details.data_disks.keys() - desired.get(server, {}).keys())
    ]


def _down(planned: ServerPlan, inventory: LocalInventory) -> Iterator[str]:
    """Whether the planned machine has died, or the active one that it replaces."""
    dead = {
        machine for machine, state in inventory.machines.items() if state.record and not state.runs
    }
    active = inventory.servers.get(planned.name, ServerState()).active
    if planned.id in dead:
        yield f"{planned.name}: {planned.id} is not running; `pulumi up` starts it again"
    elif active in dead:
        yield (
            f"{planned.name} is down: its active machine {active} is not running. `pulumi up` "
            "restores it with a release that passes its checks, or with the previous release "
            "if flakeship:release names it"
        )
