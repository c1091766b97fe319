"""What changed between releases: which pairs are worth a comparison, and what is inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.nix.diff import changes, graph, render, report
from flakeship.operate.held import Held, newest_first
from flakeship.state.environments import Environment

MOST = 12  # pairs that are compared: each takes about a second for a NixOS host

Pair = tuple[str, str]
"""The names of the release before and of the one after."""


@dataclass(frozen=True)
class Inside:
    """What changed inside a system, by part; `unknown` is why that is not known."""

    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unknown: str = ""


@dataclass(frozen=True)
class Step:
    """What a promotion from one environment to the next would change; equal releases: nothing."""

    source: str
    target: str
    before: Record
    after: Record


def steps(environments: Sequence[Environment], held: Mapping[str, Sequence[Held]]) -> list[Step]:
    """The step of every host of every environment that promotes from another one."""
    running = {
        name: {it.record.release.host: it.record for it in ledger if it.running}
        for name, ledger in held.items()
    }
    return [
        Step(each.promote_from, each.name, before, running[each.promote_from][host])
        for each in environments
        for host, before in running[each.name].items()
        if host in running.get(each.promote_from, {})
    ]


def pairs(records: Sequence[Record], steps: Iterable[Step]) -> list[tuple[Record, Record]]:
    """Of releases, the newest first, each with the one before it; then the steps between others."""
    following = [
        (before, after)
        for after, before in pairwise(records)
        if before.release.host == after.release.host
    ]
    between = [(step.before, step.after) for step in steps if step.before.name != step.after.name]
    known = {(before.name, after.name): (before, after) for before, after in following + between}
    return list(known.values())


def compared(found: Sequence[tuple[Record, Record]]) -> dict[Pair, Inside]:
    """What is inside the first of these pairs, as the derivations in the local store tell it."""
    inside: dict[Pair, Inside] = {}
    there: list[tuple[Record, Record]] = []
    for before, after in found:
        missing = [each.name for each in (before, after) if not Path(each.release.drv).exists()]
        names = before.name, after.name
        if missing:
            what = f"the derivation of {' and of '.join(missing)}"
            inside[names] = Inside(unknown=f"{what} is not in the local Nix store")
        elif len(there) < MOST:
            there.append((before, after))
        else:
            inside[names] = Inside(unknown=f"only the first {MOST} are compared here")
    if there:
        drvs = {each.release.drv: None for pair in there for each in pair}
        try:
            loaded = graph.load(drvs)
        except (FlakeshipError, ValueError) as error:
            unknown = Inside(unknown=f"Nix cannot show the derivations: {error}")
            return inside | {(a.name, b.name): unknown for a, b in there}
        inside |= {(a.name, b.name): _compared(loaded, a, b) for a, b in there}
    return inside


def _compared(loaded: graph.Graph, before: Record, after: Record) -> Inside:
    try:
        parts = render.named(changes.compare(loaded, before.release, after.release))
    except report.UNREADABLE as error:
        return Inside(unknown=str(report.unreadable(before.release, after.release, error)))
    except FlakeshipError as error:
        return Inside(unknown=str(error))
    return Inside(parts)


def all_of(
    environments: Sequence[Environment], held: Mapping[str, Sequence[Held]]
) -> dict[Pair, Inside]:
    """What is inside all pairs of the environments' releases."""
    return compared(pairs(newest_first(held.values()), steps(environments, held)))
