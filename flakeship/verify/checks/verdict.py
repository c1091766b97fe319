"""How a check ends: it returns its detail or raises Failed with it."""

from __future__ import annotations

import time
from collections.abc import Callable

from flakeship.model.evidence import CheckResult


class Failed(Exception):  # noqa: N818 - a verdict, not an error
    """The check has failed; the text says what was seen and what was expected."""


def judge(name: str, check: Callable[[], str], milliseconds: int | None = None) -> CheckResult:
    """Run one check and write down the evidence.

    `milliseconds` is the time that getting the facts took, where that was not now.
    """
    started = time.monotonic()
    try:
        passed, detail = True, check()
    except Failed as failed:
        passed, detail = False, str(failed)
    if milliseconds is None:
        milliseconds = round((time.monotonic() - started) * 1000)
    return CheckResult(name, passed, milliseconds, detail)
