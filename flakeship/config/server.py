"""The settings of one server: its shape, its ports, and the user's own checks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from flakeship.config.fields import Model, Name, Size
from flakeship.config.options import ServerOptions
from flakeship.config.ports import Ports, validate_ports
from flakeship.model.checks import Check
from flakeship.model.ports import Port, with_ssh

OptionsT = TypeVar("OptionsT", bound=ServerOptions)
DiskName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")]

TARGET = "@target"
"""Where the block of the stack's target is while settings are read; no user can write this key."""


def present(value: object) -> object:
    """A block that is not there is an empty one."""
    return {} if value is None else value


class Server(Model, Generic[OptionsT]):
    """A server: a stable name, the shape of its machines, and what it serves.

    `options` are the keys of the stack's target.
    """

    renamed: ClassVar[Mapping[str, str]] = {"data": "dataDisks"}

    name: Name
    """The name that users know."""
    host: str = ""
    """Its NixOS configuration; empty: the stack's."""
    count: Annotated[int, Field(ge=1, le=100)] = 1
    """How many servers. More than one are named `<name>-1` and so on."""
    vcpus: Annotated[int, Field(ge=1, le=256)] = 2
    """The processors; on a cloud the least that the flavor has."""
    memory: Size = 512
    """The memory; on a cloud the least that the flavor has."""
    disk: Size = 2048
    """The root disk, empty for every release; on a cloud the least that the flavor has."""
    ports: Ports = []
    """The ports that may listen. Nothing else may, and the firewall must allow exactly these. Port
    22 is always declared."""
    data_disks: dict[DiskName, Size] = {}
    """Disks that outlive releases and move with the cutover, by name: up to 16 lower-case letters,
    digits and dashes, first a letter."""
    checks: list[Check] = []
    """Checks of the server in addition to the built-in ones."""
    options: Annotated[OptionsT, BeforeValidator(present)] = Field(
        default=None, alias=TARGET, validate_default=True
    )

    @property
    def declared(self) -> list[Port]:
        """Every declared port, SSH too."""
        return with_ssh(self.ports)

    @property
    def instances(self) -> list[Server[OptionsT]]:
        """Itself or, with a count, `<name>-1` and so on."""
        if self.count == 1:
            return [self]
        return [
            self.model_copy(update={"name": f"{self.name}-{number}", "count": 1})
            for number in range(1, self.count + 1)
        ]

    @property
    def shape(self) -> str:
        """Four characters that change with what only a new machine can have."""
        text = f"{self.vcpus} {self.memory} {self.disk}"
        return hashlib.sha256(text.encode()).hexdigest()[:4]

    @model_validator(mode="after")
    def consistent(self) -> Server[OptionsT]:
        """Ports, checks and data disks fit each other."""
        validate_ports(self.ports, self.checks, data_disks=bool(self.data_disks))
        return self


AnyServer = Server[Any]
