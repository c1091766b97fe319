"""How a stack's resources are named, and how virtual machines say whose they are.

One call lists all virtual machines with their tags, but not with their descriptions: so the tags
tell. Proxmox VE allows letters, digits, `_`, `-`, `+` and `.` in them, and makes them lower case.
A clone gets its tags only after it is made, and a kill may come in between: the description tells
then. An uploaded file has neither, only its name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from flakeship.rollout.ownership import CHECKOUT, RELEASE, STACK, TEMPORARY, Owner
from flakeship.state.resources import Kind
from flakeship.state.stack import Resource, Stack

# the prefixes of their names, each with the subject that follows
UPLOAD = Kind("upload", "Upload")  # the image of a release on a storage
TEMPLATE = Kind("template")  # a release and an id
SERVER = Kind("server")  # a machine and an id
OWNERSHIP = Kind("ownership", "Ownership")  # of the id of a template or a machine
PROOF = Kind("proof", "Proof")  # that a template is as asked for
CUTOVER = Kind("cutover", "Cutover")  # what leads to the active machine; a server

VM = "proxmoxve:index/vmLegacy:VmLegacy"
"""The type of a template or server, whose id is that of the virtual machine."""

ID, MACHINE, ADDRESS = "flakeship_id", "flakeship_machine", "flakeship_address"
SOURCE = "flakeship_template"
SPLIT = "."  # a key has none

UPLOADS = "flakeship-"  # how the name of every uploaded file begins
LONGEST_STACK = 60  # characters of a stack in the name of a file, which has at most 200


@dataclass(frozen=True)
class Marks:
    """What the tags of a virtual machine say; empty where it is none of ours.

    `stack` and `release` are as `written` makes them. A machine has its id, a template only its
    release; `address` is the one that the machine was given, without a prefix. Only a description
    has the id of the `template` that a machine was cloned from, and the `checkout` that made it.
    """

    stack: str = ""
    machine: str = ""
    release: str = ""
    address: str = ""
    checkout: str = ""
    temporary: bool = False
    template: int = 0


def vmid(resource: Resource) -> int:
    """The id of a virtual machine that a state has: the plan gives it; 0 for none."""
    given = resource.inputs.get("vmId", resource.id)
    text = str(int(given) if isinstance(given, float) else given)
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def machines(stack: Stack) -> dict[str, Resource]:
    """The virtual machines that a state has, by the ids of our machines."""
    found = stack.of(SERVER).items()
    return {each.removesuffix(f"-{vmid(resource)}"): resource for each, resource in found}


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
        SOURCE: str(marks.template) if marks.template else "",
    }
    return sorted(f"{key}{SPLIT}{value}" for key, value in found.items() if value)


def marks(vmid: int, given: Iterable[str]) -> Marks:
    """What tags say, those of others among them. Without the number they are a copy's."""
    found = dict(tag.partition(SPLIT)[::2] for tag in given)
    if found.get(ID) != str(vmid):
        return Marks()
    address, template = found.get(ADDRESS, ""), found.get(SOURCE, "")
    return Marks(
        stack=found.get(STACK, ""),
        machine=found.get(MACHINE, ""),
        release=found.get(RELEASE, ""),
        address=address if SPLIT in address else address.replace("-", ":"),
        checkout=found.get(CHECKOUT, ""),
        temporary=found.get(TEMPORARY) == "1",
        template=int(template) if re.fullmatch("[0-9]{1,9}", template) else 0,
    )


def description(vmid: int, marks: Marks, template: int = 0) -> str:
    """The text that a virtual machine gets in the very call that makes it, for the sweep.

    It has the tags and, of a clone, the id of its `template`. It differs where another checkout
    runs the same stack: a change of it is to be ignored.
    """
    whole = replace(marks, template=template, checkout=_checkout())
    return f"Made by Flakeship: `{' '.join(tags(vmid, whole))}`"


def described(vmid: int, text: str) -> Marks:
    """What a description says, what others wrote there included. Empty for that of a copy."""
    return marks(vmid, re.findall(r"[^\s`]+", text))


def is_of_this_checkout(marks: Marks) -> bool:
    """Whether a run of this checkout made it: by its description, or the name of a file."""
    return bool(marks.checkout) and marks.checkout == _checkout()


def upload_name(stack: str, release: str) -> str:
    """The name of the file that an image is uploaded as.

    It has the checkout, for a sweep removes only what a run of its own checkout has left.
    """
    return _file_name(written(stack), written(release), _checkout())


def uploaded(stack: str, name: str) -> Marks:
    """Whose file has such a name: its release and checkout, if a run of this stack made it."""
    own = written(stack)
    begin = re.escape(f"{UPLOADS}{own[:LONGEST_STACK]}-")
    end = r"(?P<checkout>[0-9a-f]{12})-[0-9a-f]{8}\.qcow2"
    found = re.fullmatch(rf"{begin}(?P<release>[a-z0-9._-]+)-{end}", name)
    # names have dashes: only the hash tells where one of them ends
    if found and name == _file_name(own, **found.groupdict()):
        return Marks(stack=own, release=found["release"], checkout=found["checkout"])
    return Marks()


def _file_name(stack: str, release: str, checkout: str) -> str:
    digest = hashlib.sha256(f"{stack} {release} {checkout}".encode()).hexdigest()[:8]
    return f"{UPLOADS}{stack[:LONGEST_STACK]}-{release}-{checkout}-{digest}.qcow2"


def _checkout() -> str:
    return Owner("").of_this_checkout().checkout
