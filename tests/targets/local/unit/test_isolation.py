"""The check `isolation`: its real script and real sockets, where the workstation is the guest."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from flakeship.model.errors import CommandError
from flakeship.system.process import Result, run
from flakeship.targets.local.isolation import isolation
from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Route, VerifyRequest

GATEWAY, RESOLVER, SILENT = "10.3.4.2", "10.3.4.3", "192.0.2.1"


@dataclass
class Here:
    """Runs the script on the workstation, with other addresses and another port of SSH."""

    ssh: int
    leads_to: dict[str, str]
    path: str = "/usr/bin:/bin"
    seen: list[str] = field(default_factory=list)

    def run(self, command: str, *, stdin: str = "", **_: Any) -> Result:
        self.seen.append(command)
        for address, other in self.leads_to.items():
            command = command.replace(address, other)
        script = stdin.replace("127.0.0.1 22", f"127.0.0.1 {self.ssh}")
        return run(["/bin/sh", "-c", command], stdin=script, env={"PATH": self.path}, check=False)


@pytest.fixture
def ssh() -> Iterator[int]:
    """A port that accepts connections, as that of the guest's SSH server does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def judged(shell: Any) -> str:
    request = VerifyRequest("web-1", [], "nixos", "", "", 0)
    return isolation(Subject(request, Route("127.0.0.1", {}, "10.3.4.0/24"), shell, Facts))


def test_a_guest_that_reaches_nothing_passes(ssh: int) -> None:
    shell = Here(ssh, {GATEWAY: "127.0.0.3", RESOLVER: "127.0.0.3"})  # nobody listens there
    assert GATEWAY in judged(shell)
    assert RESOLVER in shell.seen[0]


@pytest.mark.parametrize("address", [GATEWAY, RESOLVER])
def test_a_guest_that_reaches_the_workstation_fails(ssh: int, address: str) -> None:
    elsewhere = {GATEWAY: "127.0.0.3", RESOLVER: "127.0.0.3"}
    with pytest.raises(Failed, match=r"reaches the workstation's 127.0.0.1 over TCP"):
        judged(Here(ssh, elsewhere | {address: "127.0.0.1"}))


def test_udp_alone_fails_too(ssh: int) -> None:
    shell = Here(ssh, {GATEWAY: "127.0.0.1", RESOLVER: "127.0.0.1", "tcp": "tcp"})
    real = shell.run

    def without_tcp(command: str, *, stdin: str = "", **other: Any) -> Result:
        return real(command, stdin=stdin.replace('begin tcp "$address"', "true"), **other)

    shell.run = without_tcp  # type: ignore[method-assign]
    with pytest.raises(Failed, match="over UDP"):
        judged(shell)


def test_a_guest_that_cannot_try_fails(ssh: int) -> None:
    with pytest.raises(Failed, match="cannot try"):
        judged(Here(ssh, {}, path="/nonexistent"))
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    with pytest.raises(Failed, match="cannot try"):
        judged(Here(closed, {GATEWAY: "127.0.0.3", RESOLVER: "127.0.0.3"}))


def test_a_guest_that_does_not_answer_fails() -> None:
    class Silent:
        def run(self, *_: Any, **__: Any) -> Result:
            raise CommandError("it did not end within 60 s")

    with pytest.raises(Failed, match="did not try"):
        judged(Silent())


def test_what_is_filtered_ends_in_time(ssh: int) -> None:
    """192.0.2.0/24 leads nowhere: a connection to it hangs, as one that is dropped does."""
    assert judged(Here(ssh, {GATEWAY: SILENT, RESOLVER: SILENT}))
