"""Repeats the verifications of a stack, as `flakeship verify` does on every target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.machine import MachineId
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Stack
from flakeship.targets.base import Verified


def repeated(
    stack: Stack, server: str, repeat: Callable[[str, Evidence], Verified]
) -> Sequence[Verified]:
    """Repeat each verification that has passed, of one server where it is named.

    `repeat` gets the machine's id and its evidence. Raises FlakeshipError with all reports where
    any fails.
    """
    done: list[Verified] = []
    failed: list[str] = []
    for machine, resource in stack.of(VERIFICATION).items():
        if not resource.printed or (server and MachineId.parse(machine).server != server):
            continue
        try:
            done.append(repeat(machine, resource.result(Evidence)))
        except FlakeshipError as error:
            failed.append(str(error))
    if failed:
        raise FlakeshipError("\n\n".join(failed), code="checks-failed")
    return done
