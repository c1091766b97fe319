"""Declares a stack on the workstation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.model.ports import SSH
from flakeship.targets.local.plan import LocalPlan
from flakeship.targets.local.resources import CUTOVER, DATA_DISK
from flakeship.targets.local.server_plan import ServerPlan

from ..nix_image import NixImage
from ..outputs import Deployment, Graph
from ..protection import Stable
from ..resource import Inputs, inputs
from ..verification import Verification
from .server import LocalCutover, LocalServer


def deploy(plan: LocalPlan, images: Mapping[str, NixImage]) -> Deployment:
    """A server, its verification and its cutover for each server of the plan."""
    declared = {p.name: declare(p, images[p.release.name]) for p in plan.servers}
    return Deployment(
        evidence=[evidence for evidence, _ in declared.values()],
        servers={name: output for name, (_, output) in declared.items()},
    )


def declare(
    planned: ServerPlan, image: NixImage, parent: pulumi.Resource | None = None
) -> tuple[pulumi.Output[Evidence], pulumi.Output[dict[str, Any]]]:
    """One server; its evidence, and its stack output, known once the cutover is done."""
    # its path is known before it is built, unlike its bytes
    path, sha512 = planned.release.paths[0], image.artifact.apply(lambda it: it.image.sha512)
    server = LocalServer(
        planned.name,
        {
            "machine_id": planned.id,
            "machine": inputs(planned.start(), image=path, sha512=sha512),
            "data_disks": {disk: planned.data_disk(disk) for disk in planned.server.data_disks},
        },
        pulumi.ResourceOptions(parent=parent, depends_on=[image]),
    )
    ports = server.machine.apply(lambda machine: codec.plain(machine.ports))
    verification = Verification(
        planned.id,
        {
            "type": "flakeship:local:Verification",
            "inputs": inputs(planned.verification(), ports=ports),
        },
        pulumi.ResourceOptions(parent=parent),
    )
    cutover = LocalCutover(
        planned.name,
        _cutover_inputs(planned, ports, verification.evidence),
        pulumi.ResourceOptions(parent=parent, depends_on=[verification]),
    )
    known = pulumi.Output.all(verification.evidence, cutover.done)
    return verification.evidence, known.apply(lambda it: planned.output(it[0]).plain())


def _cutover_inputs(
    planned: ServerPlan, ports: pulumi.Output[dict[str, Any]], evidence: pulumi.Output[Evidence]
) -> Inputs:
    request = planned.cutover()
    ssh = {
        **inputs(request.ssh),
        "port": ports.apply(lambda known: known[str(SSH)]),
        "host_keys": evidence.apply(lambda known: list(known.host_keys)),
    }
    checks = request.data_checks and {**inputs(request.data_checks), "ports": ports}
    return inputs(request, ssh=ssh, data_checks=checks)


STABLE = Stable(kinds=(DATA_DISK, CUTOVER))
GRAPH: Graph[LocalPlan] = deploy
