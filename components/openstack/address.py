"""The stable address of a server, and the cut-over."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_openstack import networking

from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.ownership_tags import marked, tags
from flakeship.targets.openstack.resources import ADDRESS, CUTOVER

from .server import CloudServer


class Address(pulumi.ComponentResource):
    """A floating IP that stays; `value` is empty where the server has none.

    One that the settings name exists already, and is never released here.
    """

    value: pulumi.Output[str]

    def __init__(
        self, machine: Machine, pool: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        name = machine.server.name
        super().__init__("flakeship:openstack:Address", name, None, opts)
        if machine.server.options.address == "floating":
            made = networking.FloatingIp(
                ADDRESS.name(name),
                pool=pool,
                description=f"flakeship {machine.stack} {name}",
                tags=tags(marked(machine.stack, name)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.value = made.address
        else:
            named = machine.server.options.address
            self.value = pulumi.Output.from_input("" if named == "none" else named)
        self.register_outputs({"address": self.value})


class Cutover(pulumi.ComponentResource):
    """Moves the address to a verified server.

    One association, named by the server alone: its port changes in place, which takes the cloud
    0.1 s. Only with another address it is replaced, the old one first: a port takes one alone.
    """

    moved: pulumi.Output[str]

    def __init__(
        self,
        machine: Machine,
        address: Address,
        server: CloudServer,
        ready: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("flakeship:openstack:Cutover", machine.server.name, None, opts)
        self.moved = server.port
        if machine.server.options.address != "none":
            self.moved = networking.FloatingIpAssociate(
                CUTOVER.name(machine.server.name),
                floating_ip=address.value,
                port_id=server.port,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[server.verification, *ready],
                    delete_before_replace=True,
                ),
            ).port_id
        self.register_outputs({})
