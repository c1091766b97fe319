"""The timeline as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dev.bench.openstack.meter import Call, kind, tokens
from dev.bench.timeline.events import Event, Message, Step, evidence, messages
from dev.bench.timeline.events import steps as steps_of
from dev.bench.timeline.phases import PROGRAM, phases
from dev.bench.timeline.processes import Sampled, peak

Row = tuple[object, ...]
HEAD = ("what", "from s", "to s", "seconds", "calls", "CPU s", "RSS MB", "PSS MB")
LEAST = 0.1  # seconds of a step or a process with a row of its own
MOST = 30  # rows of one kind
WIDTH = 76  # characters of the first column


def rows(
    events: Sequence[Event],
    calls: Sequence[Call],
    processes: Sequence[Sampled],
    seconds: float,
) -> list[Row]:
    """All rows, for HEAD."""
    steps, said = steps_of(events), messages(events)
    proofs = evidence(events)
    slowest = max(proofs, key=_seconds, default=None)
    found: list[Row] = []
    for phase in phases(events, steps, processes, calls, seconds):
        inside = [call for call in calls if phase.start <= call.start < phase.end]
        found.append(_row(phase.title, phase.start, phase.end, len(inside)))
        if phase.title == PROGRAM:
            found += _said([each for each in said if not each.urn and each.at < phase.end])
        found += _steps(phase.steps, said)
        if phase.title == "verification" and slowest:
            found += _proof(slowest, len(proofs))
    found += _calls(calls)
    processes = [each for each in processes if not each.stays]
    found += _processes(processes)
    found += [
        ("in all", 0.0, seconds, seconds, len(calls), sum(p.cpu for p in processes), "", ""),
        ("  tokens among the calls", "", "", "", tokens(calls), "", "", ""),
        (f"  processes: {len(processes)}; all of them besides Pulumi's own", *_nothing(6),
         peak(processes)),
    ]  # fmt: skip
    return found


def _nothing(columns: int) -> list[str]:
    return [""] * columns


def _row(title: str, start: float, end: float, calls: object = "") -> Row:
    return (title[:WIDTH], start, end, end - start, calls or "", "", "", "")


def _steps(steps: Sequence[Step], said: Sequence[Message]) -> list[Row]:
    """The longest steps in their order, each with what was said of it."""
    longest = sorted((s for s in steps if s.seconds >= LEAST), key=lambda s: -s.seconds)[:MOST]
    found: list[Row] = []
    for step in (each for each in steps if each in longest):
        word = "failed" if step.failed else step.operation
        found.append(_row(f"  {word} {step.type} {step.name}", step.start, step.end))
        inside = [m for m in said if m.urn == step.urn and step.start <= m.at <= step.end]
        found += _said(inside)
    return found


def _said(messages: Sequence[Message]) -> list[Row]:
    return [(f"    “{each.text}”"[:WIDTH], each.at, *_nothing(6)) for each in messages]


def _seconds(proof: Mapping[str, Any]) -> float:
    checks = sum(float(check["milliseconds"]) for check in proof["checks"]) / 1000
    return float(proof["seconds_to_ssh"]) + checks


def _proof(proof: Mapping[str, Any], count: int) -> list[Row]:
    """What a verification took, by its evidence; the checks may run side by side."""
    of = "" if count == 1 else f" (the slowest of {count})"
    answered = f"  until SSH answered on {proof['machine']}{of}"
    found: list[Row] = [(answered, "", "", float(proof["seconds_to_ssh"]), *_nothing(4))]
    for check in proof["checks"]:
        took = check["milliseconds"] / 1000
        found.append((f"  check {check['name']}", "", "", took, *_nothing(4)))
    return found


def _calls(calls: Sequence[Call]) -> list[Row]:
    """The calls by their kinds, in the order of their first ones."""
    kinds: dict[str, list[Call]] = {}
    for call in calls:
        kinds.setdefault(kind(call), []).append(call)
    return [
        (title[:WIDTH], same[0].start, max(c.end for c in same),
         sum(c.end - c.start for c in same), len(same), *_nothing(3))
        for title, same in kinds.items()
    ]  # fmt: skip


def _processes(processes: Sequence[Sampled]) -> list[Row]:
    """The processes that cost something, in the order of their starts; the others in one row."""
    costly = sorted(processes, key=lambda p: -p.cpu)[:MOST]
    shown = [p for p in processes if p in costly and p.cpu >= LEAST]
    rest = [p for p in processes if p not in shown]
    found: list[Row] = [
        (f"process {p.name}"[:WIDTH], p.start, p.end, p.end - p.start, "", p.cpu, p.rss,
         max(p.pss.values(), default=""))
        for p in sorted(shown, key=lambda p: p.start)
    ]  # fmt: skip
    if rest:
        cpu, largest = sum(p.cpu for p in rest), max(p.rss for p in rest)
        found.append((f"{len(rest)} others", "", "", "", "", cpu, largest, ""))
    return found
