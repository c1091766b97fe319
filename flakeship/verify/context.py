"""What a target brings to the verification of its machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flakeship.verify.checks.scheduled import ScheduledCheck
from flakeship.verify.console import Console
from flakeship.verify.route import Access

NOT_SERVING = "No traffic was moved: what served before still does."
"""What a failed verification means before the cutover."""


@dataclass(frozen=True)
class VerificationContext:
    """How to reach a machine, its console, and the checks that its target adds.

    `on_failure` explains what a failure means for the server's users. `inspect_hint` is given the
    lines for logging in to a machine that has failed, and returns what a person reads.
    """

    access: Access
    console: Console
    checks: Sequence[ScheduledCheck] = ()
    on_failure: str = NOT_SERVING
    inspect_hint: Callable[[list[str]], list[str]] = list
