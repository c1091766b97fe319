"""The check `isolation`: its real script and real sockets, where the workstation is the guest."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError
from flakeship.system.process import Result, run
from flakeship.targets.local.isolation import isolation
from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Route, VerifyRequest

GATEWAY, RESOLVER = "10.3.4.2", "10.3.4.3"


@dataclass
class Here:
    """Runs the script on the workstation, with other addresses and another port of SSH."""

    ssh: int
    leads_to: dict[str, str]
    path: str = "/usr/bin:/bin"
    shell: str = "sh"
    seen: list[str] = field(default_factory=list)

    def run(self, command: str, *, stdin: str = "", **_: Any) -> Result:
        self.seen.append(command)
        for address, other in self.leads_to.items():
            command = command.replace(address, other)
        command = command.replace("sh -s", f"{self.shell} -s", 1)
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


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("address", [GATEWAY, RESOLVER])
def test_a_guest_that_reaches_the_workstation_fails(ssh: int, address: str, shell: str) -> None:
    elsewhere = {GATEWAY: "127.0.0.3", RESOLVER: "127.0.0.3"}
    with pytest.raises(Failed, match=r"reaches the workstation's 127.0.0.1 over TCP"):
        judged(Here(ssh, elsewhere | {address: "127.0.0.1"}, shell=shell))


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


PAUSES = 20  # of the script, for what does not answer
HANGS = """#!/bin/sh
[ "$3" != 127.0.0.1 ] || exit 0
exec /bin/sleep 5
"""
COUNTS = """#!/bin/sh
echo >>{pauses}
exec /bin/sleep 0.1
"""


class Filtered(Here):
    """A guest whose connections to other machines get no answer, with these kernel tables.

    `asked` are the addresses to which a packet is on its way, `resolved` those with a device.
    """

    def __init__(self, directory: Path, asked: Sequence[str], resolved: Sequence[str]) -> None:
        super().__init__(22, {}, path=str(directory))
        self.directory, self.asked, self.resolved = directory, asked, resolved
        self.pauses = directory / "pauses"
        for name, text in (("nc", HANGS), ("sleep", COUNTS.format(pauses=self.pauses))):
            (directory / name).write_text(text)
            (directory / name).chmod(0o755)

    def run(self, command: str, *, stdin: str = "", **_: Any) -> Result:
        port = int(command.split()[2])
        states = {each: "02" if each in self.asked else "08" for each in (GATEWAY, RESOLVER)}
        sockets = [f"0: 0F02000A:8000 {_hex(each)}:{port:04X} {states[each]} 0" for each in states]
        flags = {each: "0x2" if each in self.resolved else "0x0" for each in (GATEWAY, RESOLVER)}
        devices = [f"{each} 0x1 {flags[each]} 52:55:0a:03:04:02 * eth0" for each in flags]
        for name, lines in (("tcp", sockets), ("arp", devices)):
            (self.directory / name).write_text("\n".join(["a heading", *lines, ""]))
            stdin = stdin.replace(f"/proc/net/{name}", str(self.directory / name))
        return super().run(f"/bin/{command}", stdin=stdin.replace('"$BASH_VERSION"', '""'))


def _hex(address: str) -> str:
    return "".join(f"{int(part):02X}" for part in reversed(address.split(".")))


BOTH = (GATEWAY, RESOLVER)


def test_what_was_sent_and_gets_no_answer_is_not_waited_for(tmp_path: Path) -> None:
    shell = Filtered(tmp_path, BOTH, BOTH)
    assert GATEWAY in judged(shell)
    assert len(shell.pauses.read_text()) < PAUSES


@pytest.mark.parametrize(("asked", "resolved"), [([GATEWAY], BOTH), (BOTH, [GATEWAY])])
def test_what_may_not_be_sent_yet_has_its_time(
    tmp_path: Path, asked: Sequence[str], resolved: Sequence[str]
) -> None:
    shell = Filtered(tmp_path, asked, resolved)
    assert GATEWAY in judged(shell)
    assert len(shell.pauses.read_text()) == PAUSES
