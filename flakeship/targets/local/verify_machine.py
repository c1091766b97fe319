"""The checks of a machine on the workstation, through its forwarded ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.system.process import Shell
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local import condition, copies, guest, isolation, qemu_process
from flakeship.targets.local.resources import CutoverRequest, VerifyMachineRequest
from flakeship.verify import verify
from flakeship.verify.checks.verdict import refuse_failed
from flakeship.verify.console import File
from flakeship.verify.machine_checks import verify_data
from flakeship.verify.request import Route
from flakeship.verify.schedule import ScheduledCheck
from flakeship.verify.verify import NOT_SERVING, VerificationContext

ISOLATION = ScheduledCheck(isolation.NAME, isolation.isolation)
PATIENCE = 60.0  # seconds for a port to answer: its service starts only with the disk


class ForwardedPorts(Route):
    """The route to a machine whose ports QEMU forwards."""

    def open(self) -> AbstractContextManager[Route]:
        """Needs nothing."""
        return nullcontext(self)


def verify_machine(
    request: VerifyMachineRequest, pinned: Sequence[str], on_failure: str = NOT_SERVING
) -> Evidence:
    """Verify a running machine; as verify.verify, and FlakeshipError where QEMU has stopped it."""
    checks = [] if request.workstation_access else [ISOLATION]
    console = File(Path(request.console))
    context = VerificationContext(_route(request), console, checks, on_failure=on_failure)
    with named_stop(request):
        return verify.verify(request.verify, pinned, context)


@contextmanager
def named_stop(request: VerifyMachineRequest) -> Iterator[None]:
    """Name what QEMU says of a machine that does not run, before its checks and after they failed.

    Raises FlakeshipError: machine-elsewhere, machine-stopped, disk-full.
    """
    directory = Path(request.console).parent
    copies.refuse_elsewhere(directory)
    if stop := _stop(directory):
        raise stop
    try:
        yield
    except FlakeshipError as error:
        if stop := _stop(directory):
            stop.details = (error.what, *error.details)
            raise stop from error
        raise


def _stop(directory: Path) -> FlakeshipError | None:
    status = qemu_process.state(directory)
    runs = status in (condition.RUNNING, condition.SILENT)
    return None if runs else condition.stopped(directory, status)


def check_data(request: VerifyMachineRequest, shell: Shell) -> list[CheckResult]:
    """Run the checks that need data disks. Raises FlakeshipError (`checks-failed`)."""
    with named_stop(request):
        return _check_data(request, shell)


def _check_data(request: VerifyMachineRequest, shell: Shell) -> list[CheckResult]:
    machine = request.verify.machine
    results = verify_data(request.verify, _route(request), shell, PATIENCE)
    console = f"{machine} still runs; its console is in {request.console}"
    refuse_failed(machine, results, "checks with data disks", [console])
    return results


def repeat_data_checks(request: CutoverRequest) -> list[CheckResult]:
    """Run them once more on a cutover's machine, with a login of its own, where there are any."""
    if request.data_checks is None:
        return []
    with (
        named_stop(request.data_checks),
        guest.login(request.host.endpoint, request.host.host_keys) as shell,
    ):
        return _check_data(request.data_checks, shell)


def _route(request: VerifyMachineRequest) -> ForwardedPorts:
    return ForwardedPorts(LOOPBACK, request.ports, request.subnet, own=False)
