"""Verification: from a machine that is starting to evidence that it is what was released."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pydantic import ValidationError

from flakeship.model.codec import parse
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.ports import SSH
from flakeship.model.text import last_lines
from flakeship.ssh import host_keys
from flakeship.ssh.banner import await_banner
from flakeship.ssh.connection import Connection
from flakeship.ssh.errors import HostKeyRefusedError, UnreachableError
from flakeship.state.resources import replacing
from flakeship.verify import boot_progress, machine_checks
from flakeship.verify.checks.outside import ON_CONSOLE
from flakeship.verify.checks.verdict import refuse_failed
from flakeship.verify.console import Console, announced_keys, await_keys, shown
from flakeship.verify.request import Access, Route, VerifyRequest, endpoint, login_lines
from flakeship.verify.schedule import ScheduledCheck, run_checks

log = logging.getLogger(__name__)

NEW_KEYS = 20.0  # seconds to announce the keys of a server that shows others than announced
KNOCK = 1.0  # seconds for an SSH server to show its banner
LEAST_WAIT = 10.0  # seconds for the system to have started, where SSH answers at the last moment
LAST = 15  # lines of the console's end that a failure shows
# the failures of a machine that is not up
SILENT = ("host-keys-missing", "address-missing", UnreachableError.code)
NOT_SERVING = "No traffic was moved: what served before still does."  # before the cutover


@dataclass(frozen=True)
class VerificationContext:
    """How to reach a machine, its console, and what its target adds."""

    access: Access
    console: Console
    checks: Sequence[ScheduledCheck] = ()
    on_failure: str = NOT_SERVING  # what a failure means for the server's users
    # what a person reads of a failed machine, by the lines for logging in
    inspect_hint: Callable[[list[str]], list[str]] = list
    # where its host keys are announced, in a few words
    announced_where: Callable[[], str] = lambda: ON_CONSOLE
    # called while the machine is waited for: raises FlakeshipError where it will never be there
    watch: Callable[[], object] = str
    waited: float = 0.0  # seconds that its target has waited for it before


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
            error.details = (
                *error.details,
                *on_the_console(context.console, error),
                f"{context.on_failure} To inspect this machine:",
                *context.inspect_hint(login_lines(request, route, keys)),
            )
            raise


def on_the_console(console: Console, error: FlakeshipError) -> list[str]:
    """The end of the console; before it how far a machine came that is silent, and what to do."""
    text, name = shown(console), console.name
    lines = [f"  | {line}" for line in last_lines(text, LAST)]
    end = (
        [f"The end of the console ({name}):", *lines]
        if lines
        else [f"The console ({name}) is empty."]
    )
    if error.code not in SILENT:
        return end
    reached = boot_progress.find(text)
    error.remedy = error.remedy or reached.remedy
    return [*reached.lines(), *end]


def _verify(
    request: VerifyRequest, context: VerificationContext, route: Route, keys: list[str]
) -> Evidence:
    """The verification over an open route; `keys` become those that the machine has proved."""
    begun = time.monotonic()
    started = begun - context.waited
    machine, console, pinned = request.machine, context.console, list(keys)
    log.info("%s: waiting for its host keys on the console", machine)
    with _log_in(request, route, context, pinned) as connection:
        keys[:] = connection.keys
        seconds = round(time.monotonic() - started, 2)
        log.info("%s: SSH answers after %.1f s; running the checks", machine, seconds)
        left = max(request.deadline - (time.monotonic() - begun), LEAST_WAIT)
        checks = machine_checks.of_machine(
            request,
            connection,
            pinned,
            context.checks,
            announced=lambda: context.announced_where() if announced_keys(console) else "",
            wait=left,
        )
        results = run_checks(checks, request, route, connection, context.watch)
    refuse_failed(machine, results)
    last = announced_keys(console)
    if last and not host_keys.same(last, keys):
        raise _host_key_changed(machine, keys, last)
    took = time.monotonic() - started - seconds
    passed = f"{len(results)} checks passed in {took:.1f} s; SSH answered after {seconds:.1f} s"
    log.info("%s: %s", machine, passed)
    at = datetime.now(UTC).isoformat(" ", "seconds")
    return Evidence(machine, request.boot, keys, seconds, results, at)


@contextmanager
def _log_in(
    request: VerifyRequest, route: Route, context: VerificationContext, pinned: Sequence[str]
) -> Iterator[Connection]:
    """Log in with the announced keys. A console need not show those that are pinned any more."""
    console = context.console
    end = time.monotonic() + request.deadline
    keys = (
        announced_keys(console)
        or list(pinned)
        or await_keys(
            console,
            request.deadline,
            answers=partial(_answers, route),
            name=request.machine,
            watch=context.watch,
        )
    )
    while True:
        if pinned and not host_keys.same(keys, pinned):
            raise _host_key_changed(request.machine, pinned, keys)
        with Connection(endpoint(request, route), keys) as connection:
            try:
                connection.connect(end - time.monotonic(), watch=context.watch)
            except HostKeyRefusedError as error:
                refusal = error
            else:
                yield connection
                return
        if pinned:
            raise _host_key_changed(request.machine, pinned, [], refusal.what) from refusal
        try:  # the console may still show the announcement of an earlier boot
            if time.monotonic() > end:  # a machine that makes new keys at each boot has no end
                raise refusal
            keys = await_keys(console, NEW_KEYS, other_than=keys, name=request.machine)
        except FlakeshipError:
            raise FlakeshipError(
                "1 check failed",
                code="checks-failed",
                key=request.machine,
                details=[f"  ✗ host-key: {refusal.what}, and the console announced no other key"],
            ) from refusal


def _answers(route: Route) -> bool:
    """Whether a server speaks SSH at the end of a route."""
    try:
        await_banner(route.address, route.ports[SSH], KNOCK)
    except UnreachableError:
        return False
    return True


def _host_key_changed(
    machine: str, pinned: Sequence[str], announced: Sequence[str], shown: str = ""
) -> FlakeshipError:
    return FlakeshipError(
        "its SSH host key has changed, so the login is refused",
        code="host-key-changed",
        key=machine,
        remedy="a changed key is never accepted. If you changed it, replace the machine: "
        f"`pulumi up {replacing(machine)}`",
        details=[
            *(f"  pinned:    {host_keys.fingerprint(key)}" for key in pinned),
            *(f"  announced: {host_keys.fingerprint(key)}" for key in announced),
            *([f"  server:    {shown}"] if shown else []),
            "A machine keeps its host keys: its disk was replaced, or another machine answers in "
            "its place.",
        ],
    )
