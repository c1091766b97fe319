"""Reads everything that planning needs from the workstation, without changing anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flakeship.config.settings import AnySettings
from flakeship.model.machine import SERVER
from flakeship.ssh import keys
from flakeship.ssh.options import quoted
from flakeship.system import tcp
from flakeship.system.files import STATE
from flakeship.targets.local import condition, ssh_config, workstation
from flakeship.targets.local.machine_state import MachineState, inspect_machines
from flakeship.targets.local.stack_files import StackFiles
from flakeship.targets.local.workstation import Holder


@dataclass(frozen=True)
class ServerState:
    """A server's active machine, the number of its last cutover (None: no record of one), and the
    text of its entry in ssh_config; `pinned` means that known_hosts has keys for that entry."""

    active: str = ""
    generation: int | None = None
    ssh_block: str = ""
    pinned: bool = False


@dataclass(frozen=True)
class LocalInventory:
    """A stack's machines by id and its servers by name, and what else planning needs.

    Relative paths start from the absolute `checkout`. The private key file `identity` logs in
    (empty: the user's agent).
    """

    workstation: str
    checkout: Path
    identity: str
    machines: Mapping[str, MachineState] = field(default_factory=dict)
    servers: Mapping[str, ServerState] = field(default_factory=dict)
    # host ports of other processes, and of machines beyond this stack
    held_ports: Mapping[int, Holder] = field(default_factory=dict)
    # the host ports that this user may not listen on, with the first that it may
    privileged: Mapping[int, int] = field(default_factory=dict)
    data_disks: frozenset[tuple[str, str]] = frozenset()  # whose files exist, by server and name
    memory: int = 0  # of the workstation with its swap space, in MiB; 0: unknown
    cpus: int = 0  # 0: unknown
    free_disk: int | None = None  # MiB that the disk of .state has left


def inspect(stack: str, settings: AnySettings) -> LocalInventory:
    """Inspect the workstation for a stack. Raises FlakeshipError for an unreadable record.

    Also for a checkout or identity whose path ssh cannot be given (`path-unusable`).
    """
    files = StackFiles(stack)
    quoted(Path.cwd(), "the path of this checkout")
    declared = [port.host_port for server in settings.instances for port in server.ports]
    refused = {port: tcp.refusal(port) for port in declared if port}
    taken = [port for port, reason in refused.items() if reason]
    machines = inspect_machines(files)
    ours = {port for state in machines.values() for port in state.forwards}
    return LocalInventory(
        workstation=workstation.identity(),
        checkout=Path.cwd(),
        identity=keys.identity(settings.identity, settings.authorized_keys),
        machines=machines,
        servers=_servers(files),
        held_ports={p: workstation.port_holder(p) for p in taken if p not in ours},
        privileged={
            port: workstation.first_port()
            for port, reason in refused.items()
            if isinstance(reason, PermissionError)
        },
        data_disks=frozenset(
            (path.parent.name, path.stem) for path in files.disks.glob("*/*.qcow2")
        ),
        memory=workstation.memory(),
        cpus=workstation.cpus(),
        free_disk=condition.free(Path(STATE)),
    )


def _servers(files: StackFiles) -> dict[str, ServerState]:
    """The servers that have an active machine, a number of a cutover or an entry in ssh_config."""
    blocks, hosts = ssh_config.blocks(files.ssh_config), ssh_config.hosts(files.ssh_config)
    records = [
        path
        for path in (*files.active("").glob("*"), *files.generation("").glob("*"))
        if re.fullmatch(SERVER, path.name)
    ]
    return {
        server: ServerState(
            active=files.active_machine(server),
            generation=files.last_generation(server),
            ssh_block=blocks.get(server, ""),
            pinned=server in hosts and bool(hosts[server].host_keys),
        )
        for server in {*hosts, *(path.name for path in records)}
    }
