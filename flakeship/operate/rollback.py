"""`flakeship rollback`: the update that goes back to an older release of the ledger."""

from __future__ import annotations

import os
from collections.abc import Sequence

from flakeship.model import ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.operate import promote
from flakeship.release.desired import ROLLBACK
from flakeship.state.outputs import StackOutputs
from flakeship.state.stack import Stack, setting
from flakeship.system.foreground import foreground
from flakeship.system.process import run

KEY = "flakeship:release"


def choose(stack: Stack, release: str) -> Record:
    """The release to go back to; without a name it is the one before what runs.

    Raises FlakeshipError where there is none, or another host's is pinned, and SettingError for one
    that is not in the ledger.
    """
    known = stack.outputs
    chosen = ledger.choose(known.ledger, release, KEY) if release else previous(known, stack.name)
    if chosen.name in known.running.values():
        raise FlakeshipError(
            "runs already",
            code="rollback-runs",
            key=chosen.name,
            allowed=", ".join(
                each.name
                for each in known.ledger
                if each.release.host == chosen.release.host and each != chosen
            ),
            remedy="name one of these with --to",
        )
    pinned = setting(stack, "release")
    for each in known.ledger:
        if each.name == pinned and each.release.host != chosen.release.host:
            raise FlakeshipError(
                f"pins {pinned}, and can pin one release only: that host would move on",
                code="rollback-pinned",
                key=KEY,
                given=chosen.name,
                remedy=f"let {each.release.host} follow first: `pulumi config rm {KEY} --stack "
                f"{stack.name}`, and `pulumi up`",
            )
    return chosen


def roll_back(stack: Stack, chosen: Record, options: Sequence[str] = (), *, yes: bool) -> int:
    """Run the update, which asks, and pin the release once it has succeeded; its exit code.

    Somebody who says no, and an update that fails, leave the settings as they were.
    """
    upstream = promote.expected(stack) if promote.source(stack) else {}
    argv = promote.update(stack, options, yes=yes)
    code = foreground(argv, os.environ | upstream | {ROLLBACK: chosen.name})
    if code == 0:
        run(["pulumi", "config", "set", KEY, chosen.name, "--stack", stack.name])
    return code


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
        "there is no verified release before the one that runs",
        code="rollback-impossible",
        key=f"stack {stack}",
        remedy="the ledger of `flakeship status` has what can be chosen; flakeship:retainReleases "
        "is how many releases it keeps",
    )
