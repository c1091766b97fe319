"""Repeats the verifications of a stack, as `flakeship verify` does on every target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.model.machine import MachineId
from flakeship.release import access
from flakeship.ssh import keys
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Resource, Stack, configuration
from flakeship.targets.base import Verified
from flakeship.verify.request import VerifyRequest

AT_ONCE = 4  # machines: one that is silent does not hold up the others
DEADLINE = 30.0  # seconds for SSH to a machine that was verified before: it does not boot now


class Remote:
    """The part of an operator whose target every checkout reaches, and which has no data disks."""

    def refuse_elsewhere(self) -> None:
        """Nothing: what is in the target belongs to no checkout."""

    def restore(self, server: str, disk: str, snapshot: str) -> None:
        """Refuse it."""
        raise FlakeshipError(
            f"the target has no data disk {disk}, and no snapshot {snapshot} of it",
            code="snapshots-unsupported",
            key=server,
        )


def repeated(
    stack: Stack, server: str, repeat: Callable[[str, Resource], Verified]
) -> Sequence[Verified]:
    """Repeat what has passed; `repeat` gets the machine's id and its verification.

    Raises as `complete`.
    """
    return complete(
        partial(repeat, machine, resource)
        for machine, resource in verifications(stack, server)
        if resource.raw_result
    )


def verifications(stack: Stack, server: str) -> list[tuple[str, Resource]]:
    """The verifications by the machine's id: all, or of one server or machine."""
    return [
        (machine, resource)
        for machine, resource in stack.of(VERIFICATION).items()
        if server in ("", machine, MachineId.parse(machine).server)
    ]


def complete(verifications: Iterable[Callable[[], Verified]]) -> Sequence[Verified]:
    """Run them all side by side. Raises FlakeshipError with the report of each that fails."""
    done: list[Verified] = []
    failed: list[str] = []
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for running in [pool.submit(verify) for verify in verifications]:
            try:
                done.append(running.result())
            except FlakeshipError as error:
                failed.append(str(error))
    finally:  # an interruption drops those that have not begun; the process ends after the others
        pool.shutdown(wait=False, cancel_futures=True)
    if failed:
        first, *rest = "\n\n".join(failed).split("\n")
        raise FlakeshipError(first, code="checks-failed", details=rest)
    return done


def again(stack: Stack, request: VerifyRequest) -> VerifyRequest:
    """The request for a machine that was verified before, with a private key that is here.

    Raises FlakeshipError as access.identity_of.
    """

    def own() -> str:
        known = configuration(stack)
        file = known.get("flakeship:identity", {}).get("value") or ""
        return keys.identity(
            file, known.get("flakeship:authorizedKeys", {}).get("objectValue") or []
        )

    identity = access.identity_of(stack.outputs, request.machine, request.identity, own)
    return replace(request, identity=identity, deadline=min(request.deadline, DEADLINE))
