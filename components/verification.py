"""The verification of a machine."""

from __future__ import annotations

from typing import Any

import pulumi

from flakeship.model import codec
from flakeship.model.evidence import Evidence

from .command import command_resource


class Verification(pulumi.ComponentResource):
    """Checks a booted machine from outside and inside, and holds the evidence.

    A resource of its own and no hook: a failed create is not saved, so it runs again next time,
    and what depends on it does not happen (docs/decisions/0005). Its evidence holds the pinned
    host keys: the verb gets it back when the request changes, and refuses any other key. `create`
    is the verb, which gives the request its shape.
    """

    evidence: pulumi.Output[Evidence]

    def __init__(
        self,
        machine: str,
        request: pulumi.Output[Any],
        create: str = "verify",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("flakeship:index:Verification", machine, None, opts)
        command = command_resource(
            f"verification-{machine}",
            create,
            request.apply(codec.dump),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.evidence = command.stdout.apply(lambda text: codec.parse(Evidence, text))
        self.register_outputs({"evidence": self.evidence.apply(codec.plain)})
