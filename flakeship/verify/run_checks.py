"""Runs the checks of a machine, each in its phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.system.process import Shell
from flakeship.verify.checks import inside, probe
from flakeship.verify.checks.facts import Facts
from flakeship.verify.checks.scheduled import Phase, ScheduledCheck, Subject
from flakeship.verify.checks.verdict import judge
from flakeship.verify.request import VerifyRequest
from flakeship.verify.route import Route

AT_ONCE = 4
"""Checks of a system that is up at the same time: sshd takes ten sessions on a connection, slow
guests fewer."""


def run_checks(
    schedule: Sequence[ScheduledCheck],
    request: VerifyRequest,
    route: Route,
    shell: Shell,
    patience: float,
    *,
    probing: bool = True,
) -> list[CheckResult]:
    """Run the checks of a schedule and return the evidence in its order.

    `patience` is in seconds, for services that start to listen late. Without `probing` the machine
    is not asked for facts before its services have answered. Raises CommandError where it has none.
    """
    done: dict[ScheduledCheck, CheckResult] = {}

    def of(*phases: Phase) -> list[ScheduledCheck]:
        return [check for check in schedule if check.phase in phases]

    def alone(check: ScheduledCheck, subject: Subject) -> None:
        took = subject.facts().milliseconds(*check.sections) if check.sections else None
        done[check] = judge(check.name, partial(check.run, subject), took)

    with _threads(1 + len(of("start"))) as early, _threads(AT_ONCE) as pool:
        probed = early.submit(_probe, shell) if probing else None
        subject = Subject(request, route, shell, probed.result if probed else Facts)
        started = {c: early.submit(judge, c.name, partial(c.run, subject)) for c in of("start")}
        reported = subject.facts()
        up = {c: pool.submit(judge, c.name, partial(c.run, subject)) for c in of("up")}
        done |= {check: result.result() for check, result in up.items()}
        if not probing or inside.missing_listeners(reported, request):
            reported = inside.await_listeners(reported, request, shell, patience)
        subject = replace(subject, facts=lambda: reported)
        for check in of("facts", "idle"):
            alone(check, subject)
        done |= {check: result.result() for check, result in started.items()}
    for check in of("last"):
        alone(check, subject)
    return [done[check] for check in schedule]


def refuse_failed(
    machine: str, results: Sequence[CheckResult], kind: str = "checks", details: Sequence[str] = ()
) -> None:
    """Raise FlakeshipError where checks have failed, with a line for each and these details."""
    failed = [result for result in results if not result.passed]
    if failed:
        raise FlakeshipError(
            f"{len(failed)} of {len(results)} {kind} failed",
            code="checks-failed",
            key=machine,
            details=[*(f"  ✗ {each.name}: {each.detail}" for each in failed), *details],
        )


def _probe(shell: Shell) -> Facts:
    reported = probe.run(shell)
    if not reported.nft:
        reported = reported.updated(probe.run(shell, "iptables", "ip6tables"))
    return reported


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
