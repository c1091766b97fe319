"""Resources that exist for one verification: whatever happens, nothing of them is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from flakeship.system.process import deferred

T = TypeVar("T")


@contextmanager
def temporary(
    make: Callable[[], T],
    remove: Callable[[T], object],
    take_over: Callable[[], T | None] = lambda: None,
) -> Iterator[T]:
    """A resource that is removed afterwards, also after an error and an interruption.

    `take_over` returns what a killed run left of it, if anything; otherwise `make` makes it. An
    interruption during either comes after it, when the resource is known and can be removed, and
    one during `remove` comes when that is done.
    """
    made: list[T] = []
    try:
        with deferred():
            left = take_over()
            made.append(make() if left is None else left)
        yield made[0]
    finally:
        if made:
            with deferred():
                remove(made[0])
