"""The marks of what exists only for the time of a verification or an upload."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from flakeship.openstack.machine import marked
from flakeship.openstack.requests import Marks

TEMPORARY, CHECKOUT = "flakeship_temporary", "flakeship_checkout"

LONGEST = timedelta(days=1)
"""Longer than any verification or upload takes."""


def metadata(marks: Marks) -> dict[str, str]:
    """As a server carries them."""
    return {**marked(marks.stack, marks.name, marks.release), TEMPORARY: "1"}


def checkout() -> dict[str, str]:
    """The mark of this directory on this host: another may have a stack of the same name."""
    place = f"{socket.gethostname()} {Path.cwd().resolve()}"
    return {CHECKOUT: hashlib.sha256(place.encode()).hexdigest()[:12]}


def own(marks: Marks) -> dict[str, str]:
    """Those of what nobody may remove but the next run of this checkout."""
    return {**metadata(marks), **checkout()}


def tags(metadata: Mapping[str, str]) -> list[str]:
    """As ports and addresses carry them."""
    return [f"{key}={value}" for key, value in metadata.items()]


def description(metadata: Mapping[str, str]) -> str:
    """The same in one piece: tags come only after the object, and a kill may come in between."""
    return " ".join(tags(metadata))
