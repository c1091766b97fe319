"""The stable address of a server, and the cutover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
from pulumi_openstack import networking

from flakeship.targets.openstack.resources import ADDRESS, CUTOVER

from ..verification import Verification
from .server import depends_on


class AddressArgs(TypedDict):
    """The inputs of Address."""

    pool: pulumi.Input[str]
    """The name of the external network."""
    description: NotRequired[str]
    tags: NotRequired[Sequence[str]]


class Address(pulumi.ComponentResource):
    """A floating IP that stays as long as its server."""

    address: pulumi.Output[str]

    def __init__(
        self, name: str, args: AddressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:Address", name, None, opts)
        self.address = networking.FloatingIp(
            ADDRESS.name(name),
            pool=args["pool"],
            description=args.get("description"),
            tags=[*args.get("tags", ())],
            opts=pulumi.ResourceOptions(parent=self),
        ).address
        self.register_outputs({"address": self.address})


class CutoverArgs(TypedDict):
    """The inputs of Cutover."""

    address: pulumi.Input[str]
    """The floating IP."""
    port: pulumi.Input[str]
    """The port of the machine that becomes active."""
    verification: Verification
    """The verification of that machine: the address moves only after it has passed."""


class Cutover(pulumi.ComponentResource):
    """Moves the address to a verified server.

    One association, named by the server alone: its port changes in place, which takes the cloud
    0.1 s. Only with another address it is replaced, the old one first: a port takes one alone.
    """

    port: pulumi.Output[str]

    def __init__(
        self, name: str, args: CutoverArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:Cutover", name, None, opts)
        self.port = networking.FloatingIpAssociate(
            CUTOVER.name(name),
            floating_ip=args["address"],
            port_id=args["port"],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[args["verification"], *depends_on(opts)],
                delete_before_replace=True,
            ),
        ).port_id
        self.register_outputs({"port": self.port})
