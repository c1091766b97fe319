"""How a stack's resources are named, and how virtual machines say whose they are.

One call lists all virtual machines with their tags, but not with their descriptions: so the tags
tell. Proxmox VE allows letters, digits, `_`, `-`, `+` and `.` in them, and makes them lower case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from flakeship.rollout.ownership import CHECKOUT, RELEASE, STACK, TEMPORARY
from flakeship.state.resources import Kind

# the prefixes of their names, each with the subject that follows
TEMPLATE = Kind("template")  # a release and an id
SERVER = Kind("server")  # a machine

ID, MACHINE, ADDRESS = "flakeship_id", "flakeship_machine", "flakeship_address"
SPLIT = "."  # a key has none


@dataclass(frozen=True)
class Marks:
    """What the tags of a virtual machine say; empty where it is none of ours.

    `stack` and `release` are as `written` makes them. A machine has its id, a template only its
    release; `address` is the one that the machine was given, without a prefix.
    """

    stack: str = ""
    machine: str = ""
    release: str = ""
    address: str = ""
    checkout: str = ""
    temporary: bool = False


def written(text: str) -> str:
    """A name in the form that a tag keeps: in lower case, with a hash where that differs."""
    lower = text.lower()
    if lower == text:
        return text
    return f"{lower}{SPLIT}{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def tags(vmid: int, marks: Marks) -> list[str]:
    """The tags of a virtual machine, sorted as Proxmox VE does.

    They have its number: a clone that somebody makes by hand has the tags too, but another one.
    """
    found = {
        ID: str(vmid),
        STACK: written(marks.stack),
        MACHINE: marks.machine,
        RELEASE: written(marks.release),
        ADDRESS: marks.address.replace(":", "-"),
        CHECKOUT: marks.checkout,
        TEMPORARY: "1" if marks.temporary else "",
    }
    return sorted(f"{key}{SPLIT}{value}" for key, value in found.items() if value)


def marks(vmid: int, given: Iterable[str]) -> Marks:
    """What tags say, those of others among them. Without the number they are a copy's."""
    found = dict(tag.partition(SPLIT)[::2] for tag in given)
    if found.get(ID) != str(vmid):
        return Marks()
    address = found.get(ADDRESS, "")
    return Marks(
        stack=found.get(STACK, ""),
        machine=found.get(MACHINE, ""),
        release=found.get(RELEASE, ""),
        address=address if SPLIT in address else address.replace("-", ":"),
        checkout=found.get(CHECKOUT, ""),
        temporary=found.get(TEMPORARY) == "1",
    )
