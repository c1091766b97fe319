"""How a check ends: it returns its detail or raises Failed with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult


class Failed(Exception):  # noqa: N818 - a verdict, not an error
    """The check has failed; the text is what was found and what was expected."""


def unreadable(command: str, output: object) -> Failed:
    """What a command printed is not what it usually prints."""
    return Failed(f"`{command}` cannot be read: {output}")


def judge(name: str, check: Callable[[], str], milliseconds: int | None = None) -> CheckResult:
    """Run one check; `milliseconds` is its time where its facts were collected before."""
    started = time.monotonic()
    try:
        passed, detail = True, check()
    except Failed as failed:
        passed, detail = False, str(failed)
    if milliseconds is None:
        milliseconds = round((time.monotonic() - started) * 1000)
    return CheckResult(name, passed, milliseconds, detail)


def refuse_failed(
    machine: str, results: Sequence[CheckResult], kind: str = "checks", details: Sequence[str] = ()
) -> None:
    """Raise FlakeshipError where checks have failed, with a line for each and these details."""
    failed = [result for result in results if not result.passed]
    if failed:
        raise FlakeshipError(
            f"{len(failed)} of {len(results)} {kind} failed",
            code="checks-failed",
            key=machine,
            details=[*(f"  ✗ {each.name}: {each.detail}" for each in failed), *details],
        )
