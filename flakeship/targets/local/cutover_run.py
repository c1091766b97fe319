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
from flakeship.targets.local import (
    disk_snapshots,
    guest,
    qemu_devices,
    qemu_process,
    ssh_config,
    workstation,
)
from flakeship.targets.local.console import FILE
from flakeship.targets.local.cutover_steps import (
    Action,
    AttachDisk,
    CheckDataDisks,
    DetachDisk,
    Forward,
    RestoreSnapshot,
    SetActive,
    SetGeneration,
    SetSshHost,
    Step,
    TakeSnapshot,
)
from flakeship.targets.local.machine_state import MachineRecord, MachineState, load, machine_state
from flakeship.targets.local.qmp import Qmp, connect
from flakeship.targets.local.resources import CutoverRequest, VerifyMachineRequest
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

    `former_checks` are those with data disks that `former` passed in its own cutover.
    `checks` is the evidence of CheckDataDisks. `silence` is the longest time in seconds between
    the end of a port's forward to one machine and its forward to the next.
    """

    request: CutoverRequest
    former: str
    machines: Mapping[str, RunningMachine]
    former_checks: VerifyMachineRequest | None = None
    task: str = ""  # what is done, where it is no cutover
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
            failed = [] if problems else self._former_fails()
            raise self._failure(error, problems, failed) from error

    def _do(self, action: Action) -> None:
        files = self.request.files
        match action:
            case AttachDisk(machine, disk, file, owner, mode):
                qemu_devices.attach(self.machines[machine].monitor, disk, file)
                guest.mount(self.machines[machine].shell, disk, owner, mode)
            case DetachDisk(machine, disk):
                guest.unmount(self.machines[machine].shell, disk)
                qemu_devices.detach(self.machines[machine].monitor, disk)
            case TakeSnapshot() | RestoreSnapshot():
                _snapshot(action)
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
                self.checks = self._check(self.request.machine, self.request.data_checks)
            case SetGeneration(server, number):
                write(files.generation(server), f"{number}\n")

    def _check(self, machine: str, checks: VerifyMachineRequest) -> list[CheckResult]:
        # few cutovers have such checks, and importing them takes a while
        from flakeship.targets.local import verify_machine  # noqa: PLC0415

        running = self.machines[machine]
        assert running.state.record
        return verify_machine.check_data(
            replace(checks, ports=running.state.record.ports), running.shell
        )

    def _former_fails(self) -> list[str]:
        """What the former machine's own checks say, once it has its data disks back."""
        if not self.former_checks or self.former not in self.machines:
            return []
        try:
            self._check(self.former, self.former_checks)
        except (FlakeshipError, OSError) as error:
            return str(error).splitlines()
        return []

    def _monitor(self, machine: str) -> AbstractContextManager[Qmp]:
        """The connection to a machine; one to another server's machine ends at once."""
        if machine in self.machines:
            return nullcontext(self.machines[machine].monitor)
        return connect(self.request.files.machine(machine))

    def _failure(
        self, error: Exception, problems: Sequence[str], failed: Sequence[str]
    ) -> FlakeshipError:
        what, *details = str(error).splitlines()
        active = self.former or "no machine"
        if problems:
            outcome = f"undoing it failed too, so {active} may not serve: {'; '.join(problems)}"
        elif failed:
            outcome = f"{active} has everything back, but DOES NOT SERVE: its own checks fail"
        elif self.task:
            outcome = f"{active} has the disk as it was before"
        elif self.former == self.request.machine:
            outcome = f"{active} is active as before; there is no former machine to go back to"
        else:
            again = " and passes its checks with data disks" if self.former_checks else ""
            outcome = f"{active} is active as before{again}"
        return FlakeshipError(
            f"{self.task or f'the cutover to {self.request.machine}'} failed: {what}",
            code="rollback-failed" if problems or failed else "cutover-failed",
            key=self.request.server,
            details=[*details, outcome, *(f"  {line}" for line in failed)],
        )


def _snapshot(action: TakeSnapshot | RestoreSnapshot) -> None:
    match action:
        case TakeSnapshot(file, name, keep):
            disk_snapshots.take(file, name, keep)
        case RestoreSnapshot(file, name, keep):
            disk_snapshots.restore(file, name, keep=keep)
