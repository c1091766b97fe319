"""The settings of one server: its shape, what it offers, and the user's own checks."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from flakeship.config.fields import Model, Name, Size
from flakeship.config.ports import Ports, validate_ports, with_ssh
from flakeship.model.checks import Check
from flakeship.model.ports import Port
from flakeship.targets.openstack.settings import FlavorPolicy, name_alone


class Server(Model):
    """A server: a stable name, the shape of its machines, and what it offers.

    `host` is its NixOS configuration, where that is not the stack's. On a cloud, vcpus, memory and
    disk are what its flavor has to offer at least, `address` is `floating` (one of its own), `none`
    or an existing floating IP, and with `volume` the root disk is a volume.
    """

    name: Name
    host: str = ""
    count: Annotated[int, Field(ge=1, le=100)] = 1
    vcpus: Annotated[int, Field(ge=1, le=256)] = 2
    memory: Size = 512
    disk: Size = 2048
    ports: Ports = []
    data: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")], Size] = {}
    checks: list[Check] = []
    flavor: Annotated[FlavorPolicy, BeforeValidator(name_alone)] = FlavorPolicy()
    user_data: str = ""
    metadata: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,255}$")], str] = {}
    keypair: str = ""
    address: str = "floating"
    volume: bool = False

    @property
    def declared(self) -> list[Port]:
        """Every declared port, SSH too."""
        return with_ssh(self.ports)

    @property
    def each(self) -> list[Server]:
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
    def consistent(self) -> Server:
        """What it offers holds together, and the address is one."""
        validate_ports(self.ports, self.checks, data_disks=bool(self.data))
        if self.address not in ("floating", "none"):
            try:
                ipaddress.IPv4Address(self.address)
            except ValueError:
                raise ValueError(
                    f"address is {self.address}; allowed are floating, none and an existing "
                    "floating IP"
                ) from None
        return self
