"""The users' own checks: a command inside, or an HTTP or TCP probe from outside."""

from __future__ import annotations

import re

from flakeship.model.checks import Check
from flakeship.model.errors import CommandError
from flakeship.ssh.connection import FAILED
from flakeship.system import tcp
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks import outside
from flakeship.verify.checks.facts import Subject
from flakeship.verify.checks.verdict import Failed


def run(check: Check, subject: Subject) -> str:
    """Run a check. A probe is repeated until its timeout, a command runs once.

    A command that needs a data disk is repeated too: what uses the disk starts with it.
    """
    if check.run and not check.needs_data:
        return command(check, subject.shell)
    last = ""
    address = subject.route.address
    number = 0 if check.port is None else outside.reachable(subject.route, check.port)
    for left in backoff(check.timeout):
        try:
            if check.run:
                return command(check, subject.shell)
            probe = http if check.http else exchange
            return probe(check, address, number, left)
        except (OSError, Failed) as error:
            last = str(error)
    raise Failed(f"not within {check.timeout:g} s: {last}")


def command(check: Check, shell: Shell) -> str:
    """The command ends with exit code 0 in time."""
    try:
        result = shell.run(check.run, timeout=check.timeout, check=False)
    except CommandError as error:
        raise Failed(f"`{check.run}` did not end within {check.timeout:g} s") from error
    output = (result.stdout.strip() or result.stderr.strip()).splitlines()
    last = f": {output[-1][:200]}" if output else ""
    if result.code == FAILED:
        raise Failed(f"`{check.run}`: exit code 255, its own or ssh's{last}")
    if result.code != 0:
        raise Failed(f"`{check.run}` ended with exit code {result.code}{last}")
    return f"exit code 0{last}"


def http(check: Check, address: str, number: int, seconds: float) -> str:
    """The answer has the expected status and text."""
    reply = tcp.exchange(
        address,
        number,
        seconds=seconds,
        send=outside.request_line(check.path, address),
        enough=lambda _: False,
    )
    status = re.match(r"HTTP/\d(?:\.\d)? (\d{3})", reply.first_line)
    if not status:
        raise Failed(f"no HTTP: {reply.first_line[:60]!r}" if reply.data else "no answer")
    if int(status[1]) != check.status:
        raise Failed(f"{check.path}: {reply.first_line}, expected status {check.status}")
    body = reply.data.partition(b"\r\n\r\n")[2]
    if check.contains.encode() not in body:
        raise Failed(f"{check.path}: {check.contains!r} is not in the answer")
    return f"{check.path}: {reply.first_line}"


def exchange(check: Check, address: str, number: int, seconds: float) -> str:
    """The answer contains the expected text, or the connection just stays open."""
    expected = check.contains.encode()
    if not check.send and not expected:
        return outside.answer(address, number, "tcp", seconds)
    reply = tcp.exchange(
        address,
        number,
        seconds=seconds if expected else outside.HOLD,
        send=check.send.encode(),
        enough=lambda data: expected in data if expected else bool(data),
    )
    if expected not in reply.data:
        raise Failed(f"{check.contains!r} is not in the answer {reply.first_line[:60]!r}")
    if reply.closed and not reply.data:
        raise Failed("the connection was closed at once")
    return f"answers {reply.first_line[:60]!r}" if reply.data else "stays open, silent"
