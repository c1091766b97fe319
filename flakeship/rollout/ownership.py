"""Ownership tags, by which a sweep finds what a crash left, and objects for one verification.

A target stores the tags as it can: as metadata, as tags, in a description, in a file beside it.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from flakeship.system.interrupt import deferred

STACK, NAME, RELEASE = "flakeship_stack", "flakeship_name", "flakeship_release"
CHECKOUT, TEMPORARY = "flakeship_checkout", "flakeship_temporary"

T = TypeVar("T")


@dataclass(frozen=True)
class Owner:
    """The owner of an object: its stack, and the server (or the part of the stack) that it is for.

    `checkout` identifies a directory on a workstation: another one may have a stack of the same
    name. A `temporary` object exists for one verification or upload.
    """

    stack: str
    name: str = ""
    release: str = ""
    checkout: str = ""
    temporary: bool = False

    @property
    def tags(self) -> dict[str, str]:
        """The tags by key; what is empty has none."""
        found = {
            STACK: self.stack,
            NAME: self.name,
            RELEASE: self.release,
            TEMPORARY: "1" if self.temporary else "",
            CHECKOUT: self.checkout,
        }
        return {key: value for key, value in found.items() if value}

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Owner:
        """The owner that tags name; its stack is empty where an object has none of ours."""
        keys = (STACK, NAME, RELEASE, CHECKOUT)
        stack, name, release, checkout = (tags.get(key, "") for key in keys)
        return cls(stack, name, release, checkout, tags.get(TEMPORARY) == "1")

    def for_verification(self) -> Owner:
        """The owner of an object that exists for one verification."""
        return replace(self, temporary=True)

    def of_this_checkout(self) -> Owner:
        """The owner of an object that only a run of this checkout may touch."""
        place = f"{socket.gethostname()} {Path.cwd().resolve()}"
        return replace(self, checkout=hashlib.sha256(place.encode()).hexdigest()[:12])


@contextmanager
def temporary(
    make: Callable[[], T],
    remove: Callable[[T], object],
    take_over: Callable[[], T | None] = lambda: None,
) -> Iterator[T]:
    """An object that is removed afterwards, also after an error and an interruption.

    `take_over` returns what a killed run left of it, if anything; otherwise `make` makes it. An
    interruption during either comes after it, when the object is known and can be removed, and
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
