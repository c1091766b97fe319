"""A server on the workstation, and its cutover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi

from flakeship.targets.local.machine_state import MachineRecord
from flakeship.targets.local.resources import DATA_DISK, MACHINE, Cutover, DataDiskRequest

from ..resource import Inputs, Resource, inputs


class LocalServerArgs(TypedDict):
    """`machine` has the fields of flakeship.targets.local.resources.MachineRequest.

    `data_disks` are those of the server, by name.
    """

    machine_id: str
    machine: Inputs
    data_disks: NotRequired[Mapping[str, DataDiskRequest]]


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
            Resource(
                "flakeship:local:DataDisk",
                DATA_DISK.name(f"{name}.{disk}"),
                inputs(request),
                pulumi.ResourceOptions(parent=self),
            )
            for disk, request in args.get("data_disks", {}).items()
        ]
        started = Resource(
            "flakeship:local:Machine",
            MACHINE.name(args["machine_id"]),
            args["machine"],
            pulumi.ResourceOptions(parent=self, depends_on=disks),
        )
        self.machine = started.answer(MachineRecord)
        self.register_outputs({"machine": args["machine_id"]})


class LocalCutover(Resource):
    """Moves a server's data disks, host ports and stable name to its verified machine.

    It is named by the server alone, so it is updated in place and never deleted in between. Its
    inputs have the fields of flakeship.targets.local.resources.CutoverRequest. `done` is the active
    machine, and the evidence of the checks that need the data disks.
    """

    done: pulumi.Output[Cutover]

    def __init__(self, name: str, args: Inputs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flakeship:local:Cutover", name, args, opts)
        self.done = self.answer(Cutover)
