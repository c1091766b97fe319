"""The checks of a machine that has got its data disks: the last step of a cut-over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import Port
from flakeship.ssh.options import Endpoint
from flakeship.system.process import Shell
from flakeship.targets.local import guest, host
from flakeship.targets.local.requests import CutoverRequest, VerifyMachineRequest
from flakeship.verify.checks import custom, inside, outside
from flakeship.verify.checks.facts import Facts
from flakeship.verify.checks.verdict import judge
from flakeship.verify.route import Route

PATIENCE = 60.0
"""Seconds that a port has to answer: what serves it starts only with the disk."""

AT_ONCE = 4
"""As in the verification."""


def check(asked: VerifyMachineRequest | None, shell: Callable[[], Shell]) -> list[CheckResult]:
    """Run what has waited for the data disks; `shell` logs in, and is not called for nothing.

    Raises FlakeshipError with the checks that failed.
    """
    if asked is None:
        return []
    login, request = shell(), asked.verify
    route = Route(host.LOOPBACK, asked.ports, asked.subnet, own=False)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [
            pool.submit(judge, f"port-{p.port}", partial(outside.port, route, p, PATIENCE))
            for p in request.ports
            if p.needs_data and p.protocol != "udp"
        ]
        own = [
            pool.submit(judge, each.name, partial(custom.check, each, route, login))
            for each in request.checks
        ]
    # after the ports have answered, and nothing waits any more
    all_of_it = replace(
        request, ports=[Port(port=p.port, protocol=p.protocol) for p in request.ports]
    )
    known = inside.listened(Facts(), all_of_it, login, PATIENCE)
    checks = [
        *(answer.result() for answer in answers),
        judge("listeners", partial(inside.listeners, known, all_of_it)),
        *(check.result() for check in own),
    ]
    failed = [check for check in checks if not check.passed]
    if failed:
        count = f"{len(failed)} of {len(checks)} checks"
        lines = [f"{count} of {request.machine} with its data disks failed"]
        lines += [f"  ✗ {check.name}: {check.detail}" for check in failed]
        lines += [f"{request.machine} still runs; its console is in {asked.console}."]
        raise FlakeshipError("\n".join(lines))
    return checks


def again(request: CutoverRequest) -> list[CheckResult]:
    """The same on the machine that a cut-over has moved to, with a login of its own."""
    endpoint = Endpoint(
        request.machine, host.LOOPBACK, request.ssh_port, request.user, request.identity
    )
    with ExitStack() as opened:
        login = guest.login(endpoint, request.host_keys)
        return check(request.serving, lambda: opened.enter_context(login))
