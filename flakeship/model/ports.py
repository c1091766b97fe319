"""The ports of a server, and the protocols that have to answer there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import model_validator

from flakeship.model.fields import Cidr, Model, PortNumber, wrong

SSH = 22

Protocol = Literal["tcp", "http", "ssh", "udp"]
Transport = Literal["tcp", "udp"]


class Port(Model):
    """A declared port of a server. A plain number is a TCP port."""

    renamed: ClassVar[Mapping[str, str]] = {
        "host": "hostPort",
        "from": "allowFrom",
        "data": "needsData",
    }

    port: PortNumber
    """The number."""
    protocol: Protocol = "tcp"
    """The protocol that has to answer. UDP is verified on the server alone, because a UDP service
    need not answer."""
    needs_data: bool = False
    """Whether it answers only with the data disks, which are attached at the cutover."""
    host_port: PortNumber | None = None
    """The port of the workstation that forwards to it; TCP only."""
    allow_from: list[Cidr] = []
    """The networks that may reach it; empty: all, over IPv4 and IPv6."""

    @property
    def transport(self) -> Transport:
        """TCP carries all but UDP."""
        return "udp" if self.protocol == "udp" else "tcp"

    @property
    def label(self) -> str:
        """`80`, or `udp 53`: that is another port than `53`."""
        return f"udp {self.port}" if self.protocol == "udp" else str(self.port)

    @property
    def verified(self) -> Port:
        """The port without what a verification does not use: a change of that verifies nothing."""
        return Port(port=self.port, protocol=self.protocol, needs_data=self.needs_data)

    @model_validator(mode="after")
    def _possible(self) -> Port:
        if self.host_port and self.protocol == "udp":
            raise wrong("must not be given for UDP: TCP alone is forwarded", at="hostPort")
        if self.port == SSH and self.protocol == "http":
            raise wrong(f"must be ssh: the checks log in at port {SSH}", at="protocol")
        return self


def with_ssh(ports: list[Port]) -> list[Port]:
    """Every declared port. SSH is always one: without it nothing can be verified."""
    if any(port.label == str(SSH) for port in ports):
        return ports
    return [Port(port=SSH, protocol="ssh"), *ports]
