"""The settings of one server: its shape, its ports, and the user's own checks."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from flakeship.model.checks import Check
from flakeship.model.fields import Model, Name, NoWord, Whole, whole, wrong
from flakeship.model.ports import SSH, Port, tcp_numbers, with_ssh
from flakeship.model.sizes import LARGEST_DISK

TARGET = "@target"
"""Where the block of the stack's target is while settings are read; no user can write this key."""

ONCE = "remove or rename all but one"
UNITS = {"M": 1, "G": 1024, "T": 1024 * 1024}
SIZES = "a number with M, G or T, or a plain number of MiB, such as 2G, 2048M or 2048"


def _mebibytes(value: object) -> object:
    size = re.fullmatch(r"([0-9]+)\s*([MGT])(?:iB)?", value) if isinstance(value, str) else None
    if size and size[1] != (digits := size[1].lstrip("0") or "0"):
        raise wrong("must be a size", allowed=SIZES, remedy=f"write {digits}{size[2]}")
    try:
        number = whole(size[1] if size else value)
    except PydanticCustomError as error:
        remedy = str((error.context or {})["remedy"])
        raise wrong("must be a size", allowed=SIZES, remedy=remedy) from None
    found = number * UNITS[size[2]] if size and isinstance(number, int) else number
    # here, where it is as the user writes it
    if isinstance(found, int) and not 0 < found <= LARGEST_DISK:
        raise wrong("must be a size from 1M to 64T", allowed=SIZES)
    return found


def _port(value: object) -> object:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return {"port": value} | ({"protocol": "ssh"} if value in (SSH, str(SSH)) else {})
    return value


def present(value: object) -> object:
    """A block that is not there is an empty one."""
    return {} if value is None else value


Size = Annotated[
    int,
    Field(gt=0, le=LARGEST_DISK, json_schema_extra={"unit": "MiB"}),
    BeforeValidator(_mebibytes),
]
DiskName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]{0,15}$",
        title="up to 16 lower-case letters, digits and dashes, first a letter",
    ),
]
Owner = Annotated[
    str,
    Field(
        pattern=r"^[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?$",
        title="a user, or a user and a group with a colon between them",
    ),
]
Ports = list[Annotated[Port, BeforeValidator(_port)]]


class DataDisk(Model):
    """A data disk; its size alone is short for it."""

    size: Size
    """Its size. It can grow, also while a machine has it, and never shrinks."""
    owner: Owner = "root"
    """Who owns the empty directory that a new disk is: a user of the host, or `user:group`."""
    mode: Annotated[
        str, Field(pattern=r"^0?[0-7]{3}$", title="three octal digits in quotes, such as 0750")
    ] = "0755"
    """The mode of that directory, octal and quoted."""
    keep_snapshots: Annotated[int, Field(ge=0, le=100), Whole] = 1
    """How many later releases a snapshot survives that was taken before a release got the disk."""


def _data_disk(value: object) -> object:
    return value if isinstance(value, (DataDisk, Mapping)) else {"size": value}


class ServerOptions(Model):
    """The keys of a server that one target alone has: the block `<target>:` of a server."""


OptionsT = TypeVar("OptionsT", bound=ServerOptions)


class Server(Model, Generic[OptionsT]):
    """A server; `options` are the keys of the stack's target."""

    renamed: ClassVar[Mapping[str, str]] = {"data": "dataDisks"}

    name: Name
    """The name that users know."""
    host: NoWord = ""
    """Its NixOS configuration; empty: the stack's."""
    count: Annotated[int, Field(ge=1, le=100), Whole] = 1
    """How many servers. More than one are named `<name>-1` and so on."""
    vcpus: Annotated[int, Field(ge=1, le=256), Whole] = 2
    """The processors; on OpenStack the least that the flavor has."""
    memory: Size = 512
    """The memory; on OpenStack the least that the flavor has."""
    disk: Size = 2048
    """The root disk, empty for every release; on OpenStack the least that the flavor has."""
    ports: Ports = []
    """The ports that may listen. Nothing else may, and the firewall must allow exactly these. Port
    22 is always declared."""
    data_disks: Annotated[
        dict[DiskName, Annotated[DataDisk, BeforeValidator(_data_disk)]], Field(max_length=100)
    ] = {}
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


def refuse_duplicates(kind: str, values: Iterable[object], at: str) -> None:
    """Refuse a value that is given twice below the key `at`."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise wrong(f"{kind} {', '.join(twice)} is given more than once", at=at, remedy=ONCE)


def validate_ports(ports: list[Port], checks: list[Check], *, data_disks: bool) -> None:
    """Refuse duplicates, and ports, checks and data disks that do not fit each other."""
    labels = [port.label for port in with_ssh(ports)]
    refuse_duplicates("port", labels, "ports")
    refuse_duplicates("check", [check.name for check in checks], "checks")
    need_data = [f"port {port.label}" for port in ports if port.needs_data]
    for key, named in (
        ("ports", need_data),
        ("checks", [f"check {check.name}" for check in checks if check.needs_data]),
    ):
        if named and not data_disks:
            what = f"{', '.join(named)}: needsData is true, but the server has no data disk"
            raise wrong(what, at=key, remedy="give it one by dataDisks")
    for check in checks:
        if check.port and check.port not in tcp_numbers(with_ssh(ports)):
            raise _not_declared(check.name, check.port, ports)
        if f"port {check.port}" in need_data and not check.needs_data:
            uses = f"check {check.name} uses TCP port {check.port}"
            raise wrong(f"{uses}, which needs data", at="checks", remedy="set its needsData too")


def _not_declared(check: str, number: int, ports: list[Port]) -> PydanticCustomError:
    spans = [(port.transport, *port.numbers) for port in ports if port.numbers]
    around = {transport for transport, first, last in spans if first <= number <= last}
    but = "which is not declared"
    if "tcp" in around:
        but = "which is declared in a range alone"
    elif "udp" in around:
        but = f"but only UDP port {number} is declared"
    what = f"check {check} uses TCP port {number}, {but}"
    return wrong(what, at="checks", remedy="declare it as a port of its own in ports")
