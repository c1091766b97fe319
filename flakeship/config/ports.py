"""What a server offers, and how a user has it checked: ports and checks in the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from flakeship.config.fields import Cidr, Model, Name, PortNumber, once
from flakeship.model.checks import CustomCheck
from flakeship.model.ports import Protocol

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
    protocol: Protocol = "tcp"
    host: PortNumber | None = None
    data: bool = False
    sources: Annotated[list[Cidr], Field(alias="from")] = []

    @property
    def label(self) -> str:
        """`80`, or `udp 53`: that is another port than `53`."""
        return f"udp {self.port}" if self.protocol == "udp" else str(self.port)

    @model_validator(mode="after")
    def forwarded(self) -> Port:
        """Ports of this machine that move from server to server are TCP."""
        if self.host and self.protocol == "udp":
            raise ValueError("host is for TCP: no port of this machine leads to a udp port")
        return self


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

    def request(self) -> CustomCheck:
        """The check as the verification gets it."""
        given = self.model_dump()
        return CustomCheck(**given | {"http": self.http or 0, "tcp": self.tcp or 0})


Ports = list[Annotated[Port, BeforeValidator(port_alone)]]


def with_ssh(ports: list[Port]) -> list[Port]:
    """Every declared port. SSH is always one: without it nothing can be verified."""
    if any(port.label == "22" for port in ports):
        return ports
    return [Port(port=22, protocol="ssh"), *ports]


def agree(ports: list[Port], checks: list[Check], *, data: bool) -> None:
    """Refuse what is given twice, and a check of a port that is not declared or waits for data.

    `data` tells whether there are data disks. Raises ValueError.
    """
    labels = [port.label for port in with_ssh(ports)]
    once("port", labels)
    once("check", [check.name for check in checks])
    waiting = [f"port {port.label}" for port in ports if port.data]
    named = [*waiting, *(f"check {check.name}" for check in checks if check.data)]
    if named and not data:
        raise ValueError(f"{', '.join(named)}: data is true, but the server has no data disk")
    for check in checks:
        wanted = check.http or check.tcp
        if wanted and str(wanted) not in labels:
            but = ", but for udp" if f"udp {wanted}" in labels else ""
            raise ValueError(f"check {check.name} asks port {wanted}, which is not declared{but}")
        if f"port {wanted}" in waiting and not check.data:
            raise ValueError(f"check {check.name} asks port {wanted}, so it needs data: true")
