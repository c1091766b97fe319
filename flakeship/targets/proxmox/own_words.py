"""What a virtual machine or a file says of itself, as the API shows one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from flakeship.model.sizes import MIB
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api.answers import Number, Words
from flakeship.targets.proxmox.resources import Marks, described, marks

UNITS = {"K": 1024, "M": MIB, "G": 1024 * MIB, "T": 1024 * 1024 * MIB}
SIZE = re.compile(r"(?:^|,)size=([0-9]+)([KMGT]?)(?:,|$)")
CARD = re.compile(r"net[0-9]+")
HARDWARE = re.compile(r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b")
CREATED = re.compile(r"(?:^|,)ctime=([0-9]{1,11})(?:,|$)")
Seconds = Annotated[Number, Field(ge=0, le=99_999_999_999)]


@dataclass(frozen=True)
class Config:
    """The configuration of a virtual machine; `lock` names what works on it."""

    name: Words = ""
    tags: Words = ""
    description: Words = ""
    meta: Words = ""
    virtio0: Words = ""  # ROOT_DISK
    lock: Words = ""

    def marks(self, vmid: int) -> Marks:
        """What it says of itself: the description has more, and is there before the tags.

        Where they say different things the tags are right.
        """
        tags, text = marks(vmid, listed.words(self.tags)), described(vmid, self.description)
        same = replace(text, checkout="", template=0) == tags
        return text if same or not tags.stack else tags

    @property
    def disk(self) -> int:
        """The size of the root disk in MiB; 0 where there is none."""
        found = SIZE.search(self.virtio0)
        return int(found[1]) * UNITS.get(found[2], 1) // MIB if found else 0

    @property
    def created(self) -> datetime | None:
        """When it was made; a clone has the time of its template."""
        found = CREATED.search(self.meta)
        return datetime.fromtimestamp(int(found[1]), UTC) if found else None

    def template(self, vmid: int) -> int:
        """The id of what it was cloned from; 0 where that is not known."""
        base = listed.BASE.search(self.virtio0)
        return self.marks(vmid).template or (int(base[1]) if base and base[1] != str(vmid) else 0)


def hardware(config: Mapping[str, object]) -> frozenset[str]:
    """The MAC addresses of the network cards in a whole configuration, in lower case."""
    cards = (str(value) for key, value in config.items() if CARD.fullmatch(key))
    return frozenset(found[0].lower() for each in cards if (found := HARDWARE.search(each)))


@dataclass(frozen=True)
class Current:
    """The answer of `status/current`; `uptime` is in seconds, 0 for what does not run."""

    status: Words
    uptime: Seconds = 0


@dataclass(frozen=True)
class Volume:
    """A file on a storage; `ctime` is when it was made, in seconds since 1970."""

    volid: Words
    ctime: Seconds = 0

    @property
    def created(self) -> datetime | None:
        """When it was made, where the storage tells."""
        return datetime.fromtimestamp(self.ctime, UTC) if self.ctime else None
