"""One `pulumi up` of a project with the engine's event log, and what it says."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dev.bench.timeline import events
from dev.bench.timeline.events import Event, Step
from dev.bench.timeline.phases import kind
from dev.bench.timeline.watch import watching
from tests.project import Project

DEBUG = {"PULUMI_DEBUG_COMMANDS": "true"}
"""Pulumi has --event-log only for those who look for faults in it."""


@dataclass(frozen=True)
class Logged:
    """The events of a run, and its seconds."""

    events: Sequence[Event]
    seconds: float

    def steps(self, title: str) -> list[Step]:
        """The steps of a phase."""
        return [step for step in events.steps(self.events) if kind(step) == title]

    def said(self, words: str) -> float:
        """When something was said for the first time, in seconds from the start."""
        return next(each.at for each in events.messages(self.events) if words in each.text)

    def evidence(self) -> list[Mapping[str, Any]]:
        """What the verifications saw."""
        return events.evidence(self.events)


def up(project: Project) -> Logged:
    """Update a stack."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "events")
        with watching([log], processes=False) as watch:
            replace(project, env=project.env | DEBUG).up("--event-log", str(log))
    return Logged(events.read(watch.lines), watch.seconds)
