"""A running machine that a cut-over talks to: its QEMU, and its guest where disks move."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flakeship.ssh.options import Endpoint
from flakeship.system.process import Shell
from flakeship.targets.local import (
    guest,
    host,
    port_forwards,
    qemu_command,
    qemu_process,
    ssh_config,
)
from flakeship.targets.local.machine_record import MachineRecord, load
from flakeship.targets.local.qmp import Monitor, connect
from flakeship.targets.local.requests import CutoverRequest
from flakeship.verify import announced_keys
from flakeship.verify.console import File


@dataclass
class RunningMachine:
    """Its conversations; they end with `opened`."""

    saved: MachineRecord
    monitor: Monitor
    endpoint: Endpoint
    host_keys: tuple[str, ...]
    login: guest.Login
    opened: ExitStack

    _shell: Shell | None = None

    @property
    def shell(self) -> Shell:
        """A connection to the guest: made once and only when it is needed."""
        if self._shell is None:
            self._shell = self.opened.enter_context(self.login(self.endpoint, self.host_keys))
        return self._shell

    def declared(self) -> dict[int, int]:
        """The forwarded ports that it has for its server, beside those of its own."""
        return port_forwards.declared(self.monitor, self.saved)


def attach(
    request: CutoverRequest, machine: str, login: guest.Login, opened: ExitStack
) -> RunningMachine | None:
    """A machine to talk to; None where it does not run. One that hangs is ended: it serves nobody.

    Raises a FlakeshipError for a machine of another host.
    """
    directory = Path(request.directories, machine)
    saved = load(directory)
    if saved is None:
        return None
    host.refuse_foreign(machine, saved.lives_on)
    if not qemu_process.recovers(directory):
        qemu_process.end(directory, gently=True)
        return None
    name = ssh_config.names(Path(request.ssh_config)).get(request.server)
    if machine == request.machine:
        user, identity, keys = request.user, request.identity, tuple(request.host_keys)
    elif name and name.machine == machine:
        user, identity, keys = name.user, name.identity, name.host_keys
    else:
        keys = tuple(announced_keys.announced(File(directory / qemu_command.CONSOLE)))
        user, identity = request.user, request.identity
    endpoint = Endpoint(machine, host.LOOPBACK, saved.ports[22], user, identity)
    monitor = opened.enter_context(connect(directory))
    return RunningMachine(saved, monitor, endpoint, keys, login, opened)
