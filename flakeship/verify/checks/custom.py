"""The users' own checks: a command inside, or an HTTP or TCP probe from outside."""

from __future__ import annotations

import re

from flakeship.model.checks import Check
from flakeship.model.errors import CommandError
from flakeship.system import tcp as wire
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks import outside
from flakeship.verify.checks.scheduled import Subject
from flakeship.verify.checks.verdict import Failed

SSH_FAILED = 255


def check(custom: Check, subject: Subject) -> str:
    """Run one of them. A probe is tried again until its timeout, a command runs once.

    One that needs a data disk is tried again too: what uses the disk starts with it.
    """
    if custom.run and not custom.needs_data:
        return command(custom, subject.shell)
    last = ""
    probe = http if custom.http else tcp
    number = 0 if custom.port is None else outside.reachable(subject.route, custom.port)
    for left in backoff(custom.timeout):
        try:
            if custom.run:
                return command(custom, subject.shell)
            return probe(custom, subject.route.address, number, left)
        except (OSError, Failed) as error:
            last = str(error)
    raise Failed(f"not within {custom.timeout:g} s: {last}")


def command(custom: Check, shell: Shell) -> str:
    """The command ends with exit code 0 in time."""
    try:
        result = shell.run(custom.run, timeout=custom.timeout, check=False)
    except CommandError as error:
        raise Failed(f"`{custom.run}` did not end within {custom.timeout:g} s") from error
    said = (result.stdout.strip() or result.stderr.strip()).splitlines()
    last = f": {said[-1][:200]}" if said else ""
    if result.code == SSH_FAILED:
        raise Failed(f"`{custom.run}`: exit code 255, its own or ssh's{last}")
    if result.code != 0:
        raise Failed(f"`{custom.run}` ended with exit code {result.code}{last}")
    return f"exit code 0{last}"


def http(custom: Check, address: str, number: int, seconds: float) -> str:
    """The answer has the status and the text that were asked for."""
    reply = wire.exchange(
        address,
        number,
        seconds=seconds,
        send=outside.request_line(custom.path, address),
        enough=lambda _: False,
    )
    found = re.match(r"HTTP/\d(?:\.\d)? (\d{3})", reply.first_line)
    if not found:
        raise Failed(f"no HTTP: {reply.first_line[:60]!r}" if reply.data else "no answer")
    if int(found[1]) != custom.status:
        raise Failed(f"{custom.path}: {reply.first_line}, expected status {custom.status}")
    body = reply.data.partition(b"\r\n\r\n")[2]
    if custom.contains.encode() not in body:
        raise Failed(f"{custom.path}: {custom.contains!r} is not in the answer")
    return f"{custom.path}: {reply.first_line}"


def tcp(custom: Check, address: str, number: int, seconds: float) -> str:
    """What comes back contains the text, or the connection just stays open."""
    wanted = custom.contains.encode()
    if not custom.send and not wanted:
        return outside.answer(address, number, "tcp", seconds)
    reply = wire.exchange(
        address,
        number,
        seconds=seconds if wanted else outside.HOLD,
        send=custom.send.encode(),
        enough=lambda data: wanted in data if wanted else bool(data),
    )
    if wanted not in reply.data:
        raise Failed(f"{custom.contains!r} is not in the answer {reply.first_line[:60]!r}")
    if reply.closed and not reply.data:
        raise Failed("the connection was closed at once")
    return f"answers {reply.first_line[:60]!r}" if reply.data else "stays open, silent"
