"""Which checks a machine gets, and when each of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from flakeship.model.checks import Check
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import Port, with_ssh
from flakeship.ssh.connection import Connection
from flakeship.system.process import Shell
from flakeship.verify.checks import custom, inside, nix_build, outside, reactivation
from flakeship.verify.checks.scheduled import ScheduledCheck
from flakeship.verify.request import VerifyRequest
from flakeship.verify.route import Route
from flakeship.verify.run_checks import run_checks


def schedule(
    request: VerifyRequest,
    connection: Connection,
    pinned: Sequence[str],
    extra: Sequence[ScheduledCheck] = (),
    *,
    announced: bool = True,
) -> list[ScheduledCheck]:
    """The checks of a machine, in the order of the evidence; `extra` are its target's.

    `pinned` are the host keys of an earlier verification; `announced`: the console still has
    their announcement.
    """
    ports = with_ssh([port for port in request.ports if not port.needs_data])
    checks = [
        ScheduledCheck(
            "host-key",
            "facts",
            lambda _: outside.host_key(connection, pinned, announced=announced),
        ),
        ScheduledCheck("root-login", "start", lambda _: outside.root_login(connection)),
        ScheduledCheck(
            "password-login", "facts", lambda _: outside.password_login(connection.login)
        ),
        *_answering(ports, outside.PATIENCE),
        *inside.CHECKS,
        *(check for check in extra if check.phase != "last"),
        ScheduledCheck("nix-build", "idle", nix_build.check),
        ScheduledCheck("reactivation", "last", reactivation.check),
        *(check for check in extra if check.phase == "last"),
        *_custom(request.checks),
    ]
    skipped = _not_promised(request)
    return [check for check in checks if check.name not in skipped]


def verify_data(
    request: VerifyRequest, route: Route, shell: Shell, patience: float
) -> list[CheckResult]:
    """Run the checks that needed the data disks, which the machine has now; return the evidence.

    `request.checks` are those that need them. `patience` is in seconds, for the ports: a service
    starts only with its disk.
    """
    checks = [
        *_answering([port for port in request.ports if port.needs_data], patience),
        inside.LISTENERS,
        *_custom(request.checks),
    ]
    ports = [Port(port=port.port, protocol=port.protocol) for port in request.ports]
    complete = replace(request, ports=ports)
    return run_checks(checks, complete, route, shell, patience, probing=False)


def _answering(ports: Iterable[Port], patience: float) -> Iterator[ScheduledCheck]:
    """The TCP ports; a UDP service need not answer."""
    for port in sorted(ports, key=lambda port: port.port):
        if port.transport == "tcp":
            run = partial(outside.answers, port, patience)
            yield ScheduledCheck(f"port-{port.port}", "up", run)


def _custom(checks: Iterable[Check]) -> Iterator[ScheduledCheck]:
    for check in checks:
        yield ScheduledCheck(check.name, "up", partial(custom.run, check))


def _not_promised(request: VerifyRequest) -> set[str]:
    """The checks of what the host does not promise."""
    promised = {
        "dhcp": request.addressing == "dhcp",
        "nix-build": request.promises.nix,
        "reactivation": request.promises.switch,
    }
    return {name for name, holds in promised.items() if not holds}
