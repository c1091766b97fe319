"""The resources of a stack on a cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from flakeship.model import codec
from flakeship.rollout.ownership import Owner
from flakeship.rollout.retention import Publication
from flakeship.state.resources import VERIFICATION
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.outputs import StackDetails, plain_machines, server_output
from flakeship.targets.openstack.plan import StackPlan
from flakeship.targets.openstack.resources import (
    ADDRESS,
    CUTOVER,
    GLANCE_IMAGE,
    description,
    words,
)

from ..nix_image import NixImage
from ..outputs import Deployment, Graph
from ..protection import Stable
from .image_access import Evidences, declare_shares, declare_visibility
from .network import Address, Cutover
from .server import Server, ServerArgs, TestServer, TestServerArgs
from .shared import Shared, declare_shared


@dataclass(frozen=True)
class ServerResources:
    """What is declared for one server: its active machine, the cutover to that, its output.

    `release` is the name of the release that it runs.
    """

    server: Server
    cutover: Cutover | None
    output: pulumi.Output[dict[str, Any]]
    release: str


def deploy(plan: StackPlan, images: Mapping[str, NixImage]) -> Deployment:
    """Declare everything: what is shared, then servers with verification and cutover."""
    shared = declare_shared(plan, images)
    servers: dict[str, ServerResources] = {}
    if plan.context.ephemeral:
        tests = [_declare_test(plan, machine, shared) for machine in plan.machines.active]
        evidence = [test.verification.evidence for test in tests]
    else:
        servers = _declare_servers(plan, shared)
        evidence = [each.server.evidence for each in servers.values()]
    cutovers = [each.cutover for each in servers.values() if each.cutover]
    declare_visibility(plan, shared, evidence, cutovers)
    declare_shares(plan, shared, evidence, cutovers)
    return _outputs(plan, shared, {name: each.output for name, each in servers.items()}, evidence)


def _declare_servers(plan: StackPlan, shared: Shared) -> dict[str, ServerResources]:
    found: dict[str, ServerResources] = {}
    batch = plan.context.settings.options.boot_concurrency
    for name, rollout in plan.machines.rollouts.items():
        # the next ones boot when the ones before have been verified
        declared = [*found.values()]
        before: list[pulumi.Resource] = []
        if len(declared) >= batch:
            before.append(declared[-batch].server.verification)
        active = rollout.active
        if active.placement:
            # Nova places members that are created at one time without regard to each other
            # (terraform-provider-openstack#1165)
            same = active.release.name
            before += [each.server.instance for each in declared if each.release == same][-1:]
        address = _declare_address(plan, active, shared)
        server = _declare_machine(plan, active, address, shared, before)
        cutover = None
        if active.server.options.address != "none":
            cutover = Cutover(
                name,
                {
                    "address": address,
                    "server": server,
                    "repair": plan.repairs.get(CUTOVER.key(name), 0),
                },
                shared.after(shared.ready),
            )
        port = cutover.port if cutover else server.port
        output = _output(active, address, server, port)
        found[name] = ServerResources(server, cutover, output, active.release.name)
        for standby in rollout.standby:
            # it stays as it is, with the evidence of its verification
            _declare_machine(plan, standby, address, shared)
    return found


def _output(
    machine: Machine, address: pulumi.Output[str], server: Server, port: pulumi.Output[str]
) -> pulumi.Output[dict[str, Any]]:
    """The server as a stack output; `port` is known after the cutover."""
    known = pulumi.Output.all(address, server.address, server.evidence, port)
    return known.apply(lambda it: server_output(machine, *it).plain())


def _declare_address(plan: StackPlan, machine: Machine, shared: Shared) -> pulumi.Output[str]:
    """The stable address of a server: its own floating IP, an existing one, or empty."""
    name, given = machine.server.name, machine.server.options.address
    if given != "floating":
        return pulumi.Output.from_input("" if given == "none" else given)
    return Address(
        name,
        {
            "pool": plan.context.networks.pool_name,
            "description": f"flakeship {machine.stack} {name}",
            "tags": words(Owner(machine.stack, name)),
            "repair": plan.repairs.get(ADDRESS.key(name), 0),
        },
        # nothing needs it before, and it would keep Neutron from what the server waits for
        shared.after(shared.ready),
    ).address


def _declare_test(plan: StackPlan, machine: Machine, shared: Shared) -> TestServer:
    before = [*shared.ready, *shared.rules(machine)]
    opts = pulumi.ResourceOptions(depends_on=before)
    return TestServer(machine.id, _test_args(plan, machine, shared), opts)


def _test_args(plan: StackPlan, machine: Machine, shared: Shared) -> TestServerArgs:
    return {
        "image": shared.images[machine.release.name],
        "flavor": shared.flavor(machine),
        "network": shared.network,
        "security_group": shared.security_group(machine),
        "verification": replace(
            machine.verification, repair=plan.repairs.get(VERIFICATION.key(machine.id), 0)
        ),
    }


def _declare_machine(
    plan: StackPlan,
    machine: Machine,
    address: pulumi.Output[str],
    shared: Shared,
    boot_after: Sequence[pulumi.Resource] = (),
) -> Server:
    options = machine.server.options
    placed = machine.placement
    args: ServerArgs = {
        **_test_args(plan, machine, shared),
        "address": address,
        "metadata": machine.metadata,
        "tags": words(machine.owner),
        "description": description(machine.owner),
        "keypair": options.keypair,
        "user_data": options.user_data,
        "volume": -(-machine.disk // 1024) if options.volume else 0,
        # what runs at its start may need a way out
        "boot_after": [*shared.ready, *shared.rules(machine), *boot_after],
        "verify_after": shared.ready,
        "server_group": shared.server_groups[machine.release.name] if placed else None,
        "creation": shared.creation,
    }
    return Server(machine.id, args, shared.after(shared.subnets))


def _outputs(
    plan: StackPlan,
    shared: Shared,
    servers: Mapping[str, pulumi.Output[dict[str, Any]]],
    evidence: Evidences,
) -> Deployment:
    """The outputs for people and for the next run: through the evidence, like the ledger."""
    verified = pulumi.Output.all(*evidence)

    def details(known: list[Any]) -> dict[str, Any]:
        published = {
            name: Publication(image, plan.uploads.numbers[name]) for name, image in known[1].items()
        }
        project = plan.context.inventory.project
        return codec.plain(StackDetails(project, published, plan.repairs, borrowed))

    borrowed = plan.borrowing.images
    keys = ("project", "published", "repairs", *(["borrowed"] if borrowed else []))
    ids = {name: image.image for name, image in shared.published.items()}
    stored = pulumi.Output.all(verified, pulumi.Output.all(**ids).apply(dict)).apply(details)
    return Deployment(
        evidence,
        servers=servers,
        machines={
            name: pulumi.Output.all(servers.get(name, verified), machines).apply(lambda it: it[1])
            for name, machines in plain_machines(plan.machines.deployed).items()
        },
        details={key: stored[key] for key in keys},
    )


STABLE = Stable(kinds=(ADDRESS,), images=(GLANCE_IMAGE,))
GRAPH: Graph[StackPlan] = deploy
