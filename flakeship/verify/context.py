"""What a target brings to the verification of its machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from flakeship.ssh import connection
from flakeship.verify.checks.facts import Facts
from flakeship.verify.console import Console
from flakeship.verify.route import Access, Route

NOT_SERVING = "No traffic was moved; the previous machine is still serving."
"""What a failed verification means before the cutover."""

ExtraCheck = Callable[[connection.Connection, Future[Facts], Route], str]
"""A check of a target's own: it returns its evidence or raises Failed.

The facts of the machine may come only while it runs.
"""


@dataclass(frozen=True)
class VerificationContext:
    """How to reach a machine, what its console is, and which checks its target adds.

    `beside` are checks that run side by side with all others, `last` those that run alone after
    them. `on_failure` says what a failure means for the server's users. `inspect_hint` is given the
    lines for logging in to a machine that has failed, and returns what a person is told.
    """

    access: Access
    console: Console
    beside: Mapping[str, ExtraCheck] = field(default_factory=dict)
    last: Mapping[str, ExtraCheck] = field(default_factory=dict)
    on_failure: str = NOT_SERVING
    inspect_hint: Callable[[list[str]], list[str]] = list
