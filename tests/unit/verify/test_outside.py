import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.checks import Check
from flakeship.model.errors import CommandError
from flakeship.model.ports import Port, Protocol
from flakeship.ssh import connection
from flakeship.ssh.login import Login
from flakeship.ssh.options import Endpoint
from flakeship.system.process import Result
from flakeship.verify.checks import outside
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Route
from tests.unit.verify.machines import (
    ED25519,
    FINGERPRINT,
    ROUTE,
    Behaviour,
    http,
    says,
    server,
    silent,
    slirp,
    subject,
)

LOG = f"""\
debug1: Server host key: {FINGERPRINT}
debug1: Authentications that can continue: publickey
Authenticated to 127.0.0.1 ([127.0.0.1]:22022) using "publickey".
"""
KEY = "nixos ED25519 SHA256:l1Ds agent"
DENIED = f"""\
debug1: Server host key: {FINGERPRINT}
debug1: Authentications that can continue: publickey
debug1: Offering public key: {KEY}
debug1: Authentications that can continue: publickey
root@127.0.0.1: Permission denied (publickey).
"""


def ssh_log(name: str) -> str:
    return (Path(__file__).parents[1] / "ssh/recorded" / f"{name}.log").read_text()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 0.05)
    monkeypatch.setattr(outside, "ANSWER", 0.3)
    monkeypatch.setattr(outside, "HOLD", 0.3)


class Fake(connection.Connection):
    """A connection whose logins and commands are written down beforehand."""

    def __init__(
        self,
        log: str = LOG,
        attempts: Sequence[str] = (),
        result: Result | Exception | None = None,
    ) -> None:
        super().__init__(Endpoint("web-1", "127.0.0.1", 22022, "nixos"), [ED25519])
        self.login = Login(0, log)
        self.attempts = list(attempts)
        self.result = result

    def attempt(self, user: str) -> Login:
        assert user == "root"
        return Login(255, self.attempts.pop(0) if len(self.attempts) > 1 else self.attempts[0])

    def run(
        self,
        command: str,  # noqa: ARG002
        *,
        stdin: str = "",  # noqa: ARG002
        timeout: float = 60.0,  # noqa: ARG002
        check: bool = True,  # noqa: ARG002
        most: int = 0,  # noqa: ARG002
    ) -> Result:
        if isinstance(self.result, Result):
            return self.result
        assert self.result
        raise self.result


def test_host_key() -> None:
    assert outside.host_key(Fake(), []) == f"{FINGERPRINT}, as announced on the console"
    assert outside.host_key(Fake(), [], announced="by its agent").endswith(
        ", as announced by its agent"
    )
    assert "no longer" in outside.host_key(Fake(), [ED25519], announced="")
    assert outside.host_key(Fake(), [ED25519]).endswith(", the one that was pinned before")
    for log in ("", LOG.replace("l+Dx", "xxxx")):
        with pytest.raises(Failed, match="was shown, others were announced"):
            outside.host_key(Fake(log), [])


def test_password_login() -> None:
    found = outside.password_login(Login(0, LOG))
    assert found == "refused, the server offers only publickey"


@pytest.mark.parametrize(
    ("log", "detail"),
    [
        (LOG.replace("continue: publickey", "continue: publickey,password"), "offers password"),
        (LOG.replace("e: publickey", "e: publickey,keyboard-interactive"), "keyboard-interactive"),
        (LOG.replace('using "publickey"', 'using "none"'), "by `none`"),
        ("", "does not list"),
    ],
)
def test_password_login_fails(log: str, detail: str) -> None:
    with pytest.raises(Failed, match=detail):
        outside.password_login(Login(0, log))


@pytest.mark.parametrize("name", ["unknown-key", "signed-and-refused"])
def test_root_is_refused_by_the_server(name: str) -> None:
    assert outside.root_login(Fake(attempts=[ssh_log(name)])).startswith("refused: Permission")


