"""A machine of a server with its verification."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from flakeship.targets.fake.machine import Machine
from flakeship.targets.fake.requests import Existing
from flakeship.targets.fake.resources import MACHINE

from ..command import answer, command
from ..verification import Verification


class ServerArgs(TypedDict):
    """A machine, and the id of the image that it boots."""

    machine: pulumi.Input[Machine]
    image: pulumi.Input[str]


class Server(pulumi.ComponentResource):
    """A machine of one release, and its verification.

    The name has all that only a new machine can have, so the request counts when it is created and
    never again: an image that is published again has another id, and the machine is the same.
    """

    id: pulumi.Output[str]
    verification: Verification

    def __init__(
        self, name: str, args: ServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:fake:Server", name, None, opts)
        given = pulumi.Output.all(args["machine"], args["image"])
        created = command(
            MACHINE.name(name),
            {
                "create": "fake.create-machine",
                "delete": "fake.delete-machine",
                "request": given.apply(lambda it: it[0].creation(it[1])),
            },
            pulumi.ResourceOptions(parent=self, ignore_changes=["stdin"]),
        )
        self.id = answer(created, Existing).apply(lambda made: made.id)
        request = pulumi.Output.all(args["machine"], self.id).apply(
            lambda it: it[0].verification(it[1])
        )
        self.verification = Verification(
            name,
            {"command": "fake.verify-machine", "request": request},
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"id": self.id})
