"""`flakeship recover`: a stack whose run was killed, in one step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flakeship.operate import actions, plugins
from flakeship.state import locks
from flakeship.state.locks import Lock, LockedError, Owner
from flakeship.state.stack import Stack, clear_pending
from flakeship.system.process import run
from flakeship.targets.base import SweepResult


@dataclass(frozen=True)
class Recovered:
    """What was in the way of the next run: locks, operations that were half done, and a sweep."""

    locks: Sequence[str]
    pending: Sequence[str]
    swept: SweepResult


def recover(stack: Stack, *, break_lock: bool = False) -> Recovered:
    """Remove the lock of a run that was killed, end what it left running, clear and sweep.

    Everything here is certain, and may be repeated. Raises LockedError while the run lives, or
    where that cannot be known; `break_lock` takes the risk of the latter.
    """
    actions.operator(stack).refuse_elsewhere()  # its next run has to be there as well
    judged = held(stack)
    if judged is not None:
        refuse(judged, break_lock=break_lock)
    ended = plugins.end_orphaned(stack.name)
    removed = unlock(stack, judged, break_lock=break_lock) if judged else []
    swept = actions.sweep(stack)
    return Recovered(
        removed,
        stack.pending,
        SweepResult([*ended, *swept.removed], swept.left, swept.blocking),
    )


def held(stack: Stack) -> LockedError | None:
    """The error of a stack that is locked; None where it is not."""
    found = locks.held(stack.name, os.environ, Path.cwd())
    if found is not None:
        return locks.refusal(stack.name, found) if found else None
    try:
        clear_pending(stack)  # which takes the lock, wherever it is
    except LockedError as error:
        return error
    return None


def unlock(stack: Stack, judged: LockedError, *, break_lock: bool) -> list[str]:
    """Remove the locks that were judged, as far as they are still there; whose they were.

    Raises LockedError where there is another by now: a run may have begun meanwhile.
    """
    found = held(stack)
    if found is None:
        return []
    refuse(found, break_lock=break_lock)
    same = [each for each in found.locks if each in judged.locks]
    if files := [each.file for each in same if each.file]:
        for file in files:
            file.unlink(missing_ok=True)
        if left := held(stack):
            raise left
        return [str(each) for each in same]
    if found.locks != judged.locks:
        raise found
    run(["pulumi", "cancel", "--yes", "--stack", stack.name])  # it removes every lock there is
    return [str(each) for each in found.locks or [Lock()]]


def refuse(error: LockedError, *, break_lock: bool) -> None:
    """Refuse to remove a lock whose owner lives, or may live. Raises the error."""
    states = {each.owner for each in error.locks} or {Owner.UNKNOWN}
    if Owner.RUNNING in states or (Owner.UNKNOWN in states and not break_lock):
        raise error


def text(done: Recovered) -> str:
    """What was done, for a person."""
    lines = [f"removed the lock of {each}" for each in done.locks]
    if done.pending:
        lines.append(f"cleared what was half done: {', '.join(done.pending)}")
    lines.append(actions.sweep_text(done.swept))
    return "\n".join([*lines, "`pulumi up` converges from here"])
