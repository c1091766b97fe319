import asyncio
import errno
import json
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace

import pytest

from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint
from flakeship.system.open_files import Places
from flakeship.system.process import run
from flakeship.verify import port_scan
from flakeship.verify.checks import open_ports
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import ED25519, Forbidding, machine, server, silent

ADDRESS = "127.0.0.1"
GATE = Endpoint("gate", "203.0.113.9", 22, "nixos")
Answers = Callable[[int], bool | None]
PLACES = Places(100)  # more than there are ports


SCAN = """
import json, resource, sys
from flakeship.verify import port_scan
files, port_scan.SSH = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (64, files))
port_scan.SECONDS = 0.3
waves, ask_all = [], port_scan._ask_all

async def ask(probers, ports):
    waves.append(len(ports))
    return await ask_all(probers, ports)

port_scan._ask_all = ask
found = port_scan.scan([port_scan.direct("127.0.0.1")], {port_scan.SSH}, set)
asked = {*port_scan.LOW, *port_scan.HIGH} - {port_scan.SSH}
print(json.dumps([sorted(found), waves, len(asked)]))
"""


@pytest.fixture(autouse=True)
def _few_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_scan, "LOW", range(1, 60))
    monkeypatch.setattr(port_scan, "HIGH", (5432,))
    monkeypatch.setattr(port_scan, "SECONDS", 0.3)
    monkeypatch.setattr(port_scan, "PROOF", 0.5)
    monkeypatch.setattr(port_scan, "sockets", lambda: PLACES)


@contextmanager
def socks(answers: Answers, asked: list[int]) -> Iterator[port_scan.Prober]:
    """A SOCKS server like OpenSSH's: it grants, ends the connection, or (None) is silent."""
    with ExitStack() as kept:

        def serve(connection: socket.socket) -> None:
            request = connection.recv(9)
            assert request[:2] == b"\x04\x01"
            assert request[4:] == socket.inet_aton("10.0.0.2") + b"\x00"
            asked.append(int.from_bytes(request[2:4], "big"))
            match answers(asked[-1]):
                case True:
                    connection.sendall(b"\x00\x5a" + bytes(6))
                case None:
                    kept.enter_context(connection.dup())

        with server(serve) as here:
            yield port_scan.socks(here, "10.0.0.2")


def test_what_a_peer_sees() -> None:
    asked: list[int] = []
    # silent ones, refused ones, and one that only the machine itself has told of
    with socks(lambda port: None if port < 20 else port in {22, 25, 80, 31337}, asked) as prober:
        found = port_scan.scan([prober, prober], {22, 80}, lambda: {31337, 25})
    assert found == {22, 25, 80, 31337}
    assert {*asked} == {*range(1, 60), 80, 5432, 31337}
    with pytest.raises(Failed, match="open, but not declared: tcp 25, 31337"):
        open_ports.verdict(found, {22, 80}, set())


@pytest.mark.parametrize(("places", "sizes"), [(100, [59, 1]), (40, [40, 19, 1]), (1, [1] * 60)])
def test_files_that_are_short_make_waves_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch, places: int, sizes: list[int]
) -> None:
    waves: list[int] = []
    ask_all = port_scan._ask_all

    async def ask(probers: Sequence[port_scan.Prober], ports: list[int]) -> set[int]:
        waves.append(len(ports))
        return await ask_all(probers, ports)

    monkeypatch.setattr(port_scan, "sockets", lambda: Places(places))
    monkeypatch.setattr(port_scan, "_ask_all", ask)
    with socks(lambda port: port in {22, 25, 80, 31337}, []) as prober:
        found = port_scan.scan([prober], {22, 80}, lambda: {31337, 25})
    assert found == {22, 25, 80, 31337}
    assert waves == sizes  # the last one is of what only the machine has told


@pytest.mark.parametrize("files", [64, 4096])
def test_a_scan_of_all_ports_within_the_files_of_a_process(files: int) -> None:
    """Of this machine, with the limits that a shell has: no port is left out for want of files."""
    with server(silent) as ssh:
        limited = run([sys.executable, "-c", SCAN, str(files), str(ssh)])
    opened, waves, asked = json.loads(limited.stdout)
    assert ssh in opened
    assert sum(waves) == asked
    assert (len(waves) == 1) == (files == 4096)


