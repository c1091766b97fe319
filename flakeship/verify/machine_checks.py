"""Which checks a machine gets, and what each of them needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from flakeship.model.checks import Check
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import Port, with_ssh
from flakeship.ssh.connection import Connection
from flakeship.system.process import Shell
from flakeship.verify.checks import addressing, disk, inside, listening, outside, probe
from flakeship.verify.checks.facts import Subject
from flakeship.verify.request import Route, VerifyRequest
from flakeship.verify.schedule import FACTS, SERVICES, Schedule, ScheduledCheck, run_checks

LISTENING = ("addresses", "links", "listeners", "nft")  # the sections of who listens, and to whom
LISTENERS = ScheduledCheck("listeners", listening.listeners, [SERVICES], ("listeners",))
REPORTED = (
    ScheduledCheck("toplevel", inside.toplevel, [FACTS], ("toplevel",)),
    ScheduledCheck("sudo", inside.sudo, [FACTS], ("sudo",)),
    ScheduledCheck("dhcp", addressing.dhcp, [FACTS], ("addresses",)),
    LISTENERS,
    ScheduledCheck("firewall", listening.firewall, [SERVICES], ("nft", "iptables", "ip6tables")),
    ScheduledCheck("root-size", disk.root_size, [FACTS], ("root", "disks")),
    ScheduledCheck("system", inside.system, [FACTS], ("state", "failed")),
)


def of_machine(
    request: VerifyRequest,
    connection: Connection,
    pinned: Sequence[str],
    extra: Sequence[ScheduledCheck],
    *,
    announced: Callable[[], str],
    wait: float = probe.WAIT,
) -> Schedule:
    """The schedule of a whole verification; `extra` are the target's own checks.

    `pinned` are the host keys of an earlier verification, `announced` tells where they are
    announced now, if anywhere: that may be a call to a cloud, for which nothing else waits. `wait`
    is in seconds, for the system to have started.

    Two checks change the machine. `nix-build` starts the daemon and its builders, and adds a store
    path: no fact, no port and no login depends on it, but a command of the users may look at
    anything. `reactivation` starts what does not run, resets what has failed, and may restart what
    all others ask.
    """
    ports = with_ssh([port for port in request.ports if not port.needs_data])
    answering = _answering(ports, outside.PATIENCE, [FACTS])
    custom = _custom(request.checks, [FACTS])
    commands = [check.name for check in request.checks if check.run]

    def host_key(_: Subject) -> str:
        return outside.host_key(connection, pinned, announced=announced())

    before = [
        ScheduledCheck("host-key", host_key),
        ScheduledCheck("root-login", lambda _: outside.root_login(connection)),
        ScheduledCheck("password-login", lambda _: outside.password_login(connection.login)),
        *answering,
        *(check for check in REPORTED if check.name != "dhcp" or request.addressing != "none"),
        *extra,
        _nix_build(request, commands),
    ]
    last = []
    if request.promises.switch:  # of another host a target itself says that it activates nothing
        others = [check.name for check in (*before, *custom)]
        last.append(ScheduledCheck("reactivation", inside.reactivation, others))
    return Schedule(
        [*before, *last, *custom],
        partial(probe.run_all, connection, wait=wait),
        outside.PATIENCE,
        services=[check.name for check in answering],
    )


def _nix_build(request: VerifyRequest, needs: Sequence[str]) -> ScheduledCheck:
    if request.promises.nix:
        return ScheduledCheck("nix-build", inside.nix_build, needs)
    return ScheduledCheck("nix-build", partial(inside.not_promised, "rebuildable"))


def verify_data(
    request: VerifyRequest, route: Route, shell: Shell, patience: float
) -> list[CheckResult]:
    """Run the checks that needed the data disks, which the machine has now; return the evidence.

    `patience` is in seconds, for the ports: a service starts only with its disk.
    """
    answering = _answering([port for port in request.ports if port.needs_data], patience)
    custom = _custom(request.checks)
    ports = [port.model_copy(update={"needs_data": False}) for port in request.ports]
    return run_checks(
        Schedule(
            [*answering, LISTENERS, *custom],
            partial(probe.run_all, shell, *LISTENING),
            patience,
            probe_needs=[check.name for check in (*answering, *custom)],
        ),
        replace(request, ports=ports),
        route,
        shell,
    )


def _answering(
    ports: Iterable[Port], patience: float, needs: Sequence[str] = ()
) -> list[ScheduledCheck]:
    """The TCP ports, each in its own time; a UDP service need not answer."""

    def answers(port: Port, subject: Subject) -> str:
        return outside.answers_on(subject.route, port, patience)

    return [
        ScheduledCheck(f"port-{port.port}", partial(answers, port), needs)
        for port in sorted(ports, key=lambda port: port.port)
        if port.fixed and port.transport == "tcp"
    ]


def _custom(checks: Iterable[Check], needs: Sequence[str] = ()) -> list[ScheduledCheck]:
    return [ScheduledCheck(each.name, partial(outside.custom, each), needs) for each in checks]
