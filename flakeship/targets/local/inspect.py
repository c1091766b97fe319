"""Reads everything that planning needs from the workstation, without changing anything."""

from __future__ import annotations

from pathlib import Path

from flakeship.config.settings import AnySettings
from flakeship.ssh import keys
from flakeship.targets.local import ssh_config, workstation
from flakeship.targets.local.inspect_machine import inspect_machines
from flakeship.targets.local.inventory import LocalInventory, ServerState
from flakeship.targets.local.stack_files import StackFiles


def inspect(stack: str, settings: AnySettings) -> LocalInventory:
    """Inspect the workstation for a stack.

    Raises FlakeshipError for a machine's record that cannot be read, and SettingError where there
    is no key to log in with.
    """
    files = StackFiles(stack)
    declared = [port.host_port for server in settings.instances for port in server.ports]
    taken = [port for port in declared if port and not workstation.is_free(port)]
    machines = inspect_machines(files.machines)
    ours = {port for state in machines.values() for port in state.forwards}
    return LocalInventory(
        workstation=workstation.identity(),
        checkout=Path.cwd(),
        identity=keys.identity(settings.identity, settings.authorized_keys),
        machines=machines,
        servers=inspect_servers(files),
        held_ports={p: workstation.port_holder(p) for p in taken if p not in ours},
        dangling=frozenset(
            link.name for link in files.roots.glob("*") if link.is_symlink() and not link.exists()
        ),
    )


def inspect_servers(files: StackFiles) -> dict[str, ServerState]:
    """The servers that have an active machine, a number of a cutover or an entry in ssh_config."""
    blocks, hosts = ssh_config.blocks(files.ssh_config), ssh_config.hosts(files.ssh_config)
    active = [path.name for path in files.active("").glob("*")]
    counted = [path.name for path in files.generation("").glob("*")]
    return {
        server: ServerState(
            active=files.active_machine(server),
            generation=files.last_generation(server),
            ssh_block=blocks.get(server, ""),
            pinned=server in hosts and bool(hosts[server].host_keys),
        )
        for server in {*active, *counted, *blocks}
    }