def test_root_is_refused_where_a_person_confirms_at_last() -> None:
    later = Fake(attempts=[ssh_log("agent-refuses"), ssh_log("signed-and-refused")])
    assert outside.root_login(later).startswith("refused")


def test_a_client_that_never_signs_is_asked_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 9)
    asked = Fake(attempts=[ssh_log("agent-refuses")] * 9)
    with pytest.raises(Failed, match="flakeship:identity"):
        outside.root_login(asked)
    assert len(asked.attempts) == 6


def test_root_must_be_refused_the_key_of_the_user() -> None:
    """An agent with many keys: the server may end the attempt before it has seen the right one."""
    mine = LOG + "debug1: Server accepts key: mine ED25519 SHA256:mine agent\n"
    many = DENIED.replace("root@127.0.0.1: Permission denied (publickey).", "") + (
        "Received disconnect from 127.0.0.1 port 22:2: Too many authentication failures\n"
    )
    assert outside.root_login(Fake(LOG, [many])) == "refused: Too many authentication failures"
    for log in (many, DENIED):
        with pytest.raises(Failed, match="before your key SHA256:mine was tried"):
            outside.root_login(Fake(mine, [log]))
    assert outside.root_login(Fake(mine, [many.replace("SHA256:l1Ds", "SHA256:mine")]))


def test_root_login() -> None:
    assert outside.root_login(Fake(attempts=[DENIED])) == "refused: Permission denied (publickey)"
    later = Fake(attempts=["kex_exchange_identification: Connection reset by peer\n", DENIED])
    assert outside.root_login(later).startswith("refused")


@pytest.mark.parametrize(
    ("log", "detail"),
    [
        (LOG, "root logged in by `publickey`"),
        (DENIED.replace("e: publickey", "e: publickey,password"), "root is offered password"),
        ("ssh: connect to host x: Connection refused\n", "not refused, .*: Connection refused"),
        ("Host key verification failed.\n", "was not refused, the attempt failed: Host key"),
        (ssh_log("agent-refuses"), "the server takes the key .*agent refused operation"),
        (ssh_log("locked"), "the server takes the key locked ED25519 .*nothing signed for it"),
        (ssh_log("no-key"), "root was not refused: no key was offered"),
    ],
)
def test_root_login_fails(log: str, detail: str) -> None:
    with pytest.raises(Failed, match=detail):
        outside.root_login(Fake(attempts=[log]))


@pytest.mark.parametrize(
    ("protocol", "behave", "detail"),
    [
        ("tcp", silent, "stays open, silent"),
        ("tcp", says(b"220 mail\r\n"), "answers '220 mail'"),
        ("http", http("200 OK", ""), "HTTP/1.1 200 OK"),
        ("http", http("302 Found", ""), "HTTP/1.1 302 Found"),
        ("http", http("404 Not Found", ""), f"HTTP/1.1 404 Not Found{outside.REFUSING}"),
        ("http", http("426 Upgrade", ""), f"HTTP/1.1 426 Upgrade{outside.REFUSING}"),
        ("http", http("503 Busy", ""), f"HTTP/1.1 503 Busy{outside.REFUSING}"),
        ("ssh", says(b"SSH-2.0-", b"dropbear\r\n"), "SSH-2.0-dropbear"),
    ],
)
def test_a_port_answers(protocol: Protocol, behave: Behaviour, detail: str) -> None:
    with server(behave) as number:
        assert outside.answers_on(reaching(number), Port(port=80, protocol=protocol), 0.1) == detail


