"""The user's commands on a stack on a cloud."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from flakeship.model.evidence import Evidence
from flakeship.model.ports import SSH
from flakeship.rollout.changes import ServerChange, removed_machines
from flakeship.ssh import stored_login
from flakeship.ssh.options import Endpoint, SshOptions, through
from flakeship.state.outputs import ServerOutput
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Resource, Stack, configuration
from flakeship.targets.base import SweepResult, Verified
from flakeship.targets.openstack.outputs import server_details, stack_details
from flakeship.targets.openstack.requests import OwnBastion, VerifyServerRequest
from flakeship.targets.openstack.resources import EPHEMERAL, PORT, SERVER
from flakeship.targets.repeat import Remote, again, repeated

log = logging.getLogger(__name__)

PROVIDER = "pulumi:providers:openstack"


class OpenStackOperator(Remote):
    """See flakeship.targets.base.Operator."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @property
    def cloud(self) -> str:
        """The cloud's name in clouds.yaml, from the state or, while it is empty, the settings."""
        for resource in self.stack.resources:
            if resource.token == PROVIDER:
                return str(resource.inputs.get("cloud", ""))
        known = configuration(self.stack).get("flakeship:openstack", {}).get("objectValue") or {}
        return str(known.get("cloud", ""))

    def login(self, name: str) -> Sequence[str] | None:
        """Straight to a server with a public address, through a bastion to any other machine."""
        servers = self.stack.outputs.servers
        name = next((each for each in servers if servers[each].machine == name), name)
        if name not in servers:
            return self._machine(name)
        server = servers[name]
        login = stored_login.read(server.ssh, f"server {name}")
        if server_details(server).bastion or login.bastion:
            return login.words
        if bastion := self._bastion():
            *words, destination = login.words
            proxy = through(bastion, destination.partition("@")[2], SSH).replace("%", "%%")
            return [*words, "-o", f"ProxyCommand={proxy}", destination]
        log.info(
            "%s has only the private address %s, and no server of the stack is a bastion: use a "
            "VPN, flakeship:openstack.bastion, or a floating IP on its port",
            name,
            server.address,
        )
        return login.words

    def _bastion(self) -> Sequence[str]:
        """The login on the user's own bastion, or on an active server; empty: there is neither.

        An active server's login goes through the user's own where it has no public address.
        """
        active: Sequence[str] = []
        for name, server in self.stack.outputs.servers.items():
            login = stored_login.read(server.ssh, f"server {name}")
            if login.bastion:
                return login.bastion
            if server_details(server).bastion:
                active = active or login.words
        return active

    def _machine(self, machine: str) -> Sequence[str] | None:
        """A standby machine, or one that is not cut over to yet.

        It is reached as its verification was, which after a failed first run is all there is.
        One that has not passed its verification has no pinned host key: OpenSSH asks about its key.
        """
        port, verifications = self.stack.of(PORT).get(machine), self.stack.of(VERIFICATION)
        own = verifications.get(machine)
        others = (verifications[n] for n in (*self._active, *verifications) if n in verifications)
        some = own or next(others, None)
        if port is None or some is None:
            return None
        asked = some.request(VerifyServerRequest)
        request, gate = asked.verify, self._own_bastion() or asked.bastion
        address = next(each for each in port.outputs["allFixedIps"] if ":" not in each)
        if isinstance(gate, OwnBastion):
            proxy = gate.proxy(request.identity, address)
        elif bastion := self._bastion():
            proxy = through(bastion, address, SSH)
        else:
            return None
        keys = own.result(Evidence).host_keys if own else []
        endpoint = Endpoint(machine, address, SSH, request.user, request.identity)
        login = SshOptions(endpoint, keys, proxy=proxy)
        return stored_login.read(login.command_line(), f"machine {machine}").words

    @property
    def _active(self) -> list[str]:
        return [server.machine for server in self.stack.outputs.servers.values()]

    def verify(self, name: str = "") -> Sequence[Verified]:
        """Every machine once more, the active ones with their address."""
        # openstacksdk takes its time, which the other commands do not pay
        from flakeship.targets.openstack.servers import verify_server  # noqa: PLC0415

        def repeat(machine: str, resource: Resource) -> Verified:
            if resource.token == EPHEMERAL:
                note = "was a test server and is removed; a new release gets another"
                return Verified(machine, note=note)
            request = resource.request(VerifyServerRequest)
            if isinstance(request.bastion, OwnBastion):
                request = replace(request, bastion=self._own_bastion() or request.bastion)
            evidence = verify_server.verify_existing(
                replace(request, verify=again(self.stack, request.verify)),
                resource.raw_result,
                self.stack.name,
                active=machine in self._active,
            )
            return Verified(machine, evidence.checks)

        return repeated(self.stack, name, repeat)

    def _own_bastion(self) -> OwnBastion | None:
        """The user's own bastion, which may be another one since a standby machine was verified."""
        verifications = self.stack.of(VERIFICATION)
        found = (verifications[name] for name in self._active if name in verifications)
        requests = (resource.request(VerifyServerRequest) for resource in found)
        bastions = (request.bastion for request in requests)
        return next((each for each in bastions if isinstance(each, OwnBastion)), None)

    def removal(self) -> Sequence[ServerChange]:
        """The servers of Nova with their root disks, and the floating IPs that are the stack's."""
        # other commands start sooner without it
        from flakeship.targets.openstack import changes  # noqa: PLC0415

        servers = self.stack.outputs.servers
        return [
            changes.removed(name, machines, servers.get(name))
            for name, machines in removed_machines(self.stack.of(SERVER), servers).items()
        ]

    def describe(self, name: str, server: ServerOutput) -> Sequence[str]:
        """Where it is and on which flavor."""
        flavor = server_details(server).flavor
        return [f"  {server.machine} at {server.address}, flavor {flavor}"]

    def describe_release(self, name: str) -> Sequence[str]:
        """The image in Glance."""
        details = stack_details(self.stack.outputs, self.stack.name)
        if borrowed := details.borrowed.get(name):
            return [f"glance    {borrowed.id} of the stack {borrowed.stack}"]
        published = details.published.get(name)
        return [f"glance    {published.id}"] if published else []

    def orphans(self) -> Sequence[str]:
        """A cloud is not asked for a status."""
        return []

    def sweep(self) -> SweepResult:
        """Remove what certainly nobody uses, and list the rest with the commands that remove it."""
        from flakeship.targets.openstack import sweep  # noqa: PLC0415 - it needs the SDK

        return sweep.sweep(self.stack, self.cloud)
