"""The cut-over on this machine."""

from __future__ import annotations

import pulumi

from flakeship.model import codec
from flakeship.targets.local.plan import Machine
from flakeship.targets.local.resources import CUTOVER

from ..command import command
from ..verification import Verification
from .server import LocalServer


class LocalCutover(pulumi.ComponentResource):
    """Moves a server's stable name, forwarded ports and data disks to its verified machine.

    It is named by the server alone, so it is updated in place and never deleted in between.
    `report` is what the stack tells of the server once it has moved.
    """

    report: pulumi.Output[dict[str, object]]

    def __init__(
        self,
        machine: Machine,
        server: LocalServer,
        verification: Verification,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("flakeship:local:Cutover", machine.server.name, None, opts)
        request = pulumi.Output.all(server.running, verification.evidence).apply(
            lambda made: codec.dump(machine.cutover(*made))
        )
        moved = command(
            CUTOVER.name(machine.server.name),
            {"create": "local.cutover", "delete": "local.remove-cutover", "request": request},
            pulumi.ResourceOptions(parent=self, depends_on=[verification]),
        )
        self.report = pulumi.Output.all(verification.evidence, moved.stdout).apply(
            lambda done: machine.report(done[0]).plain()
        )
        self.register_outputs({})
