"""The verification of a machine."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from flakeship.model.evidence import Evidence

from .resource import Inputs, Resource


class VerificationArgs(TypedDict):
    """`type` is the type of the target's resource that verifies, `inputs` what it is asked."""

    type: str
    inputs: Inputs


class Verification(Resource):
    """Checks a booted machine from outside and inside, and holds the evidence.

    A resource of its own and no hook: a failed create is not saved, so it runs again next time,
    and what depends on it does not happen (docs/explanation/decisions/0005). Its evidence holds the
    pinned host keys: the provider gets it back when the inputs change, and refuses any other key.
    """

    evidence: pulumi.Output[Evidence]

    def __init__(
        self, name: str, args: VerificationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(args["type"], name, args["inputs"], opts)
        self.evidence = self.answer(Evidence)