@pytest.mark.parametrize(
    ("protocol", "behave", "detail"),
    [
        ("tcp", slirp, "no tcp within 0 s; .*; the last error: the connection was closed at once"),
        ("http", slirp, "closed the connection|reset"),
        ("http", silent, "closed the connection|was silent|reset"),
        ("http", says(b"SSH-2.0-x\r\n"), "answered 'SSH-2.0-x'|reset"),
        ("ssh", silent, "was silent for"),
        ("ssh", says(b"HTTP/1.0 400 Bad\r\n"), "answered 'HTTP/1.0 400 Bad'"),
    ],
)
def test_a_port_does_not_answer_in_its_protocol(
    protocol: Protocol, behave: Behaviour, detail: str
) -> None:
    with server(behave) as number, pytest.raises(Failed, match=detail):
        outside.answers_on(reaching(number), Port(port=80, protocol=protocol), 0.1)


def test_a_port_that_is_closed_or_not_declared() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
    with pytest.raises(Failed, match="refused"):
        outside.answers_on(reaching(number), Port(port=80), 0.1)
    with pytest.raises(Failed, match=r"443 is not reachable, only 22, 80: declare it in `ports`"):
        outside.answers_on(ROUTE, Port(port=443), 0.1)


def reaching(number: int) -> Route:
    return replace(ROUTE, ports={22: 1, 80: number})


def own(**given: Any) -> Check:
    return Check(name="own", timeout=0.1, **given)


def test_a_command_passes() -> None:
    passing = Fake(result=Result(0, "one\ntwo\n", ""))
    assert (
        outside.custom(own(run="true"), subject(route=ROUTE, shell=passing)) == "exit code 0: two"
    )


@pytest.mark.parametrize(
    ("result", "detail"),
    [
        (Result(3, "", "no such unit\n"), "`x` ended with exit code 3: no such unit"),
        (Result(255, "", ""), "exit code 255, its own or ssh's"),
        (CommandError("late"), r"`x` did not end within 0.1 s"),
    ],
)
def test_a_command_fails(result: Result | Exception, detail: str) -> None:
    with pytest.raises(Failed, match=detail):
        outside.custom(own(run="x"), subject(route=ROUTE, shell=Fake(result=result)))


@pytest.mark.parametrize(
    ("check", "behave"),
    [
        (own(http=80), http("200 OK", "hello")),
        (own(http=80, path="/x", status=404, contains="lo"), http("404 Not Found", "hello")),
        (own(tcp=80), silent),
        (own(tcp=80, contains="mail"), says(b"220 ", b"mail\r\n")),
        (own(tcp=80, send="PING\r\n"), says(b"PONG\r\n")),
        (own(tcp=80, send="PING\r\n", contains="PONG"), lambda c: c.sendall(c.recv(9) and b"PONG")),
    ],
)
def test_a_probe_passes(check: Check, behave: Behaviour) -> None:
    with server(behave) as number:
        assert outside.custom(check, subject(route=reaching(number), shell=Fake()))


@pytest.mark.parametrize(
    ("check", "behave", "detail"),
    [
        (own(http=80), http("500 Oops", ""), "/: HTTP/1.1 500 Oops, expected status 200"),
        (own(http=80, contains="x"), http("200 OK", "hello"), "'x' is not in the answer"),
        (own(http=80), slirp, "no answer|reset"),
        (own(http=80), says(b"220 mail\r\n"), "no HTTP: '220 mail'|reset"),
        (own(tcp=80), slirp, "closed at once"),
        (own(tcp=80, contains="mail"), says(b"421 busy\r\n"), "'mail' is not in .* '421 busy'"),
        (own(tcp=80, send="x"), slirp, "closed at once|reset|Broken pipe"),
    ],
)
def test_a_probe_fails(check: Check, behave: Behaviour, detail: str) -> None:
    with server(behave) as number, pytest.raises(Failed, match=rf"not within 0.1 s: .*({detail})"):
        outside.custom(check, subject(route=reaching(number), shell=Fake()))


def test_a_probe_of_a_port_that_is_not_declared() -> None:
    with pytest.raises(Failed, match=r"^port 81 is not reachable, only 22, 80"):
        outside.custom(own(tcp=81), subject(route=ROUTE, shell=Fake()))
