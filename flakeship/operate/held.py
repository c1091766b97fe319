"""What environments hold of each release: since when, by what evidence, and where it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.machine import MachineId
from flakeship.model.release import Record
from flakeship.model.times import duration, parsed
from flakeship.state.environments import Environment
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Stack

UNKNOWN = datetime.min.replace(tzinfo=UTC)
"""When a release was verified that an older version has recorded."""
SKEW = timedelta(minutes=1)  # by which clocks differ


@dataclass(frozen=True)
class Held:
    """A release in the ledger of an environment.

    `live` are the servers that run it, `standby` the other verified machines that it has. It is
    `running` where it is the one of its host, which may have no server that stays.
    """

    record: Record
    at: datetime
    running: bool
    live: Sequence[str]
    standby: Sequence[str]

    @property
    def name(self) -> str:
        """The release's name."""
        return self.record.name

    @property
    def place(self) -> str:
        """In a word what the environment has of it."""
        if self.live:
            return "live"
        if self.standby:
            return "standby"
        return "newest" if self.running else "kept"


def held(environment: Environment) -> list[Held]:
    """The ledger of an environment, newest first; empty where it cannot be read."""
    if environment.stack is None:
        return []
    outputs = environment.stack.outputs
    active = {server.machine for server in outputs.servers.values()}
    others = [each for each in environment.stack.of(VERIFICATION) if each not in active]
    return [
        Held(
            record,
            when(record.at),
            record.name in outputs.running.values(),
            [name for name, server in outputs.servers.items() if server.release == record.name],
            [machine for machine in others if MachineId.parse(machine).runs(record.release)],
        )
        for record in outputs.ledger
    ]


def newest_first(ledgers: Iterable[Sequence[Held]]) -> list[Record]:
    """Every release once, by host, the last one that was verified first anywhere comes first."""
    first: dict[str, tuple[datetime, Record]] = {}
    for each in (held for ledger in ledgers for held in ledger):
        known = first.get(each.name)
        if known is None or each.at < known[0]:
            first[each.name] = (each.at, each.record)
    dated = sorted(first.values(), key=lambda it: it[0], reverse=True)
    return [record for _, record in sorted(dated, key=lambda it: it[1].release.host)]


def evidence(stack: Stack) -> tuple[list[Evidence], list[FlakeshipError]]:
    """The evidence of every verified machine, and why that of others cannot be read."""
    found, unreadable = [], []
    for resource in stack.of(VERIFICATION).values():
        if resource.raw_result:
            try:
                found.append(resource.result(Evidence))
            except FlakeshipError as error:
                unreadable.append(error)
    return found, unreadable


def when(text: str) -> datetime:
    """A time in a state, in UTC; UNKNOWN where it is none, or has no zone."""
    return parsed(text) or UNKNOWN


def age(at: datetime, now: datetime) -> str:
    """How long ago it was; empty where that is unknown."""
    if at == UNKNOWN:
        return ""
    passed = now - at
    return "in the future" if passed < -SKEW else duration(passed)
