"""Checks of a machine over the network, as its users reach it, and the users' own checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from flakeship.model.checks import Check
from flakeship.model.errors import CommandError
from flakeship.model.ports import Port
from flakeship.ssh import host_keys
from flakeship.ssh.connection import FAILED, UNSIGNED_REMEDY, Connection
from flakeship.ssh.login import Login
from flakeship.system import tcp
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks import http, tls
from flakeship.verify.checks.facts import Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Route

ON_CONSOLE = "on the console"
PATIENCE = 10.0  # seconds for a port to answer once the system is up
ANSWER = 5.0  # seconds for one answer
HOLD = 1.0  # seconds that a silent connection must stay: QEMU accepts for a guest that refuses
UNSIGNED = 3  # attempts for a person to confirm: sshd locks out addresses that break off many
REFUSING = ", which is an error: a check with `http` asks for a page and its status"
GUESSABLE = {"password", "keyboard-interactive"}  # login methods that an attacker can guess


def host_key(connection: Connection, pinned: Sequence[str], *, announced: str = ON_CONSOLE) -> str:
    """The server showed a key that was announced, before the console was truncated at least.

    `announced` says where; empty: the announcement is not there any more.
    """
    shown = connection.login.host_key
    if shown not in map(host_keys.fingerprint, connection.keys):
        raise Failed(f"{shown or 'no key'} was shown, others were announced")
    if not announced:
        return f"{shown}, the pinned one; the console no longer holds its announcement"
    before = ", the one that was pinned before" if pinned else ""
    return f"{shown}, as announced {announced}{before}"


def password_login(login: Login) -> str:
    """The server offers no login by password, and asked for a key."""
    if not login.offered:
        raise Failed("the server does not list the methods that it offers")
    if guessable := _guessable(login):
        raise Failed(f"the server offers {guessable}: disable it in sshd")
    if login.method != "publickey":
        raise Failed(f"the login went through by `{login.method}`, not by a key")
    return f"refused, the server offers only {', '.join(login.offered)}"


def root_login(connection: Connection) -> str:
    """The server refuses a login of root with the user's key.

    Only its own refusal counts, after it has shown the pinned host key, of the key or of a
    signature: a connection that fails, or a client that does not sign, is repeated, and is not a
    refusal in the end.
    """
    login, unsigned = Login(-1, ""), 0
    for _ in backoff(PATIENCE):
        login = connection.attempt("root")
        if login.method:
            raise Failed(f"root logged in by `{login.method}`")
        if login.denied:
            if guessable := _guessable(login):
                raise Failed(f"root is offered {guessable}")
            if not login.unsigned and (own := connection.login.key) not in ("", *login.tried):
                raise Failed(
                    f"root was refused before your key {own} was tried: {login.denied}: set "
                    "flakeship:identity, or leave fewer keys in the agent"
                )
            if not login.unsigned:
                return f"refused: {login.denied}"
            unsigned += 1
            if unsigned == UNSIGNED:
                break
    if login.unsigned and login.denied:
        raise Failed(f"root was not refused: {login.unsigned}. To let it be: {UNSIGNED_REMEDY}")
    raise Failed(f"root was not refused, the attempt failed: {login.error}")


def _guessable(login: Login) -> str:
    return " and ".join(sorted(GUESSABLE & set(login.offered)))


def answers_on(route: Route, port: Port, patience: float) -> str:
    """The port answers over a route, in its protocol and within `patience` seconds or its own."""
    address, number = route.address, _reachable(route, port.port)
    patience = port.timeout or patience
    web = port.protocol in ("http", "https")
    secured = tls.secured("any", address) if port.protocol == "https" else None

    def attempt(left: float) -> str:
        if port.protocol == "tcp":
            return _exchange(address, number, left)
        seconds = min(ANSWER, max(left, HOLD))
        reply = tcp.exchange(
            address,
            number,
            seconds=seconds,
            send=http.request("/", address) if web else b"",
            enough=tcp.a_line,
            secured=secured or tcp.unsecured,
        )
        if not reply.first_line.startswith("HTTP/" if web else "SSH-"):
            ended = "closed the connection" if reply.closed else f"was silent for {seconds:.0f} s"
            raise Failed(f"answered {reply.first_line[:60]!r}" if reply.data else ended)
        error = web and re.match(r"\S+ [45]\d\d\b", reply.first_line)
        return reply.first_line + (REFUSING if error else "")

    longer = "" if port.timeout else "; a slow service may have a `timeout` at its port"
    why = f"no {port.protocol} within {patience:.0f} s{longer}; the last error: "
    return _within(patience, attempt, why)


def custom(check: Check, subject: Subject) -> str:
    """Run a check of the users. A probe is repeated until its timeout, a command runs once.

    A command that needs a data disk is repeated too: what uses the disk starts with it.
    """
    if check.run and not check.needs_data:
        return _command(check, subject.shell)
    address = subject.route.address
    number = _reachable(subject.route, check.port) if check.port else 0

    def attempt(left: float) -> str:
        if check.run:
            return _command(check, subject.shell)
        if check.http or check.https:
            return _http(check, address, number, left)
        return _exchange(address, number, left, check.send, check.contains)

    return _within(check.timeout, attempt, f"not within {check.timeout:g} s: ")


def _within(seconds: float, attempt: Callable[[float], str], why: str) -> str:
    """The first success of an attempt, or `why` with its last error."""
    last = ""
    for left in backoff(seconds):
        try:
            return attempt(left)
        except (OSError, Failed) as error:
            last = str(error)
    raise Failed(f"{why}{last}")


def _reachable(route: Route, number: int) -> int:
    """Where a port of the machine is reached; raises Failed for one that is not declared."""
    if number not in route.ports:
        declared = ", ".join(map(str, sorted(route.ports)))
        raise Failed(f"port {number} is not reachable, only {declared}: declare it in `ports`")
    return route.ports[number]


def _exchange(address: str, number: int, seconds: float, send: str = "", contains: str = "") -> str:
    """The answer has the expected text or, without one, the connection just stays open."""
    expected = contains.encode()
    reply = tcp.exchange(
        address,
        number,
        seconds=seconds if expected else HOLD,
        send=send.encode(),
        enough=lambda data: bool(data) and expected in data,
    )
    if expected not in reply.data:
        raise Failed(f"{contains!r} is not in the answer {reply.first_line[:60]!r}")
    if reply.closed and not reply.data:
        raise Failed("the connection was closed at once")
    return f"answers {reply.first_line[:60]!r}" if reply.data else "stays open, silent"


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
    """The page answers with the status and the text that the check expects."""
    site = check.host or address
    reply = tcp.exchange(
        address,
        number,
        seconds=seconds,
        send=http.request(check.path, site, check.headers),
        enough=http.complete,
        secured=tls.secured(check.certificate, site) if check.https else tcp.unsecured,
    )
    answer = http.answer_of(reply)
    if answer.status != check.status:
        where = answer.headers.get("location", "")
        to = f" (to {where[:80]})" if where else ""
        raise Failed(f"{check.path}: {answer.line}{to}, expected status {check.status}")
    if check.contains.encode() not in answer.body:
        cut = "" if answer.whole else ", which is cut"
        raise Failed(f"{check.path}: {check.contains!r} is not in the answer{cut}")
    if reply.closed and not answer.whole:  # a stream without an end, or more than is read, is well
        raise Failed(f"{check.path}: {answer.line}, but the answer is cut")
    return f"{check.path}: {answer.line}"