@pytest.mark.parametrize(
    ("faults", "blind"),
    [
        (["administratively prohibited: open failed"], True),
        (["connect failed: Connection refused", "administratively prohibited: x"], True),
        (["connect failed: Connection refused"], False),
        ([], False),
    ],
)
def test_a_peer_that_may_not_connect_sees_nothing(
    monkeypatch: pytest.MonkeyPatch, faults: list[str], *, blind: bool
) -> None:
    """Each port that its SSH server forbids would pass for a closed one."""

    class Login(connection.Connection):
        forward_faults = faults

        def connect(self, seconds: float, *, up: bool = False, **_: object) -> None:
            asked.append((seconds, up))

        def socks(self) -> int:
            return 4711

    asked: list[tuple[float, bool]] = []
    monkeypatch.setattr(connection, "Connection", Login)
    peer = port_scan.Neighbour(GATE, [ED25519], "10.0.0.2")
    for failure in (None, port_scan.ClosedError("declared, but not open: tcp 80")):
        expected = port_scan.BlindError if blind else port_scan.ClosedError
        with pytest.raises(expected) if blind or failure else nullcontext(), ExitStack() as opened:
            assert len(port_scan.through(opened, peer)) == 3
            if failure:
                raise failure
    assert asked == [(port_scan.LOGIN, False)] * 6
    with suppress(port_scan.BlindError), ExitStack() as opened:
        port_scan.through(opened, replace(peer, seconds=30, up=True))
    assert asked[6:] == [(30, True)] * 3


@pytest.mark.parametrize(
    "raised",
    [
        Failed("open, but not declared: tcp 5432"),
        port_scan.BlindError("tcp 22 does not answer"),
        KeyboardInterrupt(),
    ],
)
def test_what_is_found_stands_whatever_else_is_forbidden(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    monkeypatch.setattr(connection, "Connection", Forbidding)

    def scanned() -> None:
        with ExitStack() as opened:
            port_scan.through(opened, port_scan.Neighbour(GATE, [ED25519], "10.0.0.2"))
            raise raised

    with pytest.raises(type(raised)) as found:
        scanned()
    assert found.value is raised


def test_a_way_that_breaks_proves_nothing() -> None:
    with (
        socks(lambda port: None if port == 22 else False, []) as prober,
        pytest.raises(
            port_scan.BlindError, match="tcp 22 does not answer within 0 s while others are asked"
        ),
    ):
        port_scan.scan([prober], {22}, set)


def test_a_way_that_is_gone_proves_nothing() -> None:
    """Nobody listens there: no port could be asked."""
    with socks(lambda _: True, []) as prober:
        pass
    with pytest.raises(port_scan.BlindError):
        port_scan.scan([prober], {22}, set)


def test_a_way_that_takes_no_connection_is_not_asked_for_ever() -> None:
    async def stuck(_: int) -> asyncio.Task[bool]:
        await asyncio.sleep(60)
        raise AssertionError

    with pytest.raises(port_scan.BlindError, match="not all ports could be asked"):
        port_scan.scan([stuck], {22}, set)


def test_a_port_that_was_not_asked_is_not_taken_for_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(silent) as ssh:
        monkeypatch.setattr(port_scan, "SSH", ssh)
        connect = asyncio.open_connection

        async def without_files(address: str, port: int) -> object:
            if port == 25:
                raise OSError(errno.EMFILE, "Too many open files")
            return await connect(address, port)

        monkeypatch.setattr(asyncio, "open_connection", without_files)
        with pytest.raises(port_scan.BlindError, match="Too many open files"):
            port_scan.scan([port_scan.direct(ADDRESS)], {ssh}, set)


def test_declared_ports_are_open_over_all_ways() -> None:
    with (
        socks(lambda port: port in {22, 80}, []) as one,
        socks(lambda port: port == 22, []) as other,
    ):
        assert port_scan.scan([one, other], {22, 80}, set) == {22}


def test_what_is_seen_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(silent) as first, server(silent) as stranger:
        monkeypatch.setattr(port_scan, "SSH", first)
        found = port_scan.scan([port_scan.direct(ADDRESS)], {first}, lambda: {stranger})
    assert found - {22, 53, 5432} == {first, stranger}  # what this machine has itself


def test_the_verdict() -> None:
    assert open_ports.verdict({22, 80}, {22, 80, 81}, {81}) == "tcp 22, 80, and none of 59 others"
    with pytest.raises(Failed, match=r"^declared, but not open: tcp 81$"):
        open_ports.verdict({22, 80}, {22, 80, 81}, set())


def test_what_the_machine_says_it_listens_on() -> None:
    assert open_ports.listening(machine()) >= {22, 80}
    assert open_ports.listening(machine(listeners="what?")) == set()
