"""Declares a stack on the workstation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from flakeship.model.evidence import Evidence
from flakeship.targets.local.outputs import server_output
from flakeship.targets.local.plan import LocalPlan
from flakeship.targets.local.server_plan import ServerPlan

from ..nix_image import NixImage
from ..target import Deployment, Graph
from ..verification import Verification
from .cutover import LocalCutover
from .server import LocalServer


def deploy(plan: LocalPlan, images: Mapping[str, NixImage]) -> Deployment:
    """A server, its verification and its cutover for each server of the plan."""
    declared = {
        planned.name: declare(planned, images[planned.release.name]) for planned in plan.servers
    }
    return Deployment(
        evidence=[evidence for evidence, _ in declared.values()],
        servers={name: output for name, (_, output) in declared.items()},
    )


def declare(
    planned: ServerPlan, image: NixImage
) -> tuple[pulumi.Output[Evidence], pulumi.Output[dict[str, Any]]]:
    """One server; its evidence, and its stack output, known once the cutover is done."""
    disks = planned.server.data_disks
    server = LocalServer(
        planned.name,
        {
            "machine_id": planned.id,
            "machine": image.artifact.apply(planned.start),
            "data_disks": {disk: planned.data_disk(disk) for disk in disks},
        },
        pulumi.ResourceOptions(depends_on=[image]),
    )
    verification = Verification(
        planned.id,
        {
            "command": "local.verify-machine",
            "request": server.machine.apply(planned.verification),
        },
    )
    verified = pulumi.Output.all(server.machine, verification.evidence)
    cutover = LocalCutover(
        planned.name,
        {"request": verified.apply(lambda known: planned.cutover(*known))},
        pulumi.ResourceOptions(depends_on=[verification]),
    )
    output = pulumi.Output.all(verification.evidence, cutover.done).apply(
        lambda known: server_output(planned, known[0]).plain()
    )
    return verification.evidence, output


GRAPH: Graph[LocalPlan] = deploy
