"""Checks run side by side, and each of them after what it needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from graphlib import CycleError
from typing import Any

import pytest

from flakeship.model.checks import Check
from flakeship.model.errors import CommandError
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import Port
from flakeship.ssh.connection import Connection
from flakeship.ssh.options import Endpoint
from flakeship.system import waiting
from flakeship.system.process import Result
from flakeship.verify import machine_checks
from flakeship.verify.checks import inside
from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Promises
from flakeship.verify.schedule import FACTS, SERVICES, Schedule, ScheduledCheck, run_checks
from tests.unit.verify.machines import ED25519, REQUEST, ROUTE, Shell, machine

LONG = 20.0  # seconds: nothing of what is waited for here takes as long


class Course:
    """Checks that note when they begin and end, and wait for each other."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.events: dict[str, threading.Event] = {}

    def event(self, name: str) -> threading.Event:
        return self.events.setdefault(name, threading.Event())

    def run(self, name: str, until: str, _: object = None) -> str:
        """Begin, and end once the step `until` (`-a`: a has ended) was seen."""
        self.note(f"+{name}")
        assert not until or self.event(until).wait(LONG), f"{until} does not come"
        self.note(f"-{name}")
        return name

    def note(self, step: str) -> None:
        self.steps.append(step)
        self.event(step).set()

    def check(self, name: str, needs: Sequence[str] = (), until: str = "") -> ScheduledCheck:
        return ScheduledCheck(name, partial(self.run, name, until), needs)

    def probe(self, until: str = "") -> Callable[[], Facts]:
        def probe() -> Facts:
            self.run("facts", until)
            return machine()

        return probe


@pytest.fixture
def course() -> Course:
    return Course()


def run(schedule: Schedule) -> list[CheckResult]:
    return run_checks(schedule, REQUEST, ROUTE, Shell())


def test_what_does_not_need_another_runs_beside_it(course: Course) -> None:
    """Each of the two ends only after the other has begun; the facts come later."""
    checks = [course.check("a", until="+b"), course.check("b", until="+a")]
    found = run(Schedule(checks, course.probe(until="-b"), 0))
    assert [(each.name, each.passed, each.detail) for each in found] == [
        ("a", True, "a"),
        ("b", True, "b"),
    ]
    assert course.steps.index("-b") < course.steps.index("-facts")


def test_what_needs_another_waits_for_it_alone(course: Course) -> None:
    checks = [
        course.check("last", ["slow", "after"]),
        course.check("after", ["first", FACTS]),
        course.check("slow", until="-after"),
        course.check("first"),
    ]
    assert [each.name for each in run(Schedule(checks, course.probe(), 0))] == [
        *("last", "after", "slow", "first")
    ]
    at = course.steps.index
    assert at("-first") < at("+after") < at("-after") < at("-slow") < at("+last")
    assert at("-facts") < at("+after")


def test_a_check_that_needs_nothing_may_wait_for_the_facts(course: Course) -> None:
    reading = ScheduledCheck("reading", lambda subject: subject.facts().state)
    (found,) = run(Schedule([reading], course.probe(), 0))
    assert found.detail == "running"


def test_a_failure_holds_nothing_up(course: Course, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Subject) -> str:
        raise Failed("no")

    caplog.set_level("INFO")
    found = run(Schedule([ScheduledCheck("a", fail), course.check("b", ["a"])], course.probe(), 0))
    assert [each.passed for each in found] == [False, True]
    name = REQUEST.machine
    assert caplog.messages == [f"{name}: ✗ a 0.00 s", f"{name}: ✓ b 0.00 s"]


def test_what_cannot_run_is_refused_at_once(course: Course) -> None:
    circle = [course.check("a", ["b"]), course.check("b", ["a"])]
    with pytest.raises(CycleError):
        run(Schedule(circle, course.probe(), 0))
    assert course.steps == []
    with pytest.raises(KeyError, match="nobody"):
        run(Schedule([course.check("a", ["nobody"])], course.probe(), 0))
    with pytest.raises(ValueError, match="one name"):
        Schedule([course.check("a"), course.check("a")], course.probe(), 0)


def test_without_facts_there_is_no_evidence(course: Course) -> None:
    def silent() -> Facts:
        course.event("+a").wait(LONG)
        raise CommandError("no probe")

    with pytest.raises(CommandError, match="no probe"):
        run(Schedule([course.check("a"), course.check("b", [FACTS])], silent, 0))
    assert "+b" not in course.steps


