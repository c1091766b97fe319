"""QEMU on this machine: the image is booted straight from the Nix store."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from flakeship.config.settings import Settings
from flakeship.release.desired import Desired
from flakeship.ssh import keys
from flakeship.targets.local import preflight
from flakeship.targets.local.plan import Machine, plan

from ..nix_image import NixImage
from ..target import Deployed, Planned
from ..verification import Verification
from .cutover import LocalCutover
from .server import LocalServer


class Local:
    """The target `local`; see components.target.Target."""

    outputs = ("servers",)

    def __init__(self) -> None:
        self.machines: list[Machine] = []

    async def plan(self, wanted: Desired) -> Planned:
        """Plan the machines, and say what has died and which data disks go."""
        servers = wanted.before["servers"] or {}
        identity = keys.identity(wanted.settings)
        self.machines = plan(wanted.settings, wanted.releases, wanted.stack, identity, servers)
        for warning in preflight.warnings(self.machines, servers):
            pulumi.log.warn(warning)
        return Planned(wanted.others)

    def deploy(self, images: Mapping[str, NixImage]) -> Deployed:
        """A server, its verification and its cut-over, for each machine."""
        evidence, reports = [], {}
        for machine in self.machines:
            server = LocalServer(machine, images[machine.release.name])
            verification = Verification(machine.id, server.reach)
            cutover = LocalCutover(machine, server, verification)
            evidence.append(verification.evidence)
            reports[machine.server.name] = cutover.report
        return Deployed(evidence, {"servers": reports})


def target(_settings: Settings) -> Local:
    """There is nothing to look at before the flake is evaluated."""
    return Local()
