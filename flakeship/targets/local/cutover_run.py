"""Runs the steps of a cutover, and undoes them in reverse where one fails."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.system.files import write
from flakeship.targets.local import guest, hotplug, port_forwards, ssh_config
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
    Unforward,
)
from flakeship.targets.local.qmp import Monitor, connect
from flakeship.targets.local.requests import CutoverRequest
from flakeship.targets.local.running_machine import RunningMachine
from flakeship.targets.local.ssh_config import SshHost
from flakeship.targets.local.stack_files import forget


class Run:
    """One run of the steps; `machines` are the connected ones of the server, `former` its active.

    `checks` is the evidence of CheckDataDisks. `silence` is the longest time in seconds between
    the end of a port's forward to one machine and its forward to the next.
    """

    def __init__(
        self, request: CutoverRequest, former: str, machines: Mapping[str, RunningMachine]
    ) -> None:
        self.request = request
        self.former = former
        self.machines = machines
        self.checks: list[CheckResult] = []
        self.silence = 0.0
        self._released: dict[int, float] = {}

    def run(self, steps: Sequence[Step]) -> None:
        """Do every step, or undo those that began.

        Raises FlakeshipError (`cutover-failed`; `rollback-failed` where undoing failed too).
        """
        begun: list[Step] = []
        try:
            for step in steps:
                begun.append(step)  # before it is tried: it may fail half-way
                self._do(step.do)
        except BaseException as error:
            problems = self._undo(begun)
            if not isinstance(error, (FlakeshipError, OSError)):
                raise
            raise _failure(self.request, self.former, error, problems) from error

    def _undo(self, begun: Sequence[Step]) -> list[str]:
        """Undo every step, the last first, whatever fails; return what failed."""
        problems = []
        for action in (action for step in reversed(begun) for action in step.undo):
            try:
                self._do(action)
            except (FlakeshipError, OSError) as error:
                problems.append(str(error))
        return problems

    def _do(self, action: Action) -> None:
        files = self.request.files
        match action:
            case AttachDisk(machine, disk, file):
                hotplug.attach(self.machines[machine].monitor, disk, file)
                guest.mount(self.machines[machine].shell, disk)
            case DetachDisk(machine, disk):
                guest.unmount(self.machines[machine].shell, disk)
                hotplug.detach(self.machines[machine].monitor, disk)
            case Forward(machine, host_port, guest_port):
                with self._monitor(machine) as monitor:
                    port_forwards.place(monitor, host_port, guest_port)
                if host_port in self._released:
                    silence = time.monotonic() - self._released[host_port]
                    self.silence = max(self.silence, silence)
            case Unforward(machine, host_port):
                self._released[host_port] = time.monotonic()
                with self._monitor(machine) as monitor:
                    port_forwards.place(monitor, host_port, None)
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
                from flakeship.targets.local import data_disk_checks  # noqa: PLC0415

                new = self.machines[self.request.machine]
                self.checks = data_disk_checks.check(self.request.data_checks, new.shell)
            case SetGeneration(server, number):
                write(files.generation(server), f"{number}\n")

    def _monitor(self, machine: str) -> AbstractContextManager[Monitor]:
        """The connection to a machine; one to another server's machine ends at once."""
        if machine in self.machines:
            return nullcontext(self.machines[machine].monitor)
        return connect(self.request.files.machine(machine))


def _failure(
    request: CutoverRequest, former: str, error: Exception, problems: Sequence[str]
) -> FlakeshipError:
    """The error of a cutover: what failed, and which machine is active now."""
    what, *details = str(error).splitlines()
    active = former or "no machine"
    if problems:
        outcome = f"undoing it failed too, so {active} may not serve: {'; '.join(problems)}"
    elif former == request.machine:
        outcome = f"{active} is active as before; there is no former machine to go back to"
    else:
        outcome = f"{active} is active as before"
    return FlakeshipError(
        f"the cutover to {request.machine} failed: {what}",
        code="rollback-failed" if problems else "cutover-failed",
        key=request.server,
        details=[*details, outcome],
    )
