"""Declares a stack on the workstation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from flakeship.model.evidence import Evidence
from flakeship.targets.local.plan import LocalPlan
from flakeship.targets.local.server_plan import ServerPlan

from ..nix_image import NixImage
from ..outputs import Deployment, Graph
from ..verification import Verification
from .server import LocalCutover, LocalServer


def deploy(plan: LocalPlan, images: Mapping[str, NixImage]) -> Deployment:
    """A server, its verification and its cutover for each server of the plan."""
    declared = {p.name: _declare(p, images[p.release.name]) for p in plan.servers}
    return Deployment(
        evidence=[evidence for evidence, _ in declared.values()],
        servers={name: output for name, (_, output) in declared.items()},
    )


def _declare(
    planned: ServerPlan, image: NixImage
) -> tuple[pulumi.Output[Evidence], pulumi.Output[dict[str, Any]]]:
    """One server; its evidence, and its stack output, known once the cutover is done."""
    server = LocalServer(
        planned.name,
        {
            "machine_id": planned.id,
            "machine": image.artifact.apply(planned.start),
            "data_disks": {disk: planned.data_disk(disk) for disk in planned.server.data_disks},
        },
        pulumi.ResourceOptions(depends_on=[image]),
    )
    request = server.machine.apply(planned.verification)
    verification = Verification(planned.id, {"command": "local.verify-machine", "request": request})
    verified = pulumi.Output.all(server.machine, verification.evidence)
    cutover = LocalCutover(
        planned.name,
        {"request": verified.apply(lambda known: planned.cutover(*known))},
        pulumi.ResourceOptions(depends_on=[verification]),
    )
    known = pulumi.Output.all(verification.evidence, cutover.done)
    return verification.evidence, known.apply(lambda it: planned.output(it[0]).plain())


GRAPH: Graph[LocalPlan] = deploy
