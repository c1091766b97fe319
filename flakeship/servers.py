"""The settings of one server: its shape, what it offers, and the user's own checks."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from flakeship import requests
from flakeship.model import Cidr, Model, Name, PortNumber, Size, once
from flakeship.openstack.wishes import FlavorWish, name_alone

OURS = {
    *("host-key", "root-login", "password-login", "toplevel", "sudo", "dhcp"),
    *("listeners", "firewall", "root-size", "system", "nix-build"),
}
"""The names of the checks that every server gets."""


def port_alone(value: object) -> object:
    """A port may be given as a number alone."""
    alone = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return {"port": value} if alone else value


class Port(Model):
    """A declared port, see requests.Port; the host's port `host` leads to it.

    `sources` are the networks that may reach it on a cloud; none given: everybody.
    """

    port: PortNumber
    protocol: requests.Protocol = "tcp"
    host: PortNumber | None = None
    data: bool = False
    sources: Annotated[list[Cidr], Field(alias="from")] = []


class Check(Model):
    """A check of the user's own; see requests.CustomCheck."""

    name: Name
    run: str = ""
    http: PortNumber | None = None
    tcp: PortNumber | None = None
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")] = "/"
    status: Annotated[int, Field(ge=100, le=599)] = 200
    send: str = ""
    contains: str = ""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 10
    data: bool = False

    @model_validator(mode="after")
    def one_kind(self) -> Check:
        """A check is one thing."""
        if sum(map(bool, (self.run, self.http, self.tcp))) != 1:
            raise ValueError("needs exactly one of run (a command), http and tcp (a port)")
        if self.name in OURS or self.name.startswith("port-"):
            raise ValueError(f"the name {self.name} is that of a check of ours")
        return self

    def request(self) -> requests.CustomCheck:
        """The check as the verification gets it."""
        given = self.model_dump()
        return requests.CustomCheck(**given | {"http": self.http or 0, "tcp": self.tcp or 0})


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
    ports: list[Annotated[Port, BeforeValidator(port_alone)]] = []
    data: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")], Size] = {}
    checks: list[Check] = []
    flavor: Annotated[FlavorWish, BeforeValidator(name_alone)] = FlavorWish()
    user_data: str = ""
    metadata: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,255}$")], str] = {}
    keypair: str = ""
    address: str = "floating"
    volume: bool = False

    @property
    def declared(self) -> list[Port]:
        """Every declared port. SSH is always one: without it nothing can be verified."""
        if any(port.port == 22 for port in self.ports):
            return self.ports
        return [Port(port=22, protocol="ssh"), *self.ports]

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
        """Names are given once, and a check asks a declared port, and waits with it for data."""
        ports = [port.port for port in self.declared]
        once("port", ports)
        once("check", [check.name for check in self.checks])
        waiting = [f"port {port.port}" for port in self.ports if port.data]
        named = [*waiting, *(f"check {check.name}" for check in self.checks if check.data)]
        if named and not self.data:
            raise ValueError(f"{', '.join(named)}: data is true, but the server has no data disk")
        for check in self.checks:
            wanted = check.http or check.tcp
            if wanted and wanted not in ports:
                raise ValueError(f"check {check.name} asks port {wanted}, which is not declared")
            if f"port {wanted}" in waiting and not check.data:
                raise ValueError(f"check {check.name} asks port {wanted}, so it needs data: true")
        return self
