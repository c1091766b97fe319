"""What a target adds to the verification of its servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint, by_hand
from flakeship.verify.checks.facts import Facts
from flakeship.verify.console import Console, File
from flakeship.verify.request import VerifyRequest

NEW = "Nothing was switched over: what had the server's name before still has it."
"""What a failed verification means for who uses the server, before it is switched over to."""

ExtraCheck = Callable[[connection.Connection, Future[Facts]], str]
"""A check of a target's own: it returns its evidence or raises Failed.

The facts of the machine may come only while it runs.
"""


@dataclass(frozen=True)
class VerificationContext:
    """How servers of a target differ from each other's.

    `beside` are checks that run side by side with all others, `last` those that run alone after
    them. `look` is given the server's host keys and tells a person how to look at it. `standing`
    says what it means that the verification has failed.
    """

    console: Console
    look: Callable[[Sequence[str]], list[str]]
    beside: Mapping[str, ExtraCheck] = field(default_factory=dict)
    last: Mapping[str, ExtraCheck] = field(default_factory=dict)
    standing: str = NEW


def of_a_file(request: VerifyRequest) -> VerificationContext:
    """A machine whose console is a file, and which stays where the request says."""
    return VerificationContext(
        File(Path(request.console)), lambda keys: [f"  {by_hand(endpoint(request), keys)}"]
    )


def endpoint(request: VerifyRequest) -> Endpoint:
    """Where to log in to the server of a request."""
    return Endpoint(
        request.machine, request.address, request.reach[22], request.user, request.identity
    )
