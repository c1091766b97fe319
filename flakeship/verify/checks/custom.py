"""The users' own checks: a command inside, or an HTTP or TCP probe from outside."""

from __future__ import annotations

import re

from flakeship.model.checks import Check
from flakeship.model.errors import CommandError
from flakeship.ssh.connection import FAILED
from flakeship.system import tcp
from flakeship.system.process import Shell
from flakeship.verify.checks import outside
from flakeship.verify.checks.facts import Subject
from flakeship.verify.checks.verdict import Failed


def run(check: Check, subject: Subject) -> str:
    """Run a check. A probe is repeated until its timeout, a command runs once.

    A command that needs a data disk is repeated too: what uses the disk starts with it.
    """
    if check.run and not check.needs_data:
        return _command(check, subject.shell)
    address = subject.route.address
    number = 0 if check.port is None else outside.reachable(subject.route, check.port)

    def attempt(left: float) -> str:
        if check.run:
            return _command(check, subject.shell)
        if check.http:
            return _http(check, address, number, left)
        return outside.exchange(address, number, left, check.send, check.contains)

    return outside.within(check.timeout, attempt, f"not within {check.timeout:g} s: ")


def _command(check: Check, shell: Shell) -> str:
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


def _http(check: Check, address: str, number: int, seconds: float) -> str:
    request = outside.request_line(check.path, address)
    reply = tcp.exchange(address, number, seconds=seconds, send=request, enough=lambda _: False)
    status = re.match(r"HTTP/\d(?:\.\d)? (\d{3})", reply.first_line)
    if not status:
        raise Failed(f"no HTTP: {reply.first_line[:60]!r}" if reply.data else "no answer")
    if int(status[1]) != check.status:
        raise Failed(f"{check.path}: {reply.first_line}, expected status {check.status}")
    body = reply.data.partition(b"\r\n\r\n")[2]
    if check.contains.encode() not in body:
        raise Failed(f"{check.path}: {check.contains!r} is not in the answer")
    return f"{check.path}: {reply.first_line}"
