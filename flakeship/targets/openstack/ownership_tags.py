"""The marks that everything carries which is made for a stack, as metadata and as tags."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from flakeship.targets.openstack.inventory import NAME, RELEASE, STACK
from flakeship.targets.openstack.requests import Owner

TEMPORARY, CHECKOUT = "flakeship_temporary", "flakeship_checkout"

LONGEST = timedelta(days=1)
"""Longer than any verification or upload takes."""


def marked(stack: str, name: str, release: str = "") -> dict[str, str]:
    """The marks as metadata; what belongs to no release has none."""
    return {STACK: stack, NAME: name} | ({RELEASE: release} if release else {})


def metadata(marks: Owner) -> dict[str, str]:
    """Those of what exists only for the time of a verification or an upload."""
    return {**marked(marks.stack, marks.name, marks.release), TEMPORARY: "1"}


def checkout() -> dict[str, str]:
    """The mark of this directory on this host: another may have a stack of the same name."""
    place = f"{socket.gethostname()} {Path.cwd().resolve()}"
    return {CHECKOUT: hashlib.sha256(place.encode()).hexdigest()[:12]}


def own(marks: Owner) -> dict[str, str]:
    """Those of what nobody may remove but the next run of this checkout."""
    return {**metadata(marks), **checkout()}


def tags(metadata: Mapping[str, str]) -> list[str]:
    """As everything of Neutron's carries them."""
    return [f"{key}={value}" for key, value in metadata.items()]


def read(words: Iterable[str]) -> dict[str, str]:
    """The marks from tags, or from the words of a description; other ones come along."""
    return dict(word.partition("=")[::2] for word in words)


def description(metadata: Mapping[str, str]) -> str:
    """The same in one piece: tags come only after the object, and a kill may come in between."""
    return " ".join(tags(metadata))
