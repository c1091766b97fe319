"""A server on the workstation, and its cutover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi

from flakeship.targets.local.machine_state import MachineRecord
from flakeship.targets.local.resources import (
    CUTOVER,
    DATA_DISK,
    MACHINE,
    Cutover,
    CutoverRequest,
    DataDiskRequest,
    MachineRequest,
)

from ..command import answer, command


class LocalServerArgs(TypedDict):
    """`machine` is what to boot, once its image is built; `machine_id` is known before.

    `data_disks` are those of the server, by name.
    """

    machine_id: str
    machine: pulumi.Input[MachineRequest]
    data_disks: NotRequired[Mapping[str, pulumi.Input[DataDiskRequest]]]


class LocalServer(pulumi.ComponentResource):
    """The data disks of a server, and its machine of one release, which runs: `machine`.

    The machine is named by release and shape, so a new one is a new resource: the old one is
    removed after the cutover, at the end of a run in which everything succeeded.
    """

    machine: pulumi.Output[MachineRecord]

    def __init__(
        self, name: str, args: LocalServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:local:Server", name, None, opts)
        disks = [
            command(
                DATA_DISK.name(f"{name}.{disk}"),
                {
                    "create": "local.ensure-data-disk",
                    "delete": "local.delete-data-disk",
                    "request": request,
                },
                pulumi.ResourceOptions(parent=self),
            )
            for disk, request in args.get("data_disks", {}).items()
        ]
        started = command(
            MACHINE.name(args["machine_id"]),
            {
                "create": "local.start-machine",
                "delete": "local.stop-machine",
                "request": args["machine"],
            },
            pulumi.ResourceOptions(parent=self, depends_on=disks),
        )
        self.machine = answer(started, MachineRecord)
        self.register_outputs({"machine": args["machine_id"]})


class LocalCutoverArgs(TypedDict):
    """`request` names the verified machine, and what moves to it."""

    request: pulumi.Input[CutoverRequest]


class LocalCutover(pulumi.ComponentResource):
    """Moves a server's data disks, host ports and stable name to its verified machine.

    It is named by the server alone, so it is updated in place and never deleted in between. `done`
    is the active machine, and the evidence of the checks that need the data disks.
    """

    done: pulumi.Output[Cutover]

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
