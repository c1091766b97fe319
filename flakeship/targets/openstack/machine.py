"""A server of one release as it is declared, and the requests that its resources hand to verbs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import Transport
from flakeship.model.release import Release
from flakeship.targets.openstack.inventory import Flavor
from flakeship.targets.openstack.ownership_tags import marked, tags
from flakeship.targets.openstack.requests import (
    Bastion,
    EphemeralRequest,
    Owner,
    VerifyServerRequest,
)
from flakeship.targets.openstack.settings import Access, CloudServer, NetworkSettings, Placement
from flakeship.verify.request import VerifyRequest

EVERYBODY = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Rule:
    """What a security group lets in: one port from one network."""

    port: int
    source: str
    protocol: Transport = "tcp"

    @property
    def key(self) -> tuple[str | int, ...]:
        """What tells it from others."""
        return (self.port, self.source, *(["udp"] if self.protocol == "udp" else []))

    @property
    def ethertype(self) -> str:
        """`IPv4` or `IPv6`, as Neutron has it."""
        return "IPv6" if ":" in self.source else "IPv4"


@dataclass(frozen=True)
class Machine:
    """A server of one release. As long as it runs it is kept in the stack's output `standing`.

    So an older one is declared from what it was made of, whatever the settings say now. `network`
    and `pool` are ids of networks that exist, empty where there is none. `life` counts the machines
    of the same name that were lost behind our back. `jump` is the server that was active when this
    one was first planned.
    """

    cloud: str
    stack: str
    server: CloudServer
    release: Release
    flavor: Flavor
    network: str
    own_network: NetworkSettings
    pool: str
    reach: Access
    identity: str
    deadline: float
    group: Placement = ""
    life: int = 1
    jump: Bastion | None = None

    @property
    def id(self) -> str:
        """`<server>-<release's hash>-<shape>`; the shape is all that only a new one can have."""
        release = self.release.name.removeprefix(f"{self.release.host}-")
        return f"{self.server.name}-{release}-{self.shape}"

    @property
    def shape(self) -> str:
        """Four characters that change with what Nova could change only by rebuilding or resizing.

        A rebuild wipes the root disk (terraform-provider-openstack#1562): so another shape is
        another machine, that is verified beside the old one. Other ports are too: they would be cut
        off, or open, before they are verified.
        """
        server = self.server
        what = [self.flavor.name, self.place, self.group, self.life]
        what += [sorted(port.port for port in server.declared if port.protocol != "udp")]
        what += sorted(port.label for port in server.declared if port.protocol == "udp")
        own = server.options
        what += [own.user_data, own.keypair, own.volume, own.volume and server.disk]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:4]

    @property
    def place(self) -> str:
        """The network that it is in: the id of an existing one, or the name of the stack's own."""
        return self.network or self.own_network.named(self.stack)

    @property
    def marks(self) -> Owner:
        """What everything carries that is made for this machine."""
        return Owner(self.stack, self.server.name, self.release.name)

    @property
    def metadata(self) -> dict[str, str]:
        """The marks, and the settings' own metadata, which cannot replace them."""
        own = marked(self.stack, self.server.name, self.release.name)
        return self.server.options.metadata | own

    @property
    def tags(self) -> list[str]:
        """The marks as tags."""
        return tags(marked(self.stack, self.server.name, self.release.name))

    @property
    def disk(self) -> int:
        """The root disk in MiB."""
        return self.server.disk if self.server.options.volume else self.flavor.disk

    @property
    def rules(self) -> list[Rule]:
        """What its security group lets in, the declared ports and nothing else."""
        return sorted(
            (
                Rule(p.port, source, p.transport)
                for p in self.server.declared
                for source in p.allow_from or EVERYBODY
            ),
            key=lambda rule: rule.key,
        )

    @property
    def security_group(self) -> str:
        """`<stack>-<hash of its rules>`: servers with the same ports share one.

        Other rules are another group: a running server keeps its own until it goes.
        """
        told = json.dumps([rule.key for rule in self.rules])
        return f"{self.stack}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"

    def review(self, server: str, port: str, image: str, stable: str) -> VerifyServerRequest:
        """The checks of the server that Nova has made; ids, and its own public address."""
        return VerifyServerRequest(
            cloud=self.cloud,
            marks=self.marks,
            server=server,
            port=port,
            flavor=self.flavor.name,
            image=image,
            reach=self.reach,
            stable=stable,
            pool=self.pool,
            verify=VerifyRequest(
                machine=self.id,
                ports=[port.verified for port in self.server.declared],
                user=self.release.user,
                identity=self.identity,
                toplevel=self.release.toplevel,
                disk=self.disk,
                checks=self.server.checks,
                deadline=self.deadline,
            ),
            jump=self.jump,
            restricted=sorted(
                p.port for p in self.server.declared if p.allow_from and p.protocol != "udp"
            ),
        )

    def trial(self, image: str, network: str, security_group: str, flavor: str) -> EphemeralRequest:
        """The test server that its verification makes and removes itself; all are ids."""
        return EphemeralRequest(
            review=self.review("", "", image, ""),
            flavor=flavor,
            network=network,
            security_groups=[security_group],
        )


Standing = Mapping[str, list[Machine]]
"""The machines that run, of each server, the active one first."""

STORED = TypeAdapter(dict[str, list[Machine]])


def read(value: object) -> dict[str, list[Machine]]:
    """The machines from the stack's own output `standing`; a stack without one has none.

    Raises FlakeshipError where another version wrote something that is not understood.
    """
    try:
        return STORED.validate_python(value or {})
    except ValidationError as error:
        raise FlakeshipError(
            f"the stack's output `standing` is not of this version: {error}"
        ) from error


def plain(standing: Standing) -> dict[str, Any]:
    """The machines as the stack's output; what is at its default is left out."""
    stored: dict[str, Any] = STORED.dump_python(
        dict(standing), mode="json", by_alias=True, exclude_defaults=True
    )
    return stored