def test_who_waits_is_told_what_for(
    course: Course, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    run(Schedule([course.check("quick"), course.check("slow", until="-facts")], course.probe(), 0))
    (line,) = [each for each in caplog.messages if "not done after 0 s" in each][:1]
    assert "slow" in line


@pytest.fixture
def whole() -> Iterator[Schedule]:
    """Of a server with a service, users' checks, and a check of its target's."""
    request = replace(
        REQUEST,
        ports=[*REQUEST.ports, Port(port=5432)],
        checks=[Check(name="page", http=80), Check(name="schema", run="true")],
        promises=Promises(nix=True, switch=True),
    )
    with Connection(Endpoint("web", "127.0.0.1", 22, "nixos"), [ED25519]) as connection:
        extra = [ScheduledCheck("port-scan", str)]
        yield machine_checks.of_machine(request, connection, [], extra, announced=lambda: "here")


def needs(schedule: Schedule, name: str) -> set[str]:
    (found,) = [check.needs for check in schedule.checks if check.name == name]
    return {*found}


def test_only_what_conflicts_waits(whole: Schedule) -> None:
    names = {check.name for check in whole.checks}
    assert needs(whole, "nix-build") == {"schema"}
    assert needs(whole, "reactivation") == names - {"reactivation"}
    assert {*whole.services} == {"port-22", "port-80", "port-5432"}
    at_once = {name for name in names if not needs(whole, name)}
    assert at_once == {"host-key", "root-login", "password-login", "port-scan"}
    assert needs(whole, "listeners") == needs(whole, "firewall") == {SERVICES}


def test_the_console_of_a_cloud_is_read_beside_the_others() -> None:
    asked = threading.Event()
    seen: list[bool] = []

    def announced() -> str:
        seen.append(asked.wait(LONG))
        return "here"

    def probe() -> Facts:
        asked.set()
        return machine()

    with Connection(Endpoint("web", "127.0.0.1", 22, "nixos"), [ED25519]) as connection:
        whole = machine_checks.of_machine(REQUEST, connection, [], [], announced=announced)
        run(replace(whole, checks=whole.checks[:1], services=[], probe=probe))
    assert (whole.checks[0].name, seen) == ("host-key", [True])


def test_what_activates_the_release_follows_all_that_looks_at_it(
    whole: Schedule, course: Course
) -> None:
    """In the order that really comes of it, with the longest check of all still running."""
    until: dict[str, Any] = {"port-scan": "-nix-build"}
    checks = [
        replace(check, run=partial(course.run, check.name, until.get(check.name, "")), sections=())
        for check in whole.checks
    ]
    run(replace(whole, checks=checks, probe=course.probe()))
    at = course.steps.index
    assert course.steps[-2:] == ["+reactivation", "-reactivation"]
    assert at("-schema") < at("+nix-build") < at("-nix-build") < at("-port-scan")


class Nix:
    """A machine on which nix-build ends with these codes, one after the other."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.begun = threading.Event()

    def run(self, command: str, **_: object) -> Result:
        assert "preferLocalBuild = true" in command
        assert "allowSubstitutes = false" in command
        self.begun.set()
        code = self.codes.pop(0)
        return Result(code, "" if code else "/nix/store/x\n", "cannot connect to socket")


@pytest.mark.parametrize("codes", [[0], [1, 0], [1, 1]])
def test_nix_builds_beside_the_start_and_once_more_after_it(codes: list[int]) -> None:
    """Nix's daemon may come up after SSH: only what fails once it should be up has failed."""
    nix = Nix(*codes)
    repeated = threading.Event()

    def probe() -> Facts:
        assert nix.begun.wait(LONG)
        if len(codes) > 1:
            repeated.wait(0.1)
            assert len(nix.codes) == 1, "it is repeated before the system has started"
        return machine()

    schedule = Schedule([ScheduledCheck("nix-build", inside.nix_build)], probe, 0)
    (found,) = run_checks(schedule, REQUEST, ROUTE, nix)
    assert found.passed == (codes[-1] == 0)
    assert nix.codes == []


def test_nix_that_fails_on_a_started_system_is_not_asked_again() -> None:
    nix = Nix(1, 0)
    check = ScheduledCheck("nix-build", inside.nix_build, [FACTS])
    (found,) = run_checks(Schedule([check], machine, 0), REQUEST, ROUTE, nix)
    assert "exit code 1: cannot connect" in found.detail
    assert nix.codes == [0]


def test_checks_before_the_facts_know_that_the_system_has_not_been_asked() -> None:
    started: list[bool] = []

    def first(subject: Subject) -> str:
        started.append(subject.started())
        return ""

    run(Schedule([ScheduledCheck("a", first)], machine, 0, probe_needs=["a"]))
    assert started == [False]
