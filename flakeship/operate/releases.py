"""`flakeship releases`: the ledgers of all stacks of a project side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flakeship.model.release import Record
from flakeship.model.statement import Statements
from flakeship.model.text import one_line
from flakeship.operate.held import UNKNOWN, Held, age, held, newest_first
from flakeship.state.environments import Environment, Project

REVISION = 12  # characters of a git revision that tell it from all others
DIRTY = "-dirty"
NONE = "-"


def text(project: Project, now: datetime, width: int) -> str:
    """A table with a column for each environment, and a line for each that has a problem.

    Where the table is wider than `width` characters, each environment has a row of its own.
    """
    environments, stated = project.environments, project.statements
    shown = {title(each): ledger for each in environments if (ledger := held(each))}
    releases = newest_first(shown.values())
    revoked = [each for each in (stated.revoked(it.name) for it in releases) if each]
    table = [
        ["release", "revision", *shown],
        *(
            [
                f"{each.name} (revoked)" if stated.revoked(each.name) else each.name,
                short(each.release.revision),
                *cells(shown.values(), each, now),
            ]
            for each in releases
        ),
    ]
    lines = columns(table) if releases else []
    if max(map(len, lines), default=0) > width:
        lines = blocks(table)
    lines += ["", *(one_line(str(each)) for each in revoked)]
    lines += [problem(each) for each in environments if each.problem]
    lines += [str(project.problem)] if project.problem else []
    return "\n".join(lines).strip("\n") or "there is no stack yet: `pulumi up` makes one"


def title(environment: Environment) -> str:
    """The name of an environment, and the one that its releases come from."""
    source = environment.promote_from
    return f"{environment.name} (from {source})" if source else environment.name


def problem(environment: Environment) -> str:
    """The line of an environment that is not as it should be."""
    told, name = str(environment.problem), f"stack {environment.name}"
    return told if name in told else f"{name}: {told}"


def short(revision: str) -> str:
    """A git revision without the characters that nobody needs."""
    commit = revision.removesuffix(DIRTY)
    return f"{commit[:REVISION]}{revision[len(commit) :]}"


def cells(ledgers: Iterable[Sequence[Held]], record: Record, now: datetime) -> list[str]:
    """What each environment holds of a release."""
    return [
        next((cell(each, ledger, now) for each in ledger if each.name == record.name), NONE)
        for ledger in ledgers
    ]


def cell(found: Held, ledger: Sequence[Held], now: datetime) -> str:
    """Where a release is in an environment, for how long, and by how many checks.

    Servers are named where those of its host run several releases.
    """
    host = found.record.release.host
    live = [each for each in ledger if each.live and each.record.release.host == host]
    on = f" on {', '.join(found.live)}" if found.live and len(live) > 1 else ""
    checks = len(found.record.checks)
    facts = [age(found.at, now), f"{checks} checks" if checks else ""]
    return ", ".join([f"{found.place}{on}", *filter(None, facts)])


def columns(table: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a table, aligned."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "   ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def blocks(table: Sequence[Sequence[str]]) -> list[str]:
    """The same for a narrow terminal: below each release the environments that have it."""
    (_, _, *titles), *rows = table
    lines = []
    for name, revision, *found in rows:
        having = [[f"  {t}", text] for t, text in zip(titles, found, strict=True) if text != NONE]
        lines += [f"{name}  {revision}".rstrip(), *columns(having)]
    return lines


def plain(project: Project) -> dict[str, Any]:
    """The same as plain values, for scripts: times in UTC, null where none is recorded."""
    return {
        "environments": [
            {
                "name": each.name,
                "promoteFrom": each.promote_from,
                "problem": each.problem.fields() if each.problem else None,
                "releases": [plain_held(found, project.statements) for found in held(each)],
            }
            for each in project.environments
        ],
        "problem": project.problem.fields() if project.problem else None,
    }


def plain_held(found: Held, stated: Statements) -> dict[str, Any]:
    """A release of a ledger."""
    record, release = found.record, found.record.release
    revoked = stated.revoked(found.name)
    return {
        "name": found.name,
        "host": release.host,
        "version": release.version,
        "revision": release.revision,
        "origin": record.origin,
        "verifiedAt": None if found.at == UNKNOWN else found.at.isoformat(),
        "checks": list(record.checks),
        "place": found.place,
        "servers": list(found.live),
        "standbyMachines": list(found.standby),
        "revoked": {"at": revoked.at, "by": revoked.by, "why": revoked.why} if revoked else None,
    }
