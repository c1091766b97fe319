"""Which checks a machine gets, when each of them runs, and running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from flakeship.model.checks import Check
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import Port, with_ssh
from flakeship.ssh.connection import Connection
from flakeship.system.process import Shell
from flakeship.verify.checks import addressing, disk, inside, listening, outside, probe
from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import judge
from flakeship.verify.request import Route, VerifyRequest

AT_ONCE = 4  # checks in `up`: sshd takes ten sessions on a connection, slow guests fewer

Phase = Literal["start", "up", "facts", "idle", "last"]
"""When a check runs.

`start`: at once, before the system has started; it may wait for the facts. `up`: when the system
has started, in parallel with the others of this phase. `facts`: on what the machine reports, once
all of `up` have ended. `idle`: after that, alone on the machine, so that its time is its own.
`last`: alone, after everything else.
"""


@dataclass(frozen=True)
class ScheduledCheck:
    """A check, and when it runs."""

    name: str
    phase: Phase
    run: Callable[[Subject], str]  # returns its evidence or raises Failed
    sections: tuple[str, ...] = ()  # of the probe, which it reads: they took its time


LISTENING = ("addresses", "links", "listeners", "nft")  # what tells who listens, and to whom
LISTENERS = ScheduledCheck("listeners", "facts", listening.listeners, ("listeners",))
REPORTED = (
    ScheduledCheck("toplevel", "facts", inside.toplevel, ("toplevel",)),
    ScheduledCheck("sudo", "facts", inside.sudo, ("sudo",)),
    ScheduledCheck("dhcp", "facts", addressing.dhcp, ("addresses",)),
    LISTENERS,
    ScheduledCheck("firewall", "facts", listening.firewall, ("nft", "iptables", "ip6tables")),
    ScheduledCheck("root-size", "facts", disk.root_size, ("root", "disks")),
    ScheduledCheck("system", "facts", inside.system, ("state", "failed")),
)


def schedule(
    request: VerifyRequest,
    connection: Connection,
    pinned: Sequence[str],
    extra: Sequence[ScheduledCheck],
    *,
    announced: bool,
) -> list[ScheduledCheck]:
    """The checks of a machine, in the order of the evidence; `extra` are its target's.

    `pinned` are the host keys of an earlier verification, `announced` whether the console has them.
    """
    ports = with_ssh([port for port in request.ports if not port.needs_data])
    host_key = partial(outside.host_key, connection, pinned, announced=announced)
    checks = [
        ScheduledCheck("host-key", "facts", lambda _: host_key()),
        ScheduledCheck("root-login", "start", lambda _: outside.root_login(connection)),
        ScheduledCheck(
            "password-login", "facts", lambda _: outside.password_login(connection.login)
        ),
        *_answering(ports, outside.PATIENCE),
        *REPORTED,
        *(check for check in extra if check.phase != "last"),
        *_of_nix(request),
        *(check for check in extra if check.phase == "last"),
        *_custom(request.checks),
    ]
    return [check for check in checks if check.name != "dhcp" or request.addressing != "none"]


def _of_nix(request: VerifyRequest) -> Iterator[ScheduledCheck]:
    """What Nix does in the machine; a target itself says that it activates nothing."""
    if request.promises.nix:
        yield ScheduledCheck("nix-build", "idle", inside.nix_build)
    else:
        yield ScheduledCheck("nix-build", "facts", partial(inside.not_promised, "rebuildable"))
    if request.promises.switch:
        yield ScheduledCheck("reactivation", "last", inside.reactivation)


def verify_data(
    request: VerifyRequest, route: Route, shell: Shell, patience: float
) -> list[CheckResult]:
    """Run the checks that needed the data disks, which the machine has now; return the evidence.

    `patience` is in seconds, for the ports: a service starts only with its disk.
    """
    checks = [
        *_answering([port for port in request.ports if port.needs_data], patience),
        LISTENERS,
        *_custom(request.checks),
    ]
    ports = [port.model_copy(update={"needs_data": False}) for port in request.ports]
    complete = replace(request, ports=ports)
    return run_checks(checks, complete, route, shell, patience, probing=False)


def run_checks(
    checks: Sequence[ScheduledCheck],
    request: VerifyRequest,
    route: Route,
    shell: Shell,
    patience: float,
    *,
    probing: bool = True,
    wait: float = probe.WAIT,
) -> list[CheckResult]:
    """Run checks, each in its phase, and return the evidence in their order.

    `patience` is in seconds, for services that start to listen late, `wait` for the system to have
    started. Without `probing` the machine is not asked for facts before its services have answered.
    Raises CommandError where it has none.
    """
    done: dict[ScheduledCheck, CheckResult] = {}

    def of(*phases: Phase) -> list[ScheduledCheck]:
        return [check for check in checks if check.phase in phases]

    def judged(check: ScheduledCheck, subject: Subject, took: int | None = None) -> CheckResult:
        return judge(check.name, partial(check.run, subject), took)

    with _threads(1 + len(of("start"))) as early, _threads(AT_ONCE) as pool:
        probed = early.submit(probe.run_all, shell, wait=wait) if probing else None
        subject = Subject(request, route, shell, probed.result if probed else Facts)
        started = {check: early.submit(judged, check, subject) for check in of("start")}
        reported = subject.facts()
        up = {check: pool.submit(judged, check, subject) for check in of("up")}
        done |= {check: result.result() for check, result in up.items()}
        if not probing:
            reported = probe.run_all(shell, *LISTENING)
        if listening.missing_listeners(reported, request):
            reported = listening.await_listeners(reported, request, shell, patience)
        subject = replace(subject, facts=lambda: reported)
        for check in of("facts", "idle"):
            took = reported.milliseconds(*check.sections) if check.sections else None
            done[check] = judged(check, subject, took)
        done |= {check: result.result() for check, result in started.items()}
    done |= {check: judged(check, subject) for check in of("last")}
    return [done[check] for check in checks]


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for checks. An interruption does not wait for them: cleaning up comes first."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _answering(ports: Iterable[Port], patience: float) -> Iterator[ScheduledCheck]:
    """The TCP ports, each in its own time; a UDP service need not answer."""

    def answers(port: Port, subject: Subject) -> str:
        return outside.answers_on(subject.route, port, patience)

    for port in sorted(ports, key=lambda port: port.port):
        if port.fixed and port.transport == "tcp":
            yield ScheduledCheck(f"port-{port.port}", "up", partial(answers, port))


def _custom(checks: Iterable[Check]) -> Iterator[ScheduledCheck]:
    for check in checks:
        yield ScheduledCheck(check.name, "up", partial(outside.custom, check))
