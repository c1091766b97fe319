"""`make diff`: what changes inside, between releases that a person names, or up to the flake."""

from __future__ import annotations

from collections.abc import Callable

from flakeship.config import settings
from flakeship.model import ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.nix.diff.report import report
from flakeship.release import desired
from flakeship.state.stack import Stack, configuration


def diff(stack: Stack, before: str, after: str, progress: Callable[[str], object]) -> str:
    """The whole reports, for each host one.

    `before` and `after` name releases of the ledger. Without `before` it is what runs, without
    `after` what the flake says now. Raises FlakeshipError where there is nothing to compare.
    """
    records = ledger.read(stack.outputs.get("releases"))

    def chosen(name: str, variable: str) -> Release:
        return ledger.choose(records, name, variable).release

    running: dict[str, str] = stack.outputs.get("running") or {}
    then = [chosen(before or name, "FROM") for name in ([before] if before else running.values())]
    if not then:
        raise FlakeshipError("nothing is verified in this stack yet: there is nothing to compare")
    if after:
        later = chosen(after, "TO")
        # of several hosts that run it is the one whose release is asked for
        then = [each for each in then if before or each.host == later.host] or then[:1]
        pairs = [(each, later) for each in then]
    else:
        now = evaluated(stack, progress)
        pairs = [(each, now[each.host]) for each in then if each.host in now]
        for each in then:
            if each.host not in now:
                progress(f"{each.host}: no server of this stack is to run it any more")
    return "\n\n".join(
        f"{new.host}: {new.name} is the same release"
        if old.name == new.name
        else report(old, new, full=True)
        for old, new in pairs
    )


def evaluated(stack: Stack, progress: Callable[[str], object]) -> dict[str, Release]:
    """The releases that the flake describes now, by host, with the settings that Pulumi has."""
    told = configuration(stack)
    given = settings.read(
        {key: each.get("value", "") for key, each in told.items()},
        f"Pulumi.{stack.name}.yaml",
        lambda key: bool(told[key]["secret"]),
    )
    found = desired.evaluate_hosts(given, stack.name, given.hosts)
    for warning in found.warnings:
        progress(warning)
    return dict(found.releases)
