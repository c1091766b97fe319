"""A server of one release as it is declared, and the request that verifies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flakeship.model.ports import tcp_numbers
from flakeship.rollout.machine import PlannedMachine
from flakeship.targets.openstack.inventory import Flavor
from flakeship.targets.openstack.network.networks import Rule, group_name, rules_of
from flakeship.targets.openstack.requests import (
    Access,
    AnyBastion,
    OwnBastion,
    Placement,
    VerifyServerRequest,
)
from flakeship.targets.openstack.resources import MACHINE
from flakeship.targets.openstack.settings import CloudServer, NetworkSettings


@dataclass(frozen=True, kw_only=True)
class Machine(PlannedMachine):
    """`network` and `pool` are ids of networks that exist, empty where there is none.

    `bastion` is that of the settings, or the server that was active when this one was planned
    first. Without `port_security`
    its network takes no security groups.
    """

    cloud: str
    server: CloudServer
    flavor: Flavor
    network: str
    own_network: NetworkSettings
    pool: str
    access: Access
    placement: Placement = ""
    bastion: AnyBastion | None = None
    port_security: bool = True

    @property
    def traits(self) -> Sequence[object]:
        """Everything that Nova could change only by rebuilding or resizing, and the ports.

        A rebuild wipes the root disk (terraform-provider-openstack#1562): so another shape is
        another machine, that is verified beside the old one. In place other ports would be open, or
        closed, before they are verified.
        """
        options, ports = self.server.options, self.server.declared
        return [
            self.flavor.name,
            self.location,
            self.placement,
            sorted(tcp_numbers(ports)),
            *sorted(p.label for p in ports if p.span and (p.transport == "udp" or not p.fixed)),
            options.user_data,
            options.keypair,
            options.volume,
            options.volume and self.server.disk,
        ]

    @property
    def location(self) -> str:
        """Its network: the id of an existing one, or the name of the stack's own."""
        return self.network or self.own_network.named(self.stack)

    def adopt(self, deployed: Machine) -> Machine:
        """The machine with the flavor that Nova has made it with.

        A flavor that was created anew under its name is another one, and would resize the server.
        Another active server is no reason to verify a machine again; another bastion in the
        settings is, as every login goes through it.
        """
        machine = replace(self, flavor=deployed.flavor, port_security=deployed.port_security)
        if any(isinstance(each, OwnBastion) for each in (self.bastion, deployed.bastion)):
            return machine
        kept = replace(machine, bastion=deployed.bastion)
        return kept if kept.verification == deployed.verification else machine

    @property
    def metadata(self) -> dict[str, str]:
        """The settings' own metadata, and the ownership tags, which it cannot replace."""
        return self.server.options.metadata | self.owner.tags | {MACHINE: self.id}

    @property
    def disk(self) -> int:
        """The root disk in MiB."""
        return self.server.disk if self.server.options.volume else self.flavor.disk

    @property
    def rules(self) -> list[Rule]:
        """The rules of its security group."""
        return rules_of(self.server.declared)

    @property
    def security_group(self) -> str:
        """The name of its security group."""
        return group_name(self.stack, self.rules)

    @property
    def verification(self) -> VerifyServerRequest:
        """The request to verify it, without the ids and the stable address."""
        ports = self.server.declared
        return VerifyServerRequest(
            cloud=self.cloud,
            owner=self.owner,
            server="",
            port="",
            flavor=self.flavor.name,
            image="",
            access=self.access,
            stable="",
            pool=self.pool,
            verify=replace(self.checks, disk=self.disk),
            bastion=self.bastion,
            placement=self.placement,
            restricted=sorted(tcp_numbers(p for p in ports if p.allow_from)),
        )
