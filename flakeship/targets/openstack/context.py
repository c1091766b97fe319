"""Everything that the plan of a stack on a cloud is computed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flakeship.model.machine import MachineId
from flakeship.model.release import Release
from flakeship.release.desired import Desired
from flakeship.rollout.replace import ABSENT, Observed
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.inventory import Inventory, Server
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.network import floating_ips, networks
from flakeship.targets.openstack.outputs import deployed, server_details
from flakeship.targets.openstack.requests import STARTS, Bastion, OwnBastion
from flakeship.targets.openstack.settings import CloudServer, CloudSettings


@dataclass(frozen=True)
class PlanningContext:
    """What is desired, the inventory, and what the outputs of the last good run have.

    The `settings` are those desired, with addresses that exist. `deployed` are the machines of that
    run by server, the active one first; `bastions` its active servers that can be reached, by name.
    """

    desired: Desired
    settings: CloudSettings
    deployed: Mapping[str, Sequence[Machine]]
    bastions: Mapping[str, Bastion]
    inventory: Inventory
    networks: networks.Networks

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return self.desired.stack

    @property
    def ephemeral(self) -> bool:
        """Whether the only server is one that its verification creates and removes."""
        return not self.settings.servers and self.settings.options.test_server.ephemeral

    def release(self, server: CloudServer) -> Release:
        """The release that a server is to run."""
        return self.desired.as_verified[server.host or self.settings.host]

    @property
    def owned(self) -> list[Server]:
        """The servers in this project with the stack's tags."""
        projects = ("", self.inventory.project)
        servers = self.inventory.servers
        return [s for s in servers if s.stack == self.stack and s.project in projects]

    def bastion(self, server: CloudServer) -> Bastion | None:
        """The bastion of the settings; else the server's active machine, or that of another one."""
        if own := self.settings.options.bastion:
            return OwnBastion(
                "bastion",
                own.address,
                own.user,
                [own.host_key],
                own.port,
                self.inventory.bastion_identity,
            )
        if self.ephemeral:
            return None  # a server that does not stay is verified in the same way every time
        return self.bastions.get(server.name) or next(iter(self.bastions.values()), None)

    @cached_property
    def observed(self) -> Mapping[str, Observed]:
        """What Nova has of the stack's machines, by their ids."""
        named = defaultdict(list)
        for server in self.owned:
            named[server.machine].append(server)
        return {name: self._observe(servers) for name, servers in named.items()}

    def _observe(self, servers: Sequence[Server]) -> Observed:
        first, states = servers[0], {server.status for server in servers}
        start, show = (
            client(self.settings.options.cloud, f"server {verb} {first.id}")
            for verb in ("start", "show")
        )
        connected = any(self._connected(server) for server in servers)
        starts = "starts it and " if first.status in STARTS else ""
        return Observed(
            exists=states != {"ERROR"} and connected,
            failed="ERROR" in states,
            running="ACTIVE" in states,
            status=f"{first.status} in Nova" if connected else "without its port",
            remedy=f"start it with `{start}`; `{show}` shows more",
            repair=f"this run {starts}verifies it again",
        )

    def _connected(self, server: Server) -> bool:
        """Whether a server has the port that it was made with, or at least one.

        Without it serves nobody, and Pulumi would replace it in place.
        """
        if server.addresses is None:
            return True
        private = self.private.get(server.machine)
        return private in server.addresses if private else bool(server.addresses)

    @cached_property
    def private(self) -> Mapping[str, str]:
        """The private addresses of the active machines of the last good run, by their ids."""
        servers = self.desired.outputs.servers.values()
        return {server.machine: server_details(server).private for server in servers}

    def exists(self, machine: Machine) -> bool:
        """Whether Nova has a machine, and not in ERROR."""
        return self.observed.get(machine.id, ABSENT).exists

    def present(self, machine: Machine) -> bool:
        """Whether Nova has a machine, usable or not."""
        return self.observed.get(machine.id, ABSENT).present

    @property
    def port_security(self) -> bool:
        """Whether the servers' network takes security groups; one of the stack's own does."""
        given = self.networks.network
        return all(n.port_security for n in self.inventory.networks if n.id == given)

    @property
    def standing(self) -> set[str]:
        """The ids of the machines of the last good run that the cloud still has."""
        return {m.id for machines in self.deployed.values() for m in machines if self.exists(m)}

    def of_release(self, server: CloudServer) -> list[Server]:
        """The usable servers that run a server's release: a failed run left some of any shape."""
        prefix = str(MachineId.of(server.name, self.release(server), ""))
        return [s for s in self.owned if s.status != "ERROR" and s.machine.startswith(prefix)]


def planning_context(desired: Desired, inventory: Inventory) -> PlanningContext:
    """What the stack is planned from. Raises SettingError for addresses and networks."""
    servers = [
        floating_ips.resolved(s, inventory, desired.stack) for s in desired.settings.instances
    ]
    settings = desired.settings.model_copy(update={"servers": servers})
    options = settings.options
    stable = any(server.options.address == "floating" for server in servers)
    bastions = {name: server_details(s).bastion for name, s in desired.outputs.servers.items()}
    return PlanningContext(
        desired=desired,
        settings=settings,
        deployed=deployed(desired.outputs, desired.stack),
        bastions={name: bastion for name, bastion in bastions.items() if bastion},
        inventory=inventory,
        networks=networks.find(
            options, inventory, floating=stable or options.needs_temporary_addresses
        ),
    )
