"""Progress of the lab on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from flakeship.model.errors import FlakeshipError

LAST_LINES = 15
IN_LOG = 15.0
"""Seconds between two lines about the same wait."""

_start = time.monotonic()


def say(text: str) -> None:
    """Write one line, with the seconds since the start."""
    print(f"lab: {time.monotonic() - _start:5.1f} s  {text}", file=sys.stderr, flush=True)


def end_of(log: Path) -> list[str]:
    """The last lines of a log, as the details of an error."""
    if not log.exists():
        return [f"It wrote no log ({log})."]
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        lines = file.read().decode(errors="replace").splitlines()[-LAST_LINES:]
    return [f"The end of {log}:", *(f"  | {line}" for line in lines)]


def wait(
    seconds: float, what: str, ready: Callable[[], bool], why: Callable[[], list[str]]
) -> None:
    """Wait until `ready`. Raises FlakeshipError with the lines of `why`, which may raise itself."""
    begin = time.monotonic()
    reported = begin
    while not ready():
        now = time.monotonic()
        if now - begin > seconds:
            raise FlakeshipError(f"{what}: not ready after {seconds:.0f} s", details=why())
        if now - reported > IN_LOG:
            reported = now
            say(f"still waiting for {what}, up to {seconds - (now - begin):.0f} s more")
        time.sleep(0.15)
