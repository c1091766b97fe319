"""The user's commands on a stack on a cloud."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.ports import SSH
from flakeship.rollout import orphans
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.state.outputs import ServerOutput
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Stack, configuration
from flakeship.targets.base import SweepResult, Verified
from flakeship.targets.openstack import owned_resources
from flakeship.targets.openstack.api import connection as api
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.outputs import server_details, stack_details
from flakeship.targets.openstack.requests import Published, VerifyServerRequest
from flakeship.targets.openstack.resources import GLANCE_IMAGE, PORT
from flakeship.targets.repeat import NoSnapshots, repeated

if TYPE_CHECKING:
    from openstack.connection import Connection

log = logging.getLogger(__name__)

PROVIDER = "pulumi:providers:openstack"


class OpenStackOperator(NoSnapshots):
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
        *words, destination = shlex.split(server.ssh)
        if server_details(server).bastion:
            return [*words, destination]
        if bastion := self._bastion():
            proxy = f"ProxyCommand={bastion.ssh} -W {server.address}:{SSH}"
            return [*words, "-o", proxy, destination]
        log.info(
            "%s has only the private address %s, and no server of the stack is a bastion: use a "
            "VPN, or a floating IP on its port",
            name,
            server.address,
        )
        return [*words, destination]

    def _bastion(self) -> ServerOutput | None:
        servers = self.stack.outputs.servers.values()
        return next((each for each in servers if server_details(each).bastion), None)

    def _machine(self, machine: str) -> Sequence[str] | None:
        """A standby machine, or one that is not cut over to yet.

        One that has not passed its verification has no pinned host key: OpenSSH asks about its key.
        """
        port, bastion = self.stack.of(PORT).get(machine), self._bastion()
        if port is None or bastion is None:
            return None
        verifications = self.stack.of(VERIFICATION)
        own = verifications.get(machine)
        request = (own or verifications[bastion.machine]).request(VerifyServerRequest).verify
        keys = own.result(Evidence).host_keys if own else []
        address = next(each for each in port.outputs["allFixedIps"] if ":" not in each)
        endpoint = Endpoint(machine, address, SSH, request.user, request.identity)
        return SshOptions(endpoint, keys, proxy=f"{bastion.ssh} -W {address}:{SSH}").login()

    def verify(self, name: str = "") -> Sequence[Verified]:
        """Every machine once more, the active ones with their address."""
        # openstacksdk takes its time, which the other commands do not pay
        from flakeship.targets.openstack.servers import verify_server  # noqa: PLC0415

        active = {server.machine for server in self.stack.outputs.servers.values()}
        found = self.stack.of(VERIFICATION)

        def repeat(machine: str, previous: Evidence) -> Verified:
            resource = found[machine]
            if resource.command.endswith("verify-ephemeral"):
                note = "was a test server and is removed; a new release gets another"
                return Verified(machine, note=note)
            evidence = verify_server.verify_existing(
                resource.request(VerifyServerRequest),
                resource.printed,
                self.stack.name,
                active=machine in active,
            )
            return Verified(previous.machine, evidence.checks)

        return repeated(self.stack, name, repeat)

    def describe(self, name: str, server: ServerOutput) -> Sequence[str]:
        """Where it is and on which flavor."""
        flavor = server_details(server).flavor
        return [f"  {server.machine} at {server.address}, flavor {flavor}"]

    def describe_release(self, name: str) -> Sequence[str]:
        """The image in Glance."""
        published = stack_details(self.stack.outputs, self.stack.name).published.get(name)
        return [f"glance    {published.id}"] if published else []

    def orphans(self) -> Sequence[str]:
        """A cloud is not asked for a status."""
        return []

    def sweep(self) -> SweepResult:
        """Remove what certainly nobody uses, and list the rest with the commands that remove it."""
        return sweep(self.stack, self.cloud)


def sweep(stack: Stack, cloud: str) -> SweepResult:
    """See flakeship.rollout.orphans; `cloud` is as for `connected`, no run may be under way.

    Raises FlakeshipError where the cloud cannot be read. With an empty state that is a line of the
    result instead: nothing proves then that the stack ever was there.
    """

    def remove(resource: orphans.OwnedResource) -> None:
        kind = next(kind for kind in owned_resources.KINDS if kind.name == resource.kind)
        rest.delete(
            rest.client(connection, kind.service),
            f"{kind.collection}/{resource.id}",
            f"{resource.kind} {resource.name}",
            client(cloud, owned_resources.removal(resource)),
            wait=resource.kind == "server",
        )

    try:
        with api.connected(cloud) as connection:
            swept = orphans.sweep_stack(stack, partial(_unrecorded, connection), remove)
            project = api.login(connection).project_name
            where = f"the project {project} of {connection.config.name}"
    except FlakeshipError as error:
        if stack.resources:
            raise
        return SweepResult(left=[f"the state is empty, and the cloud was not inspected: {error}"])
    removed = [f"{each.kind} {each}" for each in swept.removed]
    if not swept.left:
        return SweepResult(removed)
    left = [
        f"found resources of the stack {stack.name} in {where} that are not in its state.",
        "They may belong to another checkout with a stack of the same name. If not, remove them in "
        "this order:",
        *(f"  {client(cloud, owned_resources.removal(each))}  # {each}" for each in swept.left),
    ]
    return SweepResult(removed, left)


def _unrecorded(connection: Connection, stack: Stack) -> orphans.Unrecorded:
    read = datetime.now(UTC)
    token = api.login(connection)
    project = str(token.project_id)
    expected = stack_details(stack.outputs, stack.name).project or project
    if expected != project:
        raise FlakeshipError(
            f"the stack is in the project {expected}, and these credentials are for "
            f"{token.project_name} ({project})",
            code="project-mismatch",
            key=stack.name,
            remedy="choose the right cloud by OS_CLOUD or flakeship:openstack.cloud",
        )
    owned = owned_resources.of_stack(stack.name, owned_resources.list_all(connection, project))
    held = held_ids(stack)
    return orphans.Unrecorded([each for each in owned if each.id not in held], held, read)


def held_ids(stack: Stack) -> set[str]:
    """The ids of everything that the state holds; images are made by commands."""
    ids = {resource.id for resource in stack.resources}
    ids |= {each.result(Published).id for each in stack.of(GLANCE_IMAGE).values() if each.printed}
    published = stack_details(stack.outputs, stack.name).published
    return ids | {image.id for image in published.values()}
