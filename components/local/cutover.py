"""The cutover on the workstation."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from flakeship.targets.local.cutover import Cutover
from flakeship.targets.local.requests import CutoverRequest
from flakeship.targets.local.resources import CUTOVER

from ..command import answer, command


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
                "request": args["request"],
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.done = answer(moved, Cutover)
        self.register_outputs({"machine": self.done.apply(lambda done: done.machine)})
