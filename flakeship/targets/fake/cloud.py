"""The cloud: images, machines and addresses as plain values, in one JSON file for each stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from flakeship.rollout.ownership import Owner
from flakeship.system import files
from flakeship.system.files import locked

Kind = Literal["machine", "address", "image"]


@dataclass
class Object:
    """An object: `uses` is the id of a machine's image, or of the machine that an address leads to.

    The `status` of a machine is starting, running, stopped or failed. Names need not be unique.
    """

    kind: Kind
    id: str
    name: str
    tags: dict[str, str]
    created: datetime
    uses: str = ""
    status: str = ""

    @property
    def owner(self) -> Owner:
        """The owner that the tags name."""
        return Owner.read(self.tags)


@dataclass
class Cloud:
    """All objects by id: the target's inventory. `last` is the number of the newest."""

    objects: dict[str, Object] = field(default_factory=dict)
    last: Annotated[int, Field(ge=0)] = 0

    def of(self, kind: Kind, owner: Owner | None = None) -> list[Object]:
        """The objects of a kind, the oldest first, or only those of one owner."""
        found = [each for each in self.objects.values() if each.kind == kind]
        return [each for each in found if owner in (None, each.owner)]

    def have(self, kind: Kind, owner: Owner, **more: str) -> Object:
        """The owner's object; a new one where there is none."""
        return next(iter(self.of(kind, owner)), None) or self.create(kind, owner, **more)

    def create(self, kind: Kind, owner: Owner, name: str = "", **more: str) -> Object:
        """Create an object. The ids of addresses are addresses that nobody has (RFC 2544)."""
        self.last += 1
        address = f"198.18.{self.last // 256}.{self.last % 256}"
        key = address if kind == "address" else f"{kind}-{self.last}"
        made = Object(kind, key, name or owner.name, owner.tags, datetime.now(UTC), **more)
        return self.objects.setdefault(key, made)


STORED = TypeAdapter(Cloud)


def file(stack: str) -> Path:
    """The file of a stack's cloud; there is none while the cloud is empty."""
    return Path(".state", stack, "fake.json")


def read(stack: str) -> Cloud:
    """The cloud of a stack. Raises FlakeshipError (`state-unreadable`)."""
    text = files.read(file(stack))
    try:
        return STORED.validate_json(text, strict=True) if text else Cloud()
    except ValidationError as error:
        raise files.unreadable(file(stack), error.errors()[0]["msg"]) from error


@contextmanager
def changing(stack: str) -> Iterator[Cloud]:
    """The cloud of a stack, for a change that is stored as a whole, or not after an error."""
    path = file(stack)
    with locked(path.parent):
        cloud = read(stack)
        yield cloud
        if cloud.objects:
            files.write(path, STORED.dump_json(cloud, indent=1).decode() + "\n")
        else:
            path.unlink(missing_ok=True)
