"""`flakeship verify`: the checks of every server once more, without any change."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.evidence import table
from flakeship.operate.target import nothing_verified, operator
from flakeship.state.stack import Stack
from flakeship.targets.base import Verified


def verify(stack: Stack, server: str = "") -> Sequence[Verified]:
    """Verify every machine that has been verified, or those of one server.

    The pinned host keys hold. Raises FlakeshipError with the report of each machine that fails.
    """
    done = operator(stack).verify(server)
    if not done:
        raise nothing_verified(stack)
    return done


def text(done: Sequence[Verified]) -> str:
    """The tables of all, for a person."""
    lines = []
    for each in done:
        lines += ["", each.machine, *([f"  {each.note}"] if each.note else []), *table(each.checks)]
    return "\n".join(lines)
