"""Ownership tags: what every object of a stack carries, so that a sweep finds what a crash left.

A target stores them as it can: as metadata, as tags, in a description, in a file beside it.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

STACK, NAME, RELEASE = "flakeship_stack", "flakeship_name", "flakeship_release"
CHECKOUT, TEMPORARY = "flakeship_checkout", "flakeship_temporary"


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
        stack, name, release, checkout = (
            tags.get(key, "") for key in (STACK, NAME, RELEASE, CHECKOUT)
        )
        return cls(stack, name, release, checkout, tags.get(TEMPORARY) == "1")

    def for_verification(self) -> Owner:
        """The owner of an object that exists for one verification."""
        return replace(self, temporary=True)

    def of_this_checkout(self) -> Owner:
        """The owner of an object that only a run of this checkout may touch."""
        place = f"{socket.gethostname()} {Path.cwd().resolve()}"
        return replace(self, checkout=hashlib.sha256(place.encode()).hexdigest()[:12])
