"""Repeats the verifications of a stack, as `flakeship verify` does on every target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.machine import MachineId
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Resource, Stack
from flakeship.targets.base import Verified


class NoSnapshots:
    """The part of an operator whose target has no data disks."""

    def restore(self, server: str, disk: str, snapshot: str) -> None:
        """Refuse it."""
        raise FlakeshipError(
            f"the target has no data disk {disk}, and no snapshot {snapshot} of it",
            code="snapshots-unsupported",
            key=server,
        )


def repeated(
    stack: Stack, server: str, repeat: Callable[[str, Evidence], Verified]
) -> Sequence[Verified]:
    """Repeat what has passed; `repeat` gets the machine's id and evidence. Raises as `complete`."""
    return complete(
        partial(repeat, machine, resource.result(Evidence))
        for machine, resource in verifications(stack, server)
        if resource.printed
    )


def verifications(stack: Stack, server: str) -> list[tuple[str, Resource]]:
    """The verifications by the machine's id: all, or of one server or machine."""
    return [
        (machine, resource)
        for machine, resource in stack.of(VERIFICATION).items()
        if server in ("", machine, MachineId.parse(machine).server)
    ]


def complete(verifications: Iterable[Callable[[], Verified]]) -> Sequence[Verified]:
    """Run them all, also after a failure. Raises FlakeshipError with the report of each failure."""
    done: list[Verified] = []
    failed: list[str] = []
    for verify in verifications:
        try:
            done.append(verify())
        except FlakeshipError as error:
            failed.append(str(error))
    if failed:
        first, *rest = "\n\n".join(failed).split("\n")
        raise FlakeshipError(first, code="checks-failed", details=rest)
    return done
