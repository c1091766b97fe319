"""Checks, what each of them needs, and running them side by side."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

from flakeship.model.evidence import CheckResult
from flakeship.system.process import Shell
from flakeship.system.waiting import Waiting
from flakeship.verify.checks import listening
from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import judge
from flakeship.verify.request import Route, VerifyRequest

log = logging.getLogger(__name__)

AT_ONCE = 6  # sshd takes ten sessions on a connection, slow guests fewer
FACTS = "the system's start"  # and what the machine reports then
SERVICES = "its services"  # and what it reports once they have answered, and listen


@dataclass(frozen=True)
class ScheduledCheck:
    """A check, and what has to be there before it runs: FACTS, SERVICES, checks that have ended.

    One that needs nothing runs at once, beside the system's start; it may wait for the facts. One
    that changes the machine needs every check that it could falsify.
    """

    name: str
    run: Callable[[Subject], str]  # returns its evidence or raises Failed
    needs: Sequence[str] = ()
    sections: tuple[str, ...] = ()  # of the probe, which it reads: they took its time


@dataclass(frozen=True)
class Schedule:
    """The checks of a machine in the order of the evidence, and when it is asked for the facts."""

    checks: Sequence[ScheduledCheck]
    probe: Callable[[], Facts]
    patience: float  # seconds for services to listen that no check has waited for
    probe_needs: Sequence[str] = ()
    services: Sequence[str] = ()  # the checks that wait for a service each

    def __post_init__(self) -> None:
        if len({check.name for check in self.checks}) < len(self.checks):
            raise ValueError("two checks have one name")


def run_checks(
    schedule: Schedule,
    request: VerifyRequest,
    route: Route,
    shell: Shell,
    watch: Callable[[], object] = str,
) -> list[CheckResult]:
    """Run each check as soon as what it needs is there, beside the others; return the evidence.

    Two steps that are no checks ask the machine for facts: FACTS and SERVICES. Raises CommandError
    where it reports none, and ValueError or KeyError where checks need each other or nobody.
    `watch` is called meanwhile, and may raise where no check can pass any more.
    """
    futures: dict[str, Future[Any]] = {}

    def first_facts() -> Facts:
        facts: Facts = futures[FACTS].result()
        return facts

    def started() -> bool:
        return FACTS in futures and futures[FACTS].done()

    def with_services() -> Facts:
        facts = first_facts()
        if listening.missing_listeners(facts, request):
            return listening.await_listeners(facts, request, shell, schedule.patience)
        return facts

    def judged(check: ScheduledCheck) -> CheckResult:
        facts = futures[SERVICES].result if SERVICES in check.needs else first_facts
        took = facts().milliseconds(*check.sections) if check.sections else None
        subject = Subject(request, route, shell, facts, started)
        return judge(check.name, partial(check.run, subject), took)

    steps = {FACTS: schedule.probe, SERVICES: with_services}
    checks = {check.name: partial(judged, check) for check in schedule.checks}
    order = TopologicalSorter(
        {FACTS: schedule.probe_needs, SERVICES: [FACTS, *schedule.services]}
        | {check.name: check.needs for check in schedule.checks}
    )
    order.prepare()
    waiting = Waiting(f"{request.machine}: not done")
    with _threads(AT_ONCE) as pool:
        running: dict[Future[Any], str] = {}
        while order.is_active():
            for name in order.get_ready():
                futures[name] = pool.submit(steps.get(name) or checks[name])
                running[futures[name]] = name
            watch()
            waiting.still(lambda: ", ".join(running.values()))
            ended, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            for name in map(running.pop, ended):
                _report(request.machine, futures[name].result())
                order.done(name)
    return [futures[name].result() for name in checks]


def _report(machine: str, result: CheckResult | Facts) -> None:
    if isinstance(result, CheckResult):
        mark = "✓" if result.passed else "✗"
        log.info("%s: %s %s %.2f s", machine, mark, result.name, result.milliseconds / 1000)


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
