"""What Pulumi's engine did, by its event log: steps, messages, and the evidence of verifications.

The engine stamps its events with whole seconds, so the time is that at which each was seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dev.bench.timeline.watch import Line

ENGINE = ("pulumi:pulumi:", "pulumi:providers:")
"""The types of what the engine has for itself."""
REGISTERING = "registering resource"
"""How Pulumi's SDK begins its message of a resource, before it asks the engine."""
COMMAND = "command:local:Command"


@dataclass(frozen=True)
class Event:
    """An event of the engine, as it logs it, and when it was seen in seconds."""

    at: float
    logged: Mapping[str, Any]

    def of(self, kind: str) -> Mapping[str, Any]:
        """What it says as an event of a kind; empty for an event of another kind."""
        return self.logged.get(kind) or {}


@dataclass(frozen=True)
class Step:
    """An operation on a resource that somebody had to wait for; times are in seconds."""

    urn: str
    operation: str
    start: float
    end: float
    failed: bool = False

    @property
    def type(self) -> str:
        """Its type, without those of its parents."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """Its name."""
        return self.urn.split("::", 3)[3]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True)
class Message:
    """The first line of what was said of a resource, or by the program."""

    at: float
    urn: str
    text: str


def read(lines: Sequence[Line]) -> list[Event]:
    """The events of a log; a line that a killed engine has cut off is left out."""
    return [Event(line.at, json.loads(line.text)) for line in lines if line.text.endswith("}")]


def steps(events: Sequence[Event]) -> list[Step]:
    """The steps of resources that a plugin manages, in the order of their starts.

    One that was interrupted ends with the log.
    """
    begun: dict[tuple[str, str], float] = {}
    found = []
    for event in events:
        if metadata := event.of("resourcePreEvent").get("metadata"):
            if acts(metadata):
                begun.setdefault((metadata["urn"], metadata["op"]), event.at)
            continue
        for kind in ("resOutputsEvent", "resOpFailedEvent"):
            metadata = event.of(kind).get("metadata", {"urn": "", "op": ""})
            key = (metadata["urn"], metadata["op"])
            if key in begun:
                found.append(Step(*key, begun.pop(key), event.at, kind == "resOpFailedEvent"))
    found += [Step(*key, start, events[-1].at, failed=True) for key, start in begun.items()]
    return sorted(found, key=lambda step: step.start)


def acts(metadata: Mapping[str, Any]) -> bool:
    """Whether a step is more than a note in the state: components and unchanged resources are."""
    state = metadata.get("new") or metadata.get("old") or {}
    logical = metadata["op"] in {"same", "replace"}
    return not logical and bool(state.get("custom")) and not metadata["type"].startswith(ENGINE)


def imported(events: Sequence[Event]) -> float | None:
    """When the program had imported what it needs: it declares the stack itself at once."""
    for event in events:
        declared = str(event.of("diagnosticEvent").get("message", "")).startswith(REGISTERING)
        if declared or event.of("resourcePreEvent"):
            return event.at
    return None


def first_resource(events: Sequence[Event]) -> float | None:
    """When the program declared its first resource, also one that does not change."""
    for event in events:
        metadata = event.of("resourcePreEvent").get("metadata")
        if metadata and not metadata["type"].startswith(ENGINE):
            return event.at
    return None


def messages(events: Sequence[Event]) -> list[Message]:
    """What was said; of lines that differ by numbers alone only the first."""
    found, known = [], set()
    for event in events:
        said = event.of("diagnosticEvent")
        if said.get("severity") == "debug":
            continue
        text = re.sub(r"<\{%.*?%\}>", "", str(said.get("message", ""))).strip()
        urn = str(said.get("urn", ""))
        if text and (key := (urn, re.sub(r"\d", "", text.splitlines()[0]))) not in known:
            known.add(key)
            found.append(Message(event.at, urn, text.splitlines()[0]))
    return found


def evidence(events: Sequence[Event]) -> list[Mapping[str, Any]]:
    """The evidence of each machine that was verified in this run, once."""
    found: dict[str, Mapping[str, Any]] = {}
    for event in events:
        metadata = event.of("resOutputsEvent").get("metadata") or {}
        if metadata and metadata["op"] != "same":
            for each in evidence_in((metadata.get("new") or {}).get("outputs")):
                found.setdefault(each["machine"], each)
    return list(found.values())


def evidence_in(value: object) -> Iterator[Mapping[str, Any]]:
    """Evidence, wherever it is in the outputs of a resource; a command prints it as JSON."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, Mapping):
        if {"machine", "seconds_to_ssh", "checks"} <= value.keys():
            yield value
        else:
            for each in value.values():
                yield from evidence_in(each)
