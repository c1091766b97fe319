"""How a check ends: it returns its detail or raises Failed with it."""

from __future__ import annotations

import time
from collections.abc import Callable

from flakeship.model.evidence import CheckResult


class Failed(Exception):  # noqa: N818 - a verdict, not an error
    """The check has failed; the text is what was found and what was expected."""


def judge(name: str, check: Callable[[], str], milliseconds: int | None = None) -> CheckResult:
    """Run one check and return its evidence.

    `milliseconds` is the time that its facts took, where they were collected before.
    """
    started = time.monotonic()
    try:
        passed, detail = True, check()
    except Failed as failed:
        passed, detail = False, str(failed)
    if milliseconds is None:
        milliseconds = round((time.monotonic() - started) * 1000)
    return CheckResult(name, passed, milliseconds, detail)
