"""The ports of a server, and the protocols that have to answer there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from flakeship.model.fields import Cidr, Decimal, Model, PortNumber, refuse_unused, wrong

SSH = 22

Protocol = Literal["tcp", "http", "https", "ssh", "udp"]
Transport = Literal["tcp", "udp"]
RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


class Port(Model):
    """A declared port of a server: a number, a range, or whichever a process listens on.

    A plain number is a TCP port, and `30000-32767` is a range of them.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "host": "hostPort",
        "from": "allowFrom",
        "data": "needsData",
    }

    port: PortNumber = 0
    """The number, or the first one of a range."""
    last: PortNumber | None = None
    """The last number of a range, which may also be written as `port: 30000-32767`. The firewall
    has to open all of it; who listens there is not asked."""
    process: Annotated[
        str, Field(pattern=r"^([!-~]{1,64})?$", title="up to 64 characters, no blanks")
    ] = ""
    """Instead of a number: the name of a process, as `ss` shows it, that may listen on any port.
    The firewall need not open it: clients of a VPN or a mesh take another one at each start."""
    protocol: Protocol = "tcp"
    """The protocol that has to answer; `https` with any certificate. UDP is verified on the server
    alone, because a UDP service need not answer."""
    timeout: (
        Annotated[float, Field(gt=0, le=3600, json_schema_extra={"unit": "seconds"}), Decimal]
        | None
    ) = None
    """How long it may take to answer after the system has started; 10 s without it."""
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
    def fixed(self) -> bool:
        """Whether it is one number, on which something has to listen."""
        return bool(self.port) and self.last is None

    @property
    def numbers(self) -> tuple[int, int] | None:
        """The first and the last number; None where a process decides."""
        return (self.port, self.last or self.port) if self.port else None

    @property
    def span(self) -> str:
        """`80`, or `30000-32767`; empty where a process decides."""
        if not self.port:
            return ""
        return str(self.port) if self.last is None else f"{self.port}-{self.last}"

    @property
    def label(self) -> str:
        """`80`, or `udp 53`: that is another port than `53`."""
        shown = self.span or f"of {self.process}"
        return f"udp {shown}" if self.protocol == "udp" else shown

    @property
    def verified(self) -> Port:
        """The port without what a verification does not use: a change of that verifies nothing."""
        return self.model_copy(update={"host_port": None, "allow_from": []})

    @model_validator(mode="before")
    @classmethod
    def _range(cls, value: object) -> object:
        """`port: 30000-32767` is the first and the last number."""
        if isinstance(value, dict) and isinstance(text := value.get("port"), str):
            found = RANGE.fullmatch(text.strip())
            if found and "last" not in value:
                return value | {"port": found[1], "last": found[2]}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Port:
        """A number, a range or a process, with the keys that are used for it."""
        if bool(self.port) == bool(self.process):
            raise wrong("needs exactly one of port (a number or a range) and process")
        if self.last is not None and self.last <= self.port:
            what = f"{self.port}-{self.last} is no range"
            raise wrong(what, at="port", remedy="the last number must be larger than the first")
        if self.host_port and self.protocol == "udp":
            raise wrong("must not be given for UDP: TCP alone is forwarded", at="hostPort")
        if self.label == str(SSH) and self.protocol not in ("ssh", "tcp"):
            raise wrong(f"must be ssh: the checks log in at port {SSH}", at="protocol")
        if self.label == str(SSH) and self.needs_data:
            what = f"must be false: port {SSH} answers before there are data disks"
            raise wrong(what, at="needsData")
        if not self.fixed:
            self._refuse_unused()
        return self

    def _refuse_unused(self) -> None:
        kind = "a range" if self.port else "a process"
        used = {"last", "protocol", "allow_from"} if self.port else {"protocol"}
        fields = ("last", "host_port", "allow_from", "needs_data", "timeout")
        given = [name for name in fields if name not in used and getattr(self, name)]
        refuse_unused(self, given, kind, remedy="remove it, or declare one number")
        if self.protocol not in ("tcp", "udp"):
            what = f"must be tcp or udp for {kind}: nothing there has to answer"
            raise wrong(what, at="protocol")


def with_ssh(ports: list[Port]) -> list[Port]:
    """Every declared port. SSH is always one: without it nothing can be verified."""
    if any(port.label == str(SSH) for port in ports):
        return ports
    return [Port(port=SSH, protocol="ssh"), *ports]


def tcp_numbers(ports: Iterable[Port]) -> list[int]:
    """The TCP ports that are one number each."""
    return [port.port for port in ports if port.fixed and port.transport == "tcp"]


def located(ports: Iterable[Port], address: str) -> dict[str, str]:
    """Where the ports of a server are, by their labels; not those that a process decides."""
    return {port.label: f"{address}:{port.span}" for port in ports if port.span}
