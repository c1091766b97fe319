"""The verification of a machine."""

from __future__ import annotations

from typing import Any, TypedDict

import pulumi

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.state.resources import VERIFICATION

from .command import answer, command


class VerificationArgs(TypedDict):
    """`command` is the internal command that verifies, `request` what it is asked, as its type."""

    command: str
    request: pulumi.Input[Any]


class Verification(pulumi.ComponentResource):
    """Checks a booted machine from outside and inside, and holds the evidence.

    A resource of its own and no hook: a failed create is not saved, so it runs again next time,
    and what depends on it does not happen (docs/explanation/decisions/0005). Its evidence holds the
    pinned host keys: the command gets it back when the request changes, and refuses any other key.
    """

    evidence: pulumi.Output[Evidence]

    def __init__(
        self, name: str, args: VerificationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:index:Verification", name, None, opts)
        verified = command(
            VERIFICATION.name(name),
            {"create": args["command"], "request": args["request"]},
            pulumi.ResourceOptions(parent=self),
        )
        self.evidence = answer(verified, Evidence)
        self.register_outputs({"evidence": self.evidence.apply(codec.plain)})
