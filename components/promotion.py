"""The promotion of a stack, as its previews and its policies see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi

from flakeship.config.gate import Gate
from flakeship.ssh import keys, public_key


class PromotionArgs(TypedDict):
    """The gate of the stack, and the name of the release of each host that is promoted.

    The approvers and signers of the gate may be files, which are read here.
    """

    gate: Gate
    releases: Mapping[str, str]


class Promotion(pulumi.ComponentResource):
    """The releases that a stack takes from another one, which is its name, and through which gate.

    A preview shows what moves on, and a policy can ask for a stricter gate: `soak` is in seconds,
    and people are the fingerprints of their keys. Raises SettingError for what is no key.
    """

    def __init__(
        self, name: str, args: PromotionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        gate = args["gate"]
        shown = {
            "releases": dict(args["releases"]),
            "soak": gate.soak,
            "checks": sorted(gate.checks),
            "revision": gate.revision,
            "approvers": _fingerprints(gate.approvers, "flakeship:gate.approvers"),
            "signers": _fingerprints(gate.signers, "flakeship:gate.signers"),
        }
        super().__init__("flakeship:index:Promotion", name, shown, opts)
        # a policy on the whole stack sees no inputs
        self.register_outputs(shown)


def _fingerprints(entries: Sequence[str], key: str) -> list[str]:
    return sorted({*map(public_key.fingerprint, keys.of_entries(entries, key))})
