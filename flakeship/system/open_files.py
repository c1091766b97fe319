"""How many files this process may have open, and sharing them between threads."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def allowed(most: int) -> int:
    """Raise the soft limit to the hard one, to `most` at the most, and return what is in force.

    It is never lowered. Commands inherit it, and some do something for every number up to it: a
    hard limit may be a billion.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < raised:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return most if soft == resource.RLIM_INFINITY else min(most, soft)


class Places:
    """`count` places for all threads. Who takes several of them waits until so many are free."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Have so many of them during the block: `count` of this object at the most."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= count)
            self._free -= count
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()
