"""From a built image to a verified server: what both targets and their peers have in common."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from dev.bench.runs import medians
from dev.bench.terraform import Terraform
from dev.bench.timeline.logged import Logged

WHOLE = "`pulumi up` until verified and cut over"
CHECKS = "its checks, with their way to the server"

Steps = dict[str, float]
Row = tuple[object, ...]


@dataclass
class Applied:
    """The seconds of Terraform's runs, and of its plans without changes."""

    seconds: list[float] = field(default_factory=list)
    plans: list[float] = field(default_factory=list)

    def once(self, other: Terraform) -> None:
        """Apply what is not there yet, and plan again."""
        self.seconds.append(other.timed("apply", "-auto-approve"))
        # Its exit code is 0 only where nothing is to be changed.
        self.plans.append(other.timed("plan", "-detailed-exitcode"))

    def rows(self, whole: float, checks: float) -> list[Row]:
        """The rows beside a median `pulumi up`, of which the checks took a part."""
        if not self.seconds:
            return [("Terraform until SSH answers", "left out: no terraform on PATH")]
        middle = statistics.median(self.seconds)
        return [
            ("Terraform until SSH answers", middle),
            ("`pulumi up` as a multiple of it", whole / middle),
            ("  without its checks", (whole - checks) / middle),
            ("Terraform's plan without changes", statistics.median(self.plans)),
        ]


def checked(run: Logged) -> Steps:
    """The end of a run with one server: SSH, the checks, and what followed them."""
    (verification,) = run.steps("verification")
    answered = run.said("SSH answers after")
    return {
        "from the start until SSH answered": answered,
        CHECKS: verification.end - answered,
        "the cutover and all else": run.seconds - verification.end,
    }


def our_rows(runs: Sequence[Steps]) -> tuple[list[Row], float, float]:
    """The medians of our runs as rows; those of the whole and of its checks."""
    middle = medians(runs)
    whole = middle.pop(WHOLE)
    parts: list[Row] = [(f"  of it {name}", seconds) for name, seconds in middle.items()]
    return [(WHOLE, whole), *parts], whole, middle[CHECKS]
