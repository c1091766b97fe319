"""What the tests of the verification share: a request, recorded facts, and little servers."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flakeship.model.ports import Port
from flakeship.ssh.connection import Connection
from flakeship.system import process
from flakeship.system.process import Result
from flakeship.verify.checks import facts, probe
from flakeship.verify.checks.facts import Subject
from flakeship.verify.request import Route, VerifyRequest

Behaviour = Callable[[socket.socket], Any]
RECORDED = Path(__file__).with_name("recorded")
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAibs1Yw6UaeBcXJQa1h+rnwW7Tz/crGc4TN/JTrUhWv"
FINGERPRINT = "ssh-ed25519 SHA256:l+DxPgPpZ9iqWPMa6nILnl4trXCllPjXTniU8i/pQR8"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFmolcKlrvO0XyBCLazIKb0e3OSbodMiuuJ8Nm3OTAZx"
REQUEST = VerifyRequest(
    machine="web-6h0ir2lm-a1",
    ports=[Port(port=22, protocol="ssh"), Port(port=80, protocol="http")],
    user="nixos",
    identity="",
    toplevel="/nix/store/6h0ir2lm2jwxp9z0sp28vk6g3s9flfkv-nixos-system-web-26.11",
    disk=4096,
)
ROUTE = Route("127.0.0.1", {22: 22022, 80: 22080}, "10.0.2.0/24", own=False)


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def machine(**changed: facts.Section | str) -> facts.Facts:
    """The facts of a healthy NixOS, with other output (or whole sections) in places."""
    known = probe.parse(recorded("probe.txt"), "")
    newer = {
        name: value
        if isinstance(value, facts.Section)
        else replace(known.sections.get(name, facts.Section(0, "", "", 0)), stdout=value)
        for name, value in changed.items()
    }
    return known.updated(facts.Facts(newer))


class Shell:
    """A login whose answers are written down."""

    def __init__(self, *results: Result | Exception) -> None:
        self.results = list(results)
        self.commands: list[str] = []

    def run(self, command: str, **_: Any) -> Result:
        self.commands.append(command)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


class Forbidding(Connection):
    """A login on a machine whose SSH server forbids connections to some ports."""

    forward_faults = ["administratively prohibited: open failed"]  # noqa: RUF012

    def connect(self, seconds: float, *, up: bool = False, watch: object = None) -> None: ...

    def socks(self) -> int:
        return 4711


class Process:
    """Stands for a process of ssh, which has ended or, as a master, runs."""

    def __init__(self, code: int | None) -> None:
        self.code = code

    def poll(self) -> int | None:
        return self.code

    def wait(self, _: float) -> int | None:
        return self.code


def subject(
    known: facts.Facts | None = None,
    request: VerifyRequest = REQUEST,
    route: Route = ROUTE,
    shell: process.Shell | None = None,
) -> Subject:
    """The machine as a check sees it; a healthy one unless its facts are given."""
    reported = machine() if known is None else known
    return Subject(request, route, shell or Shell(), lambda: reported)


def block(*keys: str) -> str:
    lines = ["-----BEGIN SSH HOST KEY KEYS-----", *(f"{key} root@web" for key in keys)]
    return "\n".join([*lines, "-----END SSH HOST KEY KEYS-----", ""])


@contextmanager
def server(behave: Behaviour) -> Iterator[int]:
    """A server on a free loopback port that does this with every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def slirp(connection: socket.socket) -> None:
    """Accepts and closes, as QEMU does for a guest that refuses."""


def silent(connection: socket.socket) -> None:
    connection.recv(100)


def says(*answer: bytes) -> Behaviour:
    """Answers in pieces, and then closes; HTTP/1.0 as well as any banner."""

    def behave(connection: socket.socket) -> None:
        for piece in answer:
            connection.sendall(piece)

    return behave


def http(status: str, body: str) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.1 {status}\r\nServer: x\r\n\r\n{body}".encode())

    return behave
