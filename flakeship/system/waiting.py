"""Lines for the person who waits: what for, and since when."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

FIRST = 5.0  # seconds until the first line
MOST = 30.0  # seconds between two lines, which are few at first


class Waiting:
    """Logs `<what> after <seconds> s`, at growing intervals, while something takes long."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = time.monotonic()
        self._next = FIRST

    def still(self, seen: Callable[[], str] = str) -> None:
        """Log a line if it is time for one, with what is `seen` meanwhile, if anything is."""
        seconds = time.monotonic() - self._started
        if seconds < self._next:
            return
        self._next = seconds + min(max(seconds, FIRST), MOST)
        found = seen()
        log.info("%s after %.0f s%s", self._what, seconds, f": {found}" if found else "")
