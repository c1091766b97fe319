"""Plans the servers of a stack from what is desired and one inspection, and refuses (preflight)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flakeship.config.server import AnyServer
from flakeship.config.settings import AnySettings
from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import SSH
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.rollout.summary import Summary
from flakeship.state.outputs import StackOutputs, parsed
from flakeship.targets.base import Call
from flakeship.targets.local import changes, condition, copies, preflight, ssh_config, workstation
from flakeship.targets.local.inspect import LocalInventory, ServerState, inspect
from flakeship.targets.local.machine_state import MachineState
from flakeship.targets.local.server_plan import ServerDetails, ServerPlan, machine_id
from flakeship.targets.local.stack_files import server_of


@dataclass(frozen=True)
class LocalTarget:
    """See flakeship.targets.base.Target."""

    stack: str
    settings: AnySettings

    async def inspect(self, _call: Call, _known: Mapping[str, StackOutputs]) -> LocalInventory:
        """The stack's machines and files on the workstation. Raises FlakeshipError."""
        return await asyncio.to_thread(inspect, self.stack, self.settings)

    def plan(self, desired: Desired, inventory: LocalInventory) -> LocalPlan:
        """The servers; refuses what could not run here. Raises FlakeshipError."""
        return plan_servers(desired, inventory)


@dataclass(frozen=True)
class LocalPlan:
    """The servers of a stack; see flakeship.targets.base.Plan for the rest."""

    servers: Sequence[ServerPlan]
    records: Sequence[Record]
    releases: Mapping[str, Release]
    needs_files: frozenset[str]
    warnings: Sequence[str] = ()
    summary: Summary = field(default_factory=Summary)
    facts: Sequence[str] = ()
    max_image_disk: Mapping[str, int] = field(default_factory=dict)
    instead_of_files: Mapping[str, str] = field(default_factory=dict)


def plan_servers(desired: Desired, inventory: LocalInventory) -> LocalPlan:
    """Plan every server of a stack.

    Raises FlakeshipError: `workstation-mismatch`, `checkout-mismatch`, `machine-elsewhere`,
    `data-disk-missing`, `outputs-unreadable`, and as flakeship.targets.local.preflight.
    """
    details = {name: server.details for name, server in desired.outputs.servers.items()}
    before = parsed(dict[str, ServerDetails], details, desired.stack)
    for name, recorded in before.items():  # also of those that the settings have no more
        _owner(name, recorded.workstation, inventory.workstation)
    servers: list[ServerPlan] = []
    booted: set[str] = set()
    for number, configured in enumerate(desired.settings.servers):
        key = f"flakeship:servers[{number}]"
        for server in configured.instances:
            release = desired.releases[server.host or desired.settings.host]
            machine = machine_id(server, release, desired.settings.options.workstation_access)
            state = inventory.machines.get(machine, MachineState())
            preflight.check_server(key, server, release, inventory)
            recorded = before.get(server.name, ServerDetails())
            owner = _owner(server.name, recorded.workstation, inventory.workstation)
            _check_state(server, recorded, inventory)
            if not state.runs:
                booted.add(release.name)
            planned = ServerPlan(
                stack=desired.stack,
                server=server,
                release=release,
                workstation=owner,
                boot=state.next_boot,
                subnet=subnet(machine, [other.subnet for other in servers]),
                identity=inventory.identity,
                deadline=desired.settings.boot_timeout,
                workstation_access=desired.settings.options.workstation_access,
            )
            servers.append(replace(planned, generation=_generation(planned, inventory)))
    preflight.check_stack([planned.server for planned in servers], inventory)
    summary = Summary(changes.find(desired, servers, before, inventory))
    warnings = _warnings(servers, inventory)
    records = desired.retained
    # a release is booted from the Nix store alone; a machine that runs has its file open
    needs_files = frozenset(booted | {record.name for record in records})
    return LocalPlan(servers, records, desired.releases, needs_files, warnings, summary)


def _generation(planned: ServerPlan, inventory: LocalInventory) -> int:
    """The number of the last cutover while the server is as it left it, else the next one."""
    server = inventory.servers.get(planned.name, ServerState())
    machine = inventory.machines.get(planned.id, MachineState())
    if server.generation is None:
        # A machine without a record: whatever number the state has, it was another machine's.
        return 0 if machine.record else 1
    if machine.record is None or server.active != planned.id or not server.pinned:
        return server.generation + 1
    host = planned.ssh_host(machine.record.ports[SSH])
    in_place = (
        server.ssh_block == ssh_config.block(host, planned.files.ssh_config, inventory.checkout)
        and machine.forwards == planned.forwards
        and machine.disks.keys() == planned.server.data_disks.keys()
    )
    return server.generation if in_place else server.generation + 1


def subnet(machine: str, taken: Collection[str]) -> str:
    """A /24 for a machine's user network: the same one for the same id unless it is taken.

    Raises FlakeshipError (`subnets-exhausted`).
    """
    start = int.from_bytes(hashlib.sha256(machine.encode()).digest()[:4], "big")
    # 10.0.x is QEMU's default, and the network around the workstation most often.
    count = 255 * 256
    numbers = ((start + step) % count for step in range(count))
    subnets = (f"10.{1 + number // 256}.{number % 256}.0/24" for number in numbers)
    if free := next((each for each in subnets if each not in taken), ""):
        return free
    raise FlakeshipError("10.1.0.0/24 to 10.255.255.0/24 are taken", code="subnets-exhausted")


def _owner(server: str, recorded: str, current: str) -> str:
    """Where a server lives, as recorded. Raises FlakeshipError where that is another place."""
    if error := workstation.mismatch(recorded, current, server):
        raise error
    return recorded if "/" in recorded else current


def _check_state(server: AnyServer, recorded: ServerDetails, inventory: LocalInventory) -> None:
    """Refuse a `.state` that is not, or no longer, the one that the server's machines have.

    Raises FlakeshipError: `machine-elsewhere`, `data-disk-missing`.
    """
    for machine, state in inventory.machines.items():
        if state.elsewhere and server_of(machine) == server.name:
            raise copies.moved(machine, state.elsewhere)
    for disk in sorted(recorded.data_disks.keys() & server.data_disks.keys()):
        if (server.name, disk) not in inventory.data_disks:
            raise FlakeshipError(
                f"its file is gone from .state ({disk}.qcow2), and the stack had created it",
                code="data-disk-missing",
                key=f"data disk {disk} of {server.name}",
                remedy="restore the file from a backup; or give the disk another name in "
                "dataDisks, which makes an empty one",
            )


def _warnings(servers: Sequence[ServerPlan], inventory: LocalInventory) -> list[str]:
    """Servers that are down, and what may run badly here."""
    lines = [line for planned in servers for line in _down(planned, inventory)]
    return [*lines, *preflight.warnings([planned.server for planned in servers], inventory)]


def _down(planned: ServerPlan, inventory: LocalInventory) -> Iterator[str]:
    """Whether the planned machine has died or was stopped, or the active one that it replaces."""
    dead = {
        machine: condition.reason(state.status, inventory.free_disk)
        for machine, state in inventory.machines.items()
        if state.record and not state.runs
    }
    active = inventory.servers.get(planned.name, ServerState()).active
    if planned.id in dead:
        then = condition.then(inventory.machines[planned.id].status)
        yield (
            f"{planned.name}: {planned.id} is not running: {dead[planned.id]}; `pulumi up` {then}"
        )
    elif active in dead:
        yield (
            f"{planned.name} is down: its active machine {active} is not running: {dead[active]}. "
            "`pulumi up` restores it with a release that passes its checks, or with the previous "
            "release if flakeship:release names it"
        )
