"""A cutover's connections to a running machine: to its QEMU and, where disks move, its guest."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from flakeship.model.ports import SSH
from flakeship.system.process import Shell
from flakeship.targets.local import (
    guest,
    inspect_machine,
    qemu_command,
    qemu_process,
    ssh_config,
    workstation,
)
from flakeship.targets.local.inventory import MachineState
from flakeship.targets.local.machine_record import MachineRecord, load
from flakeship.targets.local.qmp import Monitor, connect
from flakeship.targets.local.requests import CutoverRequest
from flakeship.targets.local.ssh_config import SshHost
from flakeship.verify.console import File, announced_keys


@dataclass
class RunningMachine:
    """A machine as it was when the cutover began; its connections end with `opened`."""

    state: MachineState
    monitor: Monitor
    host: SshHost
    login: guest.Login
    opened: ExitStack

    _shell: Shell | None = None

    @property
    def shell(self) -> Shell:
        """A connection to the guest, made when it is first needed."""
        if self._shell is None:
            login = self.login(self.host.endpoint, self.host.host_keys)
            self._shell = self.opened.enter_context(login)
        return self._shell


def connect_machine(
    request: CutoverRequest, machine: str, login: guest.Login, opened: ExitStack
) -> RunningMachine | None:
    """Connect to a machine; None where it does not run. One that hangs is ended.

    Raises FlakeshipError for a machine of another workstation (`workstation-mismatch`).
    """
    directory = request.files.machine(machine)
    record = load(directory)
    if record is None:
        return None
    workstation.require(record.workstation, machine)
    if not qemu_process.recovers(directory):
        qemu_process.end(directory, gently=True)
        return None
    monitor = opened.enter_context(connect(directory))
    state = inspect_machine.machine_state(monitor, record)
    return RunningMachine(state, monitor, _host(request, record), login, opened)


def _host(request: CutoverRequest, record: MachineRecord) -> SshHost:
    """How to log in to a machine: by the request, by ssh_config, or with its console's keys."""
    entry = ssh_config.hosts(request.files.ssh_config).get(request.server)
    if record.id == request.machine:
        host = request.host
    elif entry and entry.machine == record.id:
        host = entry
    else:
        console = File(request.files.machine(record.id) / qemu_command.CONSOLE)
        keys = tuple(announced_keys(console))
        host = replace(request.host, machine=record.id, host_keys=keys)
    return replace(host, port=record.ports[SSH])
