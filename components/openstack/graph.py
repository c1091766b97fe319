"""The resources of a stack on a cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.rollout.ownership import Owner
from flakeship.rollout.retention import Publication
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.outputs import StackDetails, plain_machines, server_output
from flakeship.targets.openstack.ownership_tags import words
from flakeship.targets.openstack.plan import StackPlan

from ..nix_image import NixImage
from ..target import Deployment, Graph
from .glance_image import ImageVisibility
from .network import Address, Cutover
from .server import Server, ServerArgs, TestServer
from .shared import Shared, declare_shared


@dataclass(frozen=True)
class ServerResources:
    """What is declared for one server: its address, its active machine, and the cutover to that.

    `active_port` is the port of the active machine, known after the cutover.
    """

    machine: Machine
    address: pulumi.Output[str]
    server: Server
    active_port: pulumi.Output[str]
    cutover: Cutover | None

    @property
    def evidence(self) -> pulumi.Output[Evidence]:
        """The evidence of the active machine."""
        return self.server.verification.evidence

    @property
    def output(self) -> pulumi.Output[dict[str, Any]]:
        """The server as a stack output."""
        return pulumi.Output.all(
            self.address, self.server.address, self.evidence, self.active_port
        ).apply(lambda known: server_output(self.machine, *known).plain())


def deploy(plan: StackPlan, images: Mapping[str, NixImage]) -> Deployment:
    """Declare everything: what is shared, then servers with verification and cutover."""
    shared = declare_shared(plan, images)
    if plan.context.ephemeral:
        servers = []
        tests = [declare_test_server(machine, shared) for machine in plan.machines.active]
        evidence = [test.verification.evidence for test in tests]
    else:
        servers = declare_servers(plan, shared)
        evidence = [server.evidence for server in servers]
    declare_visibility(plan, shared, evidence, [s.cutover for s in servers if s.cutover])
    return outputs(plan, shared, servers, evidence)


def declare_servers(plan: StackPlan, shared: Shared) -> list[ServerResources]:
    """Declare the machines of every server, and the cutovers."""
    found: list[ServerResources] = []
    batch = plan.context.settings.options.boot_concurrency
    for rollout in plan.machines.rollouts.values():
        # the next ones boot when the ones before have been verified
        before = [found[-batch].server.verification] if len(found) >= batch else []
        active = rollout.active
        address = declare_address(plan, active, shared)
        server = declare_machine(active, address, shared, before)
        cutover = None
        if active.server.options.address != "none":
            cutover = Cutover(
                active.server.name,
                {"address": address, "port": server.port, "verification": server.verification},
                shared.after_network,
            )
        port = cutover.port if cutover else server.port
        found.append(ServerResources(active, address, server, port, cutover))
        for standby in rollout.standby:
            # it stays as it is, with the evidence of its verification
            declare_machine(standby, address, shared)
    return found


def declare_address(plan: StackPlan, machine: Machine, shared: Shared) -> pulumi.Output[str]:
    """The stable address of a server: its own floating IP, an existing one, or empty."""
    name = machine.server.name
    if machine.server.options.address != "floating":
        given = machine.server.options.address
        return pulumi.Output.from_input("" if given == "none" else given)
    return Address(
        name,
        {
            "pool": plan.context.networks.pool_name,
            "description": f"flakeship {machine.stack} {name}",
            "tags": words(Owner(machine.stack, name)),
        },
        shared.opts,
    ).address


def declare_machine(
    machine: Machine,
    address: pulumi.Output[str],
    shared: Shared,
    boot_after: Sequence[pulumi.Resource] = (),
) -> Server:
    """Declare one machine of a server."""
    args: ServerArgs = {
        "image": shared.images[machine.release.name].id,
        "flavor": shared.flavor(machine),
        "network": shared.network,
        "security_group": shared.security_groups[machine.security_group].id,
        "verification": machine.verification,
        "address": address,
        "metadata": machine.metadata,
        "tags": words(machine.owner),
        "keypair": machine.server.options.keypair,
        "user_data": machine.server.options.user_data,
        "volume": -(-machine.disk // 1024) if machine.server.options.volume else 0,
        "boot_after": boot_after,
        "on_error": [shared.fault],
    }
    if machine.placement:
        args["server_group"] = shared.server_groups[machine.release.name]
    return Server(machine.id, args, shared.after_network)


def declare_test_server(machine: Machine, shared: Shared) -> TestServer:
    """Declare a server that its verification creates and removes."""
    return TestServer(
        machine.id,
        {
            "image": shared.images[machine.release.name].id,
            "flavor": shared.flavor(machine),
            "network": shared.network,
            "security_group": shared.security_groups[machine.security_group].id,
            "verification": machine.verification,
        },
        pulumi.ResourceOptions(depends_on=[*shared.ready]),
    )


def declare_visibility(
    plan: StackPlan,
    shared: Shared,
    evidence: Sequence[pulumi.Output[Evidence]],
    cutovers: Sequence[pulumi.Resource],
) -> None:
    """Show the desired releases' images and hide older ones, when all is verified."""
    desired = {release.name for release in plan.releases.values()}
    verified = pulumi.Output.all(*evidence)

    def ids(*, shown: bool) -> list[pulumi.Output[str]]:
        images = [image for name, image in shared.images.items() if (name in desired) == shown]
        return [
            pulumi.Output.all(verified, image.id).apply(lambda it: str(it[1])) for image in images
        ]

    ImageVisibility(
        "image-visibility",
        {
            "cloud": plan.context.settings.options.cloud,
            "shown": ids(shown=True),
            "hidden": ids(shown=False),
        },
        pulumi.ResourceOptions(depends_on=[*cutovers]),
    )


def outputs(
    plan: StackPlan,
    shared: Shared,
    servers: Sequence[ServerResources],
    evidence: Sequence[pulumi.Output[Evidence]],
) -> Deployment:
    """The outputs for people and for the next run: through the evidence, like the ledger."""
    verified = pulumi.Output.all(*evidence)
    found = {server.machine.server.name: server.output for server in servers}

    def details(known: list[Any]) -> dict[str, Any]:
        published = {
            name: Publication(image, plan.uploads[name]) for name, image in known[1].items()
        }
        return codec.plain(StackDetails(plan.context.inventory.project, published))

    ids = {name: image.id for name, image in shared.images.items()}
    stored = pulumi.Output.all(verified, pulumi.Output.all(**ids)).apply(details)
    return Deployment(
        evidence,
        servers=found,
        machines={
            name: pulumi.Output.all(found.get(name, verified), machines).apply(lambda it: it[1])
            for name, machines in plain_machines(plan.machines.deployed).items()
        },
        details={key: stored[key] for key in ("project", "published")},
    )


GRAPH: Graph[StackPlan] = deploy
