"""A server on the workstation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi

from flakeship.targets.local.machine_record import MachineRecord
from flakeship.targets.local.requests import DataDiskRequest, MachineRequest
from flakeship.targets.local.resources import DATA_DISK, MACHINE

from ..command import answer, command


class LocalServerArgs(TypedDict):
    """`machine` is what to boot, once its image is built; `machine_id` is known before.

    `data_disks` are those of the server, by name.
    """

    machine_id: str
    machine: pulumi.Input[MachineRequest]
    data_disks: NotRequired[Mapping[str, pulumi.Input[DataDiskRequest]]]


class LocalServer(pulumi.ComponentResource):
    """The data disks of a server, and its machine of one release.

    The machine is named by release and shape, so a new one is a new resource: the old one is
    removed after the cutover, at the end of a run in which everything succeeded.
    """

    machine: pulumi.Output[MachineRecord]
    """The machine that runs."""

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
