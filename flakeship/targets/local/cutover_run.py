"""Runs the steps of a cutover on connected machines, and undoes them where one fails."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import SSH
from flakeship.system.files import write
from flakeship.system.process import Shell
from flakeship.targets.local import guest, qemu_devices, qemu_process, ssh_config, workstation
from flakeship.targets.local.console import FILE
from flakeship.targets.local.cutover_steps import (
    Action,
    AttachDisk,
    CheckDataDisks,
    DetachDisk,
    Forward,
    SetActive,
    SetGeneration,
    SetSshHost,
    Step,
)
from flakeship.targets.local.machine_state import MachineRecord, MachineState, load, machine_state
from flakeship.targets.local.qmp import Qmp, connect
from flakeship.targets.local.resources import CutoverRequest
from flakeship.targets.local.ssh_config import SshHost
from flakeship.targets.local.stack_files import forget
from flakeship.verify.console import File, announced_keys


@dataclass
class RunningMachine:
    """A machine as it was when the cutover began; its connections end with `opened`."""

    state: MachineState
    monitor: Qmp
    host: SshHost
    opened: ExitStack

    @cached_property
    def shell(self) -> Shell:
        """A connection to the guest, made when it is first needed."""
        return self.opened.enter_context(guest.login(self.host.endpoint, self.host.host_keys))


def connect_machine(
    request: CutoverRequest, machine: str, opened: ExitStack
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
    state = machine_state(monitor, record)
    return RunningMachine(state, monitor, _host(request, record), opened)


def _host(request: CutoverRequest, record: MachineRecord) -> SshHost:
    """How to log in to a machine: by the request, by ssh_config, or with its console's keys."""
    entry = ssh_config.hosts(request.files.ssh_config).get(request.server)
    if record.id == request.machine:
        host = request.host
    elif entry and entry.machine == record.id:
        host = entry
    else:
        console = File(request.files.machine(record.id) / FILE)
        keys = tuple(announced_keys(console))
        host = replace(request.host, machine=record.id, host_keys=keys)
    return replace(host, port=record.ports[SSH])


@dataclass
class Run:
    """One run of the steps; `machines` are the connected ones of the server, `former` its active.

    `checks` is the evidence of CheckDataDisks. `silence` is the longest time in seconds between
    the end of a port's forward to one machine and its forward to the next.
    """

    request: CutoverRequest
    former: str
    machines: Mapping[str, RunningMachine]
    checks: list[CheckResult] = field(default_factory=list)
    silence: float = 0.0
    _released: dict[int, float] = field(default_factory=dict)

    def run(self, steps: Sequence[Step]) -> None:
        """Do every step, or undo those that began, the last first.

        Raises FlakeshipError (`cutover-failed`; `rollback-failed` where undoing failed too).
        """
        begun: list[Step] = []
        try:
            for step in steps:
                begun.append(step)  # before it is tried: it may fail half-way
                self._do(step.do)
        except BaseException as error:
            problems = []
            for action in (action for step in reversed(begun) for action in step.undo):
                try:
                    self._do(action)
                except (FlakeshipError, OSError) as problem:
                    problems.append(str(problem))
            if not isinstance(error, (FlakeshipError, OSError)):
                raise
            raise self._failure(error, problems) from error

    def _do(self, action: Action) -> None:
        files = self.request.files
        match action:
            case AttachDisk(machine, disk, file):
                qemu_devices.attach(self.machines[machine].monitor, disk, file)
                guest.mount(self.machines[machine].shell, disk)
            case DetachDisk(machine, disk):
                guest.unmount(self.machines[machine].shell, disk)
                qemu_devices.detach(self.machines[machine].monitor, disk)
            case Forward(machine, host_port, guest_port):
                if guest_port is None:
                    self._released[host_port] = time.monotonic()
                with self._monitor(machine) as monitor:
                    qemu_devices.forward(monitor, host_port, guest_port)
                if guest_port and host_port in self._released:
                    silence = time.monotonic() - self._released[host_port]
                    self.silence = max(self.silence, silence)
            case SetSshHost(server, None):
                ssh_config.remove(files.ssh_config, server)
            case SetSshHost(_, SshHost() as host):
                ssh_config.put(files.ssh_config, host)
            case SetActive(server, ""):
                forget(files.active(server))
            case SetActive(server, machine):
                write(files.active(server), f"{machine}\n")
            case CheckDataDisks() if self.request.data_checks:
                # few cutovers have such checks, and importing them takes a while
                from flakeship.targets.local import verify_machine  # noqa: PLC0415

                shell = self.machines[self.request.machine].shell
                self.checks = verify_machine.check_data(self.request.data_checks, shell)
            case SetGeneration(server, number):
                write(files.generation(server), f"{number}\n")

    def _monitor(self, machine: str) -> AbstractContextManager[Qmp]:
        """The connection to a machine; one to another server's machine ends at once."""
        if machine in self.machines:
            return nullcontext(self.machines[machine].monitor)
        return connect(self.request.files.machine(machine))

    def _failure(self, error: Exception, problems: Sequence[str]) -> FlakeshipError:
        what, *details = str(error).splitlines()
        active = self.former or "no machine"
        if problems:
            outcome = f"undoing it failed too, so {active} may not serve: {'; '.join(problems)}"
        elif self.former == self.request.machine:
            outcome = f"{active} is active as before; there is no former machine to go back to"
        else:
            outcome = f"{active} is active as before"
        return FlakeshipError(
            f"the cutover to {self.request.machine} failed: {what}",
            code="rollback-failed" if problems else "cutover-failed",
            key=self.request.server,
            details=[*details, outcome],
        )
