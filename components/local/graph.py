"""The graph of a stack on this workstation."""

from __future__ import annotations

from collections.abc import Mapping

from flakeship.targets.local.target import LocalPlan

from ..nix_image import NixImage
from ..target import Deployment, Graph
from ..verification import Verification
from .cutover import LocalCutover
from .server import LocalServer


def deploy(plan: LocalPlan, images: Mapping[str, NixImage]) -> Deployment:
    """A server, its verification and its cutover, for each machine."""
    evidence, servers = [], {}
    for machine in plan.machines:
        server = LocalServer(machine, images[machine.release.name])
        verification = Verification(
            machine.id, {"command": "local.verify-machine", "request": server.reach}
        )
        cutover = LocalCutover(machine, server, verification)
        evidence.append(verification.evidence)
        servers[machine.server.name] = cutover.report
    return Deployment(evidence, servers)


GRAPH: Graph[LocalPlan] = deploy
