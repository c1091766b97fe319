"""The cutover on the workstation."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from flakeship.model import codec
from flakeship.targets.local.cutover import Cutover
from flakeship.targets.local.requests import CutoverRequest
from flakeship.targets.local.resources import CUTOVER

from ..command import command


class LocalCutoverArgs(TypedDict):
    """`request` names the verified machine, and what moves to it."""

    request: pulumi.Input[CutoverRequest]


class LocalCutover(pulumi.ComponentResource):
    """Moves a server's data disks, host ports and stable name to its verified machine.

    It is named by the server alone, so it is updated in place and never deleted in between.
    """

    done: pulumi.Output[Cutover]
    """The active machine, and the evidence of the checks that need the data disks."""

    def __init__(
        self, name: str, args: LocalCutoverArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:local:Cutover", name, None, opts)
        moved = command(
            CUTOVER.name(name),
            {
                "create": "local.cutover",
                "delete": "local.remove-cutover",
                "request": pulumi.Output.from_input(args["request"]).apply(codec.dump),
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.done = moved.stdout.apply(lambda text: codec.parse(Cutover, text))
        self.register_outputs({"machine": self.done.apply(lambda done: done.machine)})
