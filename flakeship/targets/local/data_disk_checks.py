"""The checks of a machine that has got its data disks: the last step of a cut-over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from flakeship.model.evidence import CheckResult
from flakeship.ssh.options import Endpoint
from flakeship.system.process import Shell
from flakeship.targets.local import guest, host
from flakeship.targets.local.requests import CutoverRequest, VerifyMachineRequest
from flakeship.targets.local.verify_machine import route
from flakeship.verify.run_checks import refuse_failed
from flakeship.verify.schedule import verify_data

PATIENCE = 60.0
"""Seconds for a port to answer: its service starts only with the disk."""


def check(asked: VerifyMachineRequest | None, shell: Callable[[], Shell]) -> list[CheckResult]:
    """Run the checks that need data disks; `shell` logs in, and is called only where there are any.

    Raises FlakeshipError with the checks that failed.
    """
    if asked is None:
        return []
    machine = asked.verify.machine
    results = verify_data(asked.verify, route(asked), shell(), PATIENCE)
    console = f"{machine} still runs; its console is in {asked.console}."
    refuse_failed(machine, results, "checks with data disks", [console])
    return results


def again(request: CutoverRequest) -> list[CheckResult]:
    """The same on the machine that a cut-over has moved to, with a login of its own."""
    endpoint = Endpoint(
        request.machine, host.LOOPBACK, request.ssh_port, request.user, request.identity
    )
    with ExitStack() as opened:
        login = guest.login(endpoint, request.host_keys)
        return check(request.serving, lambda: opened.enter_context(login))
