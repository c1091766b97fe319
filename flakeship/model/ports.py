"""The ports of a server, and the protocols that have to answer there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import model_validator

from flakeship.model.fields import Cidr, Model, PortNumber

SSH = 22

Protocol = Literal["tcp", "http", "ssh", "udp"]
Transport = Literal["tcp", "udp"]


class Port(Model):
    """A declared port of a server, and the protocol that has to answer there.

    UDP ports are verified on the server alone: a UDP service need not answer. With `needs_data` the
    port answers only with the server's data disks, which come with the cutover. `host_port` of the
    workstation leads to it; `allow_from` are the networks that may reach it, none: all.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "host": "hostPort",
        "from": "allowFrom",
        "data": "needsData",
    }

    port: PortNumber
    protocol: Protocol = "tcp"
    needs_data: bool = False
    host_port: PortNumber | None = None
    allow_from: list[Cidr] = []

    @property
    def transport(self) -> Transport:
        """What carries the protocol."""
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
    def forwardable(self) -> Port:
        """The workstation forwards TCP alone."""
        if self.host_port and self.protocol == "udp":
            raise ValueError("hostPort: port forwarding supports TCP only")
        return self
