"""How a stack's resources are named, and how objects in the cloud say whose they are."""

from __future__ import annotations

from collections.abc import Iterable

from flakeship.rollout.ownership import Owner
from flakeship.state.resources import Kind

# the prefixes of their names, each with the subject that follows
GLANCE_IMAGE = Kind("glance", "GlanceImage")  # the publication of a release's image; a release
PORT = Kind("port")  # a machine
SERVER = Kind("server")  # a machine
FLAVOR = Kind("flavor")  # one that the stack has created; its name
SERVER_GROUP = Kind("placement")  # a release; no server has this prefix
ADDRESS = Kind("address")  # a floating IP; a server
CUTOVER = Kind("cutover")  # the association of the address with the active machine; a server

EPHEMERAL = "flakeship:openstack:EphemeralVerification"
"""The type of the verification of a server that it makes itself, and removes."""

ACCEPTANCE = Kind("accept")  # the membership in another project's image; a release
SHARE = Kind("share")  # the membership of another project in an image; `<release>-<project>`

IMAGE_VISIBILITY = "image-visibility"
"""The name of the resource that shows and hides the images."""

SECURITY_GROUP = "The declared ports of servers"  # the description of every one of ours

MACHINE = "flakeship_machine"
"""The metadata of a server in Nova with its machine's id: a person may give it another name."""


def words(owner: Owner) -> list[str]:
    """The ownership tags as everything of Neutron's carries them: `<key>=<value>`."""
    return [f"{key}={value}" for key, value in owner.tags.items()]


def description(owner: Owner) -> str:
    """The tags in one text: tags come only after an object, and a kill may come in between."""
    return " ".join(words(owner))


def tags_in(found: Iterable[str]) -> dict[str, str]:
    """The tags from words, those of others among them."""
    return dict(word.partition("=")[::2] for word in found)
