"""`flakeship rollback`: the update that goes back to an older release of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model import ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.state.outputs import StackOutputs
from flakeship.state.stack import Stack

KEY = "flakeship:release"


def command(stack: Stack, release: str, options: Sequence[str] = (), *, yes: bool) -> list[str]:
    """The argv of the update, which chooses the release in the stack's settings and asks.

    Without a name it is the one before what runs. Raises FlakeshipError where there is none, and
    SettingError for one that is not in the ledger.
    """
    known = stack.outputs
    chosen = ledger.choose(known.ledger, release, KEY) if release else previous(known, stack.name)
    if chosen.name in known.running.values():
        raise FlakeshipError(
            "runs already",
            code="rollback-runs",
            key=chosen.name,
            allowed=", ".join(each.name for each in known.ledger if each != chosen),
        )
    asked = ["--yes", "--skip-preview"] if yes else []
    pinned = ["--config", f"{KEY}={chosen.name}"]
    words = ["pulumi", "up", "--suppress-outputs", *pinned, *asked, "--stack", stack.name]
    return [*words, *options]


def previous(known: StackOutputs, stack: str) -> Record:
    """The release that was verified before the one that runs, of the only host of a stack."""
    if len(known.running) > 1:
        raise FlakeshipError(
            "runs releases of several hosts: name the one to go back to",
            code="rollback-ambiguous",
            key=f"stack {stack}",
            allowed=", ".join(each.name for each in known.ledger),
        )
    for host, running in known.running.items():
        records = [each for each in known.ledger if each.release.host == host]
        names = [each.name for each in records]
        if running in names[:-1]:
            return records[names.index(running) + 1]
    raise FlakeshipError(
        "has no release before the one that runs",
        code="rollback-impossible",
        key=f"stack {stack}",
        remedy="the ledger of `flakeship status` has what can be chosen; flakeship:retainReleases "
        "is how many releases it keeps",
    )
