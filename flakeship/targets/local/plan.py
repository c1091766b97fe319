"""Computes the servers of a stack from what is desired and one inspection; no input, no output."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flakeship.model.errors import FlakeshipError
from flakeship.model.machine import MachineId
from flakeship.model.ports import SSH
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.targets.local import preflight, ssh_config
from flakeship.targets.local.inventory import LocalInventory, MachineState, ServerState
from flakeship.targets.local.outputs import ServerDetails, server_details
from flakeship.targets.local.server_plan import ServerPlan


@dataclass(frozen=True)
class LocalPlan:
    """The servers of a stack; see flakeship.targets.base.Plan for the rest."""

    servers: Sequence[ServerPlan]
    records: Sequence[Record]
    releases: Mapping[str, Release]
    warnings: Sequence[str] = ()
    facts: Sequence[str] = ()
    max_image_disk: Mapping[str, int] = field(default_factory=dict)


def plan_servers(desired: Desired, inventory: LocalInventory) -> LocalPlan:
    """Plan every server of a stack.

    Raises FlakeshipError: `workstation-mismatch`, `server-too-small`, `store-path-missing` or
    `host-port-taken`.
    """
    servers: list[ServerPlan] = []
    before = server_details(desired.outputs, desired.stack)
    configured = [
        (f"flakeship:servers[{number}]", instance)
        for number, server in enumerate(desired.settings.servers)
        for instance in server.instances
    ]
    for key, server in configured:
        release = desired.releases[server.host or desired.settings.host]
        machine = str(MachineId.of(server.name, release, server.shape))
        state = inventory.machines.get(machine, MachineState())
        preflight.check_size(key, server, release)
        preflight.check_host_ports(key, server, inventory.held_ports)
        recorded = before.get(server.name, ServerDetails()).workstation
        owner = preflight.owner(server.name, recorded, inventory.workstation)
        if not state.runs:
            preflight.check_image(release, inventory.dangling)
        planned = ServerPlan(
            stack=desired.stack,
            server=server,
            release=release,
            workstation=owner,
            boot=state.next_boot,
            subnet=subnet(machine, [other.subnet for other in servers]),
            identity=inventory.identity,
            deadline=desired.settings.boot_timeout,
        )
        servers.append(replace(planned, generation=next_generation(planned, inventory)))
    warnings = preflight.warnings(servers, before, inventory)
    return LocalPlan(servers, desired.retained, desired.releases, warnings)


def next_generation(planned: ServerPlan, inventory: LocalInventory) -> int:
    """The number of the last cutover while the server is as it left it, else the next one."""
    last = inventory.servers.get(planned.name, ServerState()).generation
    if last is None:
        # A machine without a record: whatever number the state has, it was another machine's.
        started = inventory.machines.get(planned.id, MachineState()).record
        return 0 if started else 1
    return last if in_place(planned, inventory) else last + 1


def in_place(planned: ServerPlan, inventory: LocalInventory) -> bool:
    """Whether the server's name, host ports and data disks are at its machine."""
    server = inventory.servers.get(planned.name, ServerState())
    machine = inventory.machines.get(planned.id, MachineState())
    if machine.record is None or server.active != planned.id or not server.pinned:
        return False
    host = planned.ssh_host(machine.record.ports[SSH])
    block = ssh_config.block(host, planned.files.ssh_config, inventory.checkout)
    return (
        server.ssh_block == block
        and machine.forwards == planned.forwards
        and machine.disks.keys() == planned.server.data_disks.keys()
    )


def subnet(machine: str, taken: Collection[str]) -> str:
    """A /24 for a machine's user network: the same one for the same id unless it is taken.

    Raises FlakeshipError (`subnets-exhausted`).
    """
    start = int.from_bytes(hashlib.sha256(machine.encode()).digest()[:4], "big")
    # 10.0.x is QEMU's default, and the network around the workstation most often.
    count = 255 * 256
    for step in range(count):
        number = (start + step) % count
        candidate = f"10.{1 + number // 256}.{number % 256}.0/24"
        if candidate not in taken:
            return candidate
    raise FlakeshipError("10.1.0.0/24 to 10.255.255.0/24 are taken", code="subnets-exhausted")
