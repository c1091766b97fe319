"""A check of a machine as it is declared: its name, when it runs, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flakeship.system.process import Shell
from flakeship.verify.checks.facts import Facts
from flakeship.verify.request import VerifyRequest
from flakeship.verify.route import Route

Phase = Literal["start", "up", "facts", "idle", "last"]
"""When a check runs.

`start`: at once, before the system has started; it may wait for the facts. `up`: when the system
has started, in parallel with the others of this phase. `facts`: on what the machine reports, once
all of `up` have ended. `idle`: after that, alone on the machine, so that its time is its own.
`last`: alone, after everything else.
"""


@dataclass(frozen=True)
class Subject:
    """The machine under verification: `shell` is a login on it, `facts` is what it reports.

    In the phase `start`, `facts` waits for the machine.
    """

    request: VerifyRequest
    route: Route
    shell: Shell
    facts: Callable[[], Facts]


@dataclass(frozen=True)
class ScheduledCheck:
    """A check: `run` returns its evidence or raises Failed.

    `sections` are those of the probe that it reads: they took its time.
    """

    name: str
    phase: Phase
    run: Callable[[Subject], str]
    sections: tuple[str, ...] = ()
