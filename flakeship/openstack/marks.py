"""The marks of what exists only for the time of a verification."""

from __future__ import annotations

from flakeship.openstack.machine import marked
from flakeship.openstack.requests import Marks

TEMPORARY = "flakeship_temporary"


def metadata(marks: Marks) -> dict[str, str]:
    """As a server carries them."""
    return {**marked(marks.stack, marks.name, marks.release), TEMPORARY: "1"}


def tags(marks: Marks) -> list[str]:
    """As ports and addresses carry them."""
    return [f"{key}={value}" for key, value in metadata(marks).items()]


def description(marks: Marks) -> str:
    """The same in one piece: tags come only after the object, and a kill may come in between."""
    return " ".join(tags(marks))
