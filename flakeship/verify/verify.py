"""Verification: from a machine that is starting to evidence that it is what was released."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from flakeship.model.codec import parse
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.ssh import host_keys
from flakeship.verify import announced_keys
from flakeship.verify.checks import outside
from flakeship.verify.context import VerificationContext
from flakeship.verify.failure_report import failure_report
from flakeship.verify.login import host_key_changed, log_in
from flakeship.verify.request import VerifyRequest
from flakeship.verify.route import Route
from flakeship.verify.run_checks import refuse_failed, run_checks
from flakeship.verify.schedule import schedule

log = logging.getLogger(__name__)


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
            raise failure_report(error, request, context, route, keys) from error


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
        announced = bool(announced_keys.announced(console)) or not console.truncated
        checks = schedule(request, connection, pinned, context.checks, announced=announced)
        results = run_checks(checks, request, route, connection, outside.PATIENCE)
    refuse_failed(machine, results)
    last = announced_keys.announced(console)
    if not (host_keys.same(last, keys) or (console.truncated and not last)):
        raise host_key_changed(machine, keys, last)
    at = datetime.now().astimezone().isoformat(" ", "seconds")
    return Evidence(machine, request.boot, keys, seconds, results, at)
