"""`flakeship verify`: the checks of every server once more, without any change."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.evidence import table
from flakeship.operate.target import nothing_verified, operator, unknown_server
from flakeship.state.outputs import refuse_first_version
from flakeship.state.stack import VERIFICATION, Stack
from flakeship.targets.base import Verified


def verify(stack: Stack, server: str = "") -> Sequence[Verified]:
    """Verify every machine that has been verified, or those of one server, or one by its id.

    The pinned host keys hold. Raises FlakeshipError with the report of each machine that fails.
    """
    refuse_first_version(stack.outputs, stack.name)
    if not stack.outputs.running:
        raise nothing_verified(stack)
    if server and server not in stack.outputs.servers and server not in stack.of(VERIFICATION):
        raise unknown_server(stack, server)
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
