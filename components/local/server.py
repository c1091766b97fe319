"""A server on this machine."""

from __future__ import annotations

import pulumi

from flakeship.model import codec
from flakeship.targets.local.plan import Machine
from flakeship.targets.local.requests import Running, VerifyMachineRequest
from flakeship.targets.local.resources import DISK, MACHINE

from ..command import command
from ..nix_image import NixImage


class LocalServer(pulumi.ComponentResource):
    """The data disks of a server, and its machine of one release.

    The machine is named by release and shape, so a new one is a new resource: the old one goes
    after the cut-over, at the end of a run in which everything went well. `reach` says how the
    verification gets to it.
    """

    running: pulumi.Output[Running]
    reach: pulumi.Output[VerifyMachineRequest]

    def __init__(
        self, machine: Machine, image: NixImage, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:local:Server", machine.server.name, None, opts)
        disks = [
            command(
                # No name has a dot: `web` with `pg-x` is not `web-pg` with `x`.
                DISK.name(f"{machine.server.name}.{name}"),
                {
                    "create": "local.ensure-data-disk",
                    "delete": "local.delete-data-disk",
                    "request": codec.dump(machine.disk(name)),
                },
                pulumi.ResourceOptions(parent=self),
            )
            for name in machine.disks
        ]
        started = command(
            MACHINE.name(machine.id),
            {
                "create": "local.start-machine",
                "delete": "local.stop-machine",
                "request": image.artifact.apply(lambda made: codec.dump(machine.start(made))),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[image, *disks]),
        )
        self.running = started.stdout.apply(lambda text: codec.parse(Running, text))
        self.reach = self.running.apply(machine.verify)
        self.register_outputs({})
