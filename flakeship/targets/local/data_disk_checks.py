"""The checks of a machine that has its data disks now: the last step of a cutover."""

from __future__ import annotations

from flakeship.model.evidence import CheckResult
from flakeship.system.process import Shell
from flakeship.targets.local import guest
from flakeship.targets.local.requests import CutoverRequest, VerifyMachineRequest
from flakeship.targets.local.verify_machine import route
from flakeship.verify.checks.verdict import refuse_failed
from flakeship.verify.schedule import verify_data

PATIENCE = 60.0
"""Seconds for a port to answer: its service starts only with the disk."""


def check(request: VerifyMachineRequest, shell: Shell) -> list[CheckResult]:
    """Run the checks that need data disks. Raises FlakeshipError (`checks-failed`)."""
    machine = request.verify.machine
    results = verify_data(request.verify, route(request), shell, PATIENCE)
    console = f"{machine} still runs; its console is in {request.console}"
    refuse_failed(machine, results, "checks with data disks", [console])
    return results


def repeat(request: CutoverRequest) -> list[CheckResult]:
    """Run them once more on a cutover's machine, with a login of its own, where there are any."""
    if request.data_checks is None:
        return []
    with guest.login(request.host.endpoint, request.host.host_keys) as shell:
        return check(request.data_checks, shell)
