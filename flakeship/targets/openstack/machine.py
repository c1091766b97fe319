"""A server of one release as it is declared, and the requests that verify it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from flakeship.model.machine import MachineId
from flakeship.model.release import Release
from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.choices import Access, Placement
from flakeship.targets.openstack.inventory import Flavor
from flakeship.targets.openstack.network.rules import Rule, group_name, rules_of
from flakeship.targets.openstack.ownership_tags import words
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest
from flakeship.targets.openstack.settings import CloudServer, NetworkSettings
from flakeship.verify.request import VerifyRequest


@dataclass(frozen=True)
class Machine:
    """A server of one release; see flakeship.rollout.replace.Machine.

    As long as it runs it is in the stack's outputs, so an older one is declared as it was made,
    whatever the settings are now. `network` and `pool` are ids of networks that exist, empty where
    there is none. `incarnation` counts the machines of the same key that were lost. `bastion` is
    the server that was active when this one was planned first.
    """

    cloud: str
    stack: str
    server: CloudServer
    release: Release
    flavor: Flavor
    network: str
    own_network: NetworkSettings
    pool: str
    access: Access
    identity: str
    deadline: float
    placement: Placement = ""
    incarnation: int = 1
    bastion: Bastion | None = None

    @property
    def id(self) -> str:
        """`<server>-<release's hash>-<shape>`."""
        return str(MachineId.of(self.server.name, self.release, self.shape))

    @property
    def key(self) -> Hashable:
        """See flakeship.rollout.replace.Machine."""
        return self.server.name, self.release.name, json.dumps(self._shaping(0))

    @property
    def shape(self) -> str:
        """Four characters that change with what Nova could change only by rebuilding or resizing.

        A rebuild wipes the root disk (terraform-provider-openstack#1562): so another shape is
        another machine, that is verified beside the old one. Other ports are too: they would be
        closed, or open, before they are verified.
        """
        content = json.dumps(self._shaping(self.incarnation))
        return hashlib.sha256(content.encode()).hexdigest()[:4]

    def _shaping(self, incarnation: int) -> list[object]:
        options, ports = self.server.options, self.server.declared
        return [
            self.flavor.name,
            self.location,
            self.placement,
            incarnation,
            sorted(port.port for port in ports if port.protocol != "udp"),
            *sorted(port.label for port in ports if port.protocol == "udp"),
            options.user_data,
            options.keypair,
            options.volume,
            options.volume and self.server.disk,
        ]

    @property
    def server_name(self) -> str:
        """The name of its server."""
        return self.server.name

    @property
    def release_name(self) -> str:
        """The name of its release."""
        return self.release.name

    @property
    def location(self) -> str:
        """Its network: the id of an existing one, or the name of the stack's own."""
        return self.network or self.own_network.named(self.stack)

    def with_incarnation(self, incarnation: int) -> Machine:
        """The same machine as another incarnation."""
        return replace(self, incarnation=incarnation)

    def adopt(self, deployed: Machine) -> Machine:
        """The machine with the flavor that Nova has made it with.

        A flavor that was created anew under its name is another one, and would resize the server.
        Another bastion is no reason to verify a machine again.
        """
        machine = replace(self, flavor=deployed.flavor)
        kept = replace(machine, bastion=deployed.bastion)
        return kept if kept.same_checks(deployed) else machine

    def same_checks(self, other: Machine) -> bool:
        """Whether both are verified by equal requests, but for ids."""
        return self.verification("", "", "", "") == other.verification("", "", "", "")

    @property
    def owner(self) -> Owner:
        """The owner of every object that is made for this machine."""
        return Owner(self.stack, self.server.name, self.release.name)

    @property
    def metadata(self) -> dict[str, str]:
        """The settings' own metadata, and the ownership tags, which it cannot replace."""
        return self.server.options.metadata | self.owner.tags

    @property
    def tags(self) -> list[str]:
        """The ownership tags as Neutron has them."""
        return words(self.owner)

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

    def verification(self, server: str, port: str, image: str, stable: str) -> VerifyServerRequest:
        """The request to verify the server with these ids; `stable` is its own public address."""
        return VerifyServerRequest(
            cloud=self.cloud,
            owner=self.owner,
            server=server,
            port=port,
            flavor=self.flavor.name,
            image=image,
            access=self.access,
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
            bastion=self.bastion,
            restricted=sorted(
                p.port for p in self.server.declared if p.allow_from and p.protocol != "udp"
            ),
        )


Deployed = Mapping[str, Sequence[Machine]]
"""The machines that run, of each server, the active one first."""
