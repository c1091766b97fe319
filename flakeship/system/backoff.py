"""Attempts with growing pauses, until a deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator

LEAST = 0.5
"""Seconds that the last attempt gets: it must not fail because of the deadline alone."""


def backoff(seconds: float, first: float = 0.1, most: float = 1.0) -> Iterator[float]:
    """Yield the seconds that are left, once for each attempt, and sleep between attempts.

    There is always one attempt. The pauses grow by half from `first` to `most` seconds.
    """
    end = time.monotonic() + seconds
    pause = first
    yield max(seconds, LEAST)
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, most)
        yield max(end - time.monotonic(), LEAST)
