"""All that the plan of a stack on a cloud is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flakeship.model.release import Record, Release
from flakeship.targets.openstack.inventory import Inventory
from flakeship.targets.openstack.inventory import Server as Seen
from flakeship.targets.openstack.machine import Machine, Standing
from flakeship.targets.openstack.network.networks import Networks
from flakeship.targets.openstack.requests import Bastion
from flakeship.targets.openstack.settings import CloudServer, CloudSettings


@dataclass(frozen=True)
class PlanningContext:
    """CloudSettings, releases by host, one look at the cloud, and what the last good run has left.

    `standing` and `jumps` come from the stack's own outputs: its machines by server, and the
    servers that were active then, as ways to others.
    """

    settings: CloudSettings
    stack: str
    identity: str
    releases: Mapping[str, Release]
    ledger: list[Record]
    standing: Standing
    jumps: Mapping[str, Bastion]
    look: Inventory
    places: Networks

    @property
    def ephemeral(self) -> bool:
        """Whether the only server is one that its verification makes and removes."""
        return not self.settings.servers and self.settings.options.test_server.ephemeral

    def release(self, server: CloudServer) -> Release:
        """The release that a server is to run."""
        return self.releases[server.host or self.settings.host]

    def ours(self) -> list[Seen]:
        """The servers in this project that carry the stack's mark."""
        here = ("", self.look.project)
        return [s for s in self.look.servers if s.stack == self.stack and s.project in here]

    def named(self, machine: Machine) -> list[Seen]:
        """Those of them that have a machine's name."""
        return [server for server in self.ours() if server.name == machine.id]

    def exists(self, machine: Machine) -> bool:
        """Whether Nova has it, and not in error."""
        return any(server.status != "ERROR" for server in self.named(machine))

    def may_stay(self, machine: Machine) -> bool:
        """Whether an older machine can be declared: it is there, and so is its release's image.

        Where another server has failed, a machine may be known whose release is in no ledger.
        """
        names = {record.name for record in self.ledger}
        names |= {release.name for release in self.releases.values()}
        return self.exists(machine) and machine.release.name in names

    def in_error(self, machine: Machine) -> bool:
        """Whether Nova has it in error."""
        return any(server.status == "ERROR" for server in self.named(machine))
