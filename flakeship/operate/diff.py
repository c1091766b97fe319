"""`flakeship diff`: what changes inside, between releases of the ledger or up to the flake."""

from __future__ import annotations

import logging

from flakeship.model import ledger
from flakeship.model.release import Release
from flakeship.nix.diff.report import report
from flakeship.operate import stack_settings
from flakeship.operate.actions import nothing_verified
from flakeship.release.desired import Flake, announcement
from flakeship.release.promotion import Upstream
from flakeship.state.stack import Stack, exported

log = logging.getLogger(__name__)


def diff(stack: Stack, before: str = "", after: str = "") -> str:
    """The whole reports, one for each host.

    `before` and `after` name releases of the ledger. Without `before` it is what runs, without
    `after` what the flake has now, or the stack runs that releases are promoted from. Raises
    FlakeshipError where there is nothing to compare.
    """
    return "\n\n".join(
        f"{new.host}: {new.name} is the same release"
        if old.name == new.name
        else report(old, new, full=True)
        for old, new in _compared(stack, before, after)
    )


def _compared(stack: Stack, before: str, after: str) -> list[tuple[Release, Release]]:
    """The releases to compare: of each host the older and the newer one."""
    records = stack.outputs.ledger
    names = [before] if before else stack.outputs.running.values()
    baselines = [ledger.choose(records, name, "FROM").release for name in names]
    if not baselines:
        raise nothing_verified(stack)
    if after:
        candidate = ledger.choose(records, after, "TO").release
        # of several hosts that run, it is the one whose release is asked for
        same_host = [each for each in baselines if before or each.host == candidate.host]
        return [(each, candidate) for each in same_host or baselines[:1]]
    candidates = evaluated(stack)
    for each in baselines:
        if each.host not in candidates:
            log.info("%s: no server of this stack runs it any more", each.host)
    return [(each, candidates[each.host]) for each in baselines if each.host in candidates]


def evaluated(stack: Stack) -> dict[str, Release]:
    """The releases that the stack takes next, by host, with the settings that Pulumi has.

    They are those of the flake as it is now, or what the stack before runs.
    """
    given, schema = stack_settings.read(stack)
    if given.promote_from:
        upstream = Upstream(given.promote_from, exported(given.promote_from).outputs)
        return {host: upstream.record(host).release for host in given.hosts}
    if text := announcement(given):
        log.info(text)
    found = Flake(given, stack.name, schema, stack.outputs).releases(given.hosts)
    for warning in found.warnings:
        log.info(warning)
    return dict(found.releases)
