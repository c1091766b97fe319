"""Verification: from a machine that is starting to evidence that it is what was released."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from flakeship.model.codec import parse
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.ssh import host_keys
from flakeship.verify.checks import outside
from flakeship.verify.checks.verdict import refuse_failed
from flakeship.verify.console import Console, announced_keys, tail
from flakeship.verify.login import host_key_changed, log_in
from flakeship.verify.request import Access, Route, VerifyRequest, login_lines
from flakeship.verify.schedule import ScheduledCheck, run_checks, schedule

log = logging.getLogger(__name__)

NOT_SERVING = "No traffic was moved: what served before still does."  # before the cutover


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


def pinned_keys(previous: str, machine: str) -> list[str]:
    """The host keys that an earlier verification of this machine has pinned.

    `previous` is what it printed (PULUMI_COMMAND_STDOUT), empty for the first one. Text that is not
    evidence is refused: taken for nothing it would let a new key in.
    """
    if not previous.strip():
        return []
    try:
        evidence = parse(Evidence, previous)
    except ValidationError as error:
        raise FlakeshipError(
            "the evidence of the last verification cannot be read, and with it the pinned host "
            "keys",
            code="evidence-unreadable",
            key=machine,
            remedy="inspect this verification in `pulumi stack export`",
        ) from error
    return evidence.host_keys if evidence.machine == machine else []


def verify(request: VerifyRequest, pinned: Sequence[str], context: VerificationContext) -> Evidence:
    """Wait for the machine, run every check, and return the evidence when all have passed.

    `pinned` are the host keys of an earlier verification of this machine: any other key is
    refused. Raises FlakeshipError with the failed checks, the console's end and the next step.
    """
    with context.access.open() as route:
        keys = list(pinned)
        try:
            return _verify(request, context, route, keys)
        except FlakeshipError as error:
            error.key = error.key or request.machine
            error.details += (
                *_end(context.console),
                f"{context.on_failure} To inspect this machine:",
                *context.inspect_hint(login_lines(request, route, keys)),
            )
            raise


def _verify(
    request: VerifyRequest, context: VerificationContext, route: Route, keys: list[str]
) -> Evidence:
    """The verification over an open route; `keys` become those that the machine has proved."""
    started = time.monotonic()
    machine, console, pinned = request.machine, context.console, list(keys)
    log.info("%s: waiting for its host keys on the console", machine)
    with log_in(request, route, console, pinned) as connection:
        keys[:] = connection.keys
        seconds = round(time.monotonic() - started, 2)
        log.info("%s: SSH answers after %.1f s; running the checks", machine, seconds)
        announced = bool(announced_keys(console)) or not console.truncated
        checks = schedule(request, connection, pinned, context.checks, announced=announced)
        results = run_checks(checks, request, route, connection, outside.PATIENCE)
    refuse_failed(machine, results)
    last = announced_keys(console)
    if not (host_keys.same(last, keys) or (console.truncated and not last)):
        raise host_key_changed(machine, keys, last)
    at = datetime.now().astimezone().isoformat(" ", "seconds")
    return Evidence(machine, request.boot, keys, seconds, results, at)


def _end(console: Console) -> list[str]:
    if lines := tail(console):
        return [f"The end of the console ({console.name}):", *(f"  | {line}" for line in lines)]
    return [f"The console ({console.name}) is empty."]
