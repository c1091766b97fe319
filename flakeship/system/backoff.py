"""Attempts with growing pauses, until a deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator

LEAST = 0.5  # seconds that the last attempt gets: it must not fail by the deadline alone


def backoff(seconds: float, first: float = 0.1, most: float = 1.0) -> Iterator[float]:
    """Yield the seconds that are left for each attempt, one at least, and sleep between them."""
    end = time.monotonic() + seconds
    pause = first
    yield max(seconds, LEAST)
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, most)
        yield max(end - time.monotonic(), LEAST)
