"""The graph of a stack on the target: every resource is one of Flakeship's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi

from flakeship.model import codec
from flakeship.rollout.ownership import Owner
from flakeship.rollout.retention import Publication
from flakeship.targets.fake.plan import FakePlan, Machine
from flakeship.targets.fake.resources import CUTOVER, IMAGE, MACHINE, Existing

from ..nix_image import NixImage
from ..outputs import Deployment, Graph
from ..protection import Stable
from ..resource import Resource, inputs
from ..verification import Verification


class ServerArgs(TypedDict):
    """A machine, and the id of the image that it boots."""

    machine: Machine
    image: pulumi.Input[str]


class Server(pulumi.ComponentResource):
    """A machine of one release, and its verification.

    The name has all that only a new machine can have, so the request counts when it is created and
    never again: an image that is published again has another id, and the machine is the same.
    """

    id: pulumi.Output[str]
    verification: Verification

    def __init__(
        self, name: str, args: ServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:fake:Server", name, None, opts)
        machine = args["machine"]
        created = Resource(
            "flakeship:fake:Machine",
            MACHINE.name(name),
            inputs(machine.creation(), image=args["image"]),
            pulumi.ResourceOptions(parent=self, ignore_changes=["image", "boot_seconds"]),
        )
        self.id = created.answer(Existing).apply(lambda made: made.id)
        request = inputs(machine.verification(), machine=self.id)
        self.verification = Verification(
            name,
            {"type": "flakeship:fake:Verification", "inputs": request},
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"id": self.id})


def deploy(plan: FakePlan, images: Mapping[str, NixImage]) -> Deployment:
    """The images, then the machines of every server with verification and cutover."""
    published = {name: _publish(plan, name, image) for name, image in images.items()}
    evidence, servers, machines = [], {}, {}
    for name, rollout in plan.rollouts.items():
        # standby machines stay as they were made
        active, *_ = [
            Server(machine.id, {"machine": machine, "image": published[machine.release.name]})
            for machine in rollout.machines
        ]
        evidence.append(active.verification.evidence)
        servers[name] = _cut_over(rollout.active, active)
        stored = [codec.plain(machine) for machine in rollout.machines]
        machines[name] = pulumi.Output.all(stored, servers[name]).apply(lambda it: it[0])
    # through the evidence, like the ledger
    ids = pulumi.Output.all(pulumi.Output.all(**published), *evidence).apply(lambda it: it[0])
    numbered = ids.apply(
        lambda known: {
            name: codec.plain(Publication(image, plan.uploads.numbers[name]))
            for name, image in known.items()
        }
    )
    return Deployment(evidence, servers, machines, {"published": numbered})


def _publish(plan: FakePlan, release: str, image: NixImage) -> pulumi.Output[str]:
    """Publish the image of a release; its id."""
    owner, number = Owner(plan.stack, release=release), plan.uploads.numbers[release]
    built = image.artifact.apply(codec.plain)
    made = Resource(
        "flakeship:fake:Image",
        IMAGE.name(release),
        {"owner": codec.plain(owner), "artifact": built, "publication": number},
        pulumi.ResourceOptions(parent=image),
    )
    return made.answer(Existing).apply(lambda published: published.id)


def _cut_over(machine: Machine, server: Server) -> pulumi.Output[dict[str, Any]]:
    """The cutover to a machine, once it is verified; the server as a stack output."""
    # named by the server alone, so it is updated in place and never deleted in between
    moved = Resource(
        "flakeship:fake:Cutover",
        CUTOVER.name(machine.server.name),
        inputs(machine.cutover(), machine=server.id),
        pulumi.ResourceOptions(depends_on=[server.verification]),
    )
    known = pulumi.Output.all(moved.answer(Existing), server.verification.evidence)
    return known.apply(lambda it: machine.output(it[0].id, it[1]).plain())


STABLE = Stable(kinds=(CUTOVER,), images=(IMAGE,))
GRAPH: Graph[FakePlan] = deploy
