"""The phases of a run: what each began and ended with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dev.bench.openstack.meter import Call
from dev.bench.timeline.events import COMMAND, Event, Step, first_resource, imported
from dev.bench.timeline.processes import Sampled
from flakeship.rollout.phases import OTHERS, PHASES, phase

FORMER: Mapping[str, tuple[str, ...]] = {
    # the prefixes of command resources that older versions had; others are as they are now
    "publish": ("glance-", "published-"),
    "server": ("machine-",),
    "verification": ("verification-",),
}
PROGRAM = "the program until its first resource"


@dataclass(frozen=True)
class Phase:
    """A part of a run, in seconds after its start; parts of it are its `steps`."""

    title: str
    start: float
    end: float
    steps: Sequence[Step] = ()


def kind(step: Step) -> str:
    """The phase that a step belongs to, as an update itself tells it."""
    if step.type == COMMAND:
        for title, prefixes in FORMER.items():
            if step.name.startswith(prefixes):
                return title
    return phase(step.type, step.name)


def phases(
    events: Sequence[Event],
    steps: Sequence[Step],
    processes: Sequence[Sampled],
    calls: Sequence[Call],
    seconds: float,
) -> list[Phase]:
    """The phases of a run of so many seconds, in the order of their starts.

    The tail is what nobody waits for any more: what happens after the last cutover.
    """
    program = min((p.start for p in processes if p.name == "the program"), default=0.0)
    declared = first_resource(events)
    first = seconds if declared is None else declared
    found = [
        Phase("engine and plugins start", 0.0, program),
        Phase(PROGRAM, program, first),
    ]
    loaded = imported(events)
    if loaded is not None:
        found.append(Phase("  its imports", program, loaded))
    asked = [call for call in calls if call.start < first]
    if asked:
        end = max(min(call.end, first) for call in asked)
        found.append(Phase("  inspection: its calls to the cloud", asked[0].start, end))
    nix = [p for p in processes if p.name.startswith("nix") and program <= p.start < first]
    if nix:
        end = max(min(each.end, first) for each in nix)
        found.append(Phase("  evaluation: its Nix processes", nix[0].start, end))
    last = max((step.end for step in steps if kind(step) == "cutover"), default=first)
    for title in (OTHERS, *PHASES):
        chosen = [step for step in steps if kind(step) == title and step.start < last]
        if chosen:
            start, end = chosen[0].start, max(step.end for step in chosen)
            found.append(Phase(title, start, end, chosen))
    after = [step for step in steps if step.start >= last]
    found.append(Phase("tail", last, seconds, after))
    return found
