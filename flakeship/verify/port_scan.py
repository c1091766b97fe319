"""A port scan: which TCP ports of an address are open."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache

from flakeship.model.ports import SSH
from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint
from flakeship.system import open_files
from flakeship.system.tcp import LOOPBACK
from flakeship.verify.checks.verdict import Failed

LOW = range(1, 1025)
# what is popular above: databases, queues, consoles, agents, alternative web ports
HIGH = (
    *(1080, 1433, 1521, 1723, 1883, 2049, 2181, 2222, 2375, 2376, 2379, 2380, 3000, 3128, 3260),
    *(3306, 3389, 4222, 4369, 4443, 4505, 4506, 5000, 5001, 5044, 5060, 5201, 5222, 5355, 5432),
    *(5433, 5601, 5672, 5900, 5901, 5984, 5985, 6000, 6379, 6443, 6667, 7000, 7001, 7946, 8000),
    *(8001, 8008, 8080, 8081, 8086, 8088, 8123, 8200, 8300, 8443, 8500, 8600, 8888, 9000, 9042),
    *(9090, 9091, 9092, 9093, 9100, 9200, 9300, 9418, 9999, 10000, 10250, 10255, 11211, 15672),
    *(16509, 19999, 25565, 27017, 28017, 30000, 32400, 50000, 50070, 61616),
)
SECONDS = 1.5  # for an answer once a port was asked: the kernel retransmits after one second
PROOF = 10.0  # seconds for an open port while many are asked: a small machine is busy then
CHANCES = 3  # how often a declared port is asked
FILES = 4096  # that a process may have open: enough for three scans side by side, each in one wave
OTHER_FILES = 400  # of them that a process has open besides
CONNECTS = 64  # to a SOCKS server at the same time: OpenSSH lets no more than 128 wait
LOGIN = 10.0  # seconds for the login on a peer
# connections to a peer that share the ports: dropbear forwards at most a thousand on each, and one
# that is not answered blocks its place for two minutes
LOGINS = 3
GRANTED = 90  # SOCKS 4 for: connected


class BlindError(Failed):
    """Nothing proves that the ports were asked at all: the server is busy, or the prober cannot."""


class ClosedError(Failed):
    """A declared port is not open: to a prober that may ask it."""


@dataclass(frozen=True)
class Neighbour:
    """A machine that sees more of the server than the workstation does, such as the active one.

    `seconds` are for a login on it; `up` is as in Connection.connect.
    """

    endpoint: Endpoint
    host_keys: Sequence[str]
    address: str  # of the server, for this machine
    seconds: float = LOGIN
    up: bool = False


# Asks a port, or raises OSError. The task waits (maybe in vain) until it knows: is the port open?
Prober = Callable[[int], Awaitable[asyncio.Task[bool]]]


def direct(address: str) -> Prober:
    """Connects from the workstation."""

    async def connect(port: int) -> bool:
        try:
            _, writer = await asyncio.open_connection(address, port)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):  # it was not asked
                raise BlindError(str(error.strerror)) from error
            return False
        writer.close()
        return True

    async def ask(port: int) -> asyncio.Task[bool]:
        return asyncio.create_task(connect(port))

    return ask


def socks(server: int, address: str) -> Prober:
    """Connects from a peer through a SOCKS 4 server, which answers once the peer has connected."""
    target = ipaddress.IPv4Address(address).packed

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            return (await reader.readexactly(8))[1] == GRANTED
        except (OSError, EOFError):
            return False
        finally:
            writer.close()

    async def ask(port: int) -> asyncio.Task[bool]:
        reader, writer = await asyncio.open_connection(LOOPBACK, server)
        writer.write(b"\x04\x01" + port.to_bytes(2, "big") + target + b"\x00")
        return asyncio.create_task(answer(reader, writer))

    return ask


def through(opened: ExitStack, peer: Neighbour) -> list[Prober]:
    """Probers on a peer, by SOCKS over SSH. Raises FlakeshipError where the login fails.

    `opened` raises BlindError in the end where the peer may not connect: that is no closed port.
    """
    logins = [
        opened.enter_context(connection.Connection(peer.endpoint, peer.host_keys))
        for _ in range(LOGINS)
    ]
    with ThreadPoolExecutor(LOGINS) as pool:
        list(pool.map(lambda login: login.connect(peer.seconds, up=peer.up), logins))
    opened.enter_context(_allowed(logins))
    return [socks(login.socks(), peer.address) for login in logins]


@contextmanager
def _allowed(logins: Sequence[connection.Connection]) -> Iterator[None]:
    """Refuse what depends on ports that were not asked. One that was found open is open."""
    closed: ClosedError | None = None
    try:
        yield
    except ClosedError as error:
        closed = error
    faults = {fault for login in logins for fault in login.forward_faults}
    if any(fault.startswith(connection.FORBIDDEN) for fault in faults):
        raise BlindError("it may not connect to all ports: its SSH server forbids that")
    if closed:
        raise closed


def scan(probers: Sequence[Prober], expected: set[int], more: Callable[[], set[int]]) -> set[int]:
    """The ports that are open, of the usual ones, of `more` that come later, and of the expected.

    The expected ones come last and over all probers: one that has broken does not answer for them.
    Raises BlindError where SSH does not answer while others are asked.
    """
    return asyncio.run(_scan(probers, expected, more))


async def _scan(
    probers: Sequence[Prober], expected: set[int], more: Callable[[], set[int]]
) -> set[int]:
    usual = sorted({*LOW, *HIGH} - expected)
    found = await _probe(probers, usual)
    found |= await _probe(probers, sorted(await asyncio.to_thread(more) - {*usual} - expected))
    for _ in range(CHANCES):
        left = sorted(expected - found)
        states = await asyncio.gather(*(_is_open(probers, port) for port in left))
        found |= {port for port, is_open in zip(left, states, strict=True) if is_open}
    return found


@cache
def sockets() -> open_files.Places:
    """The sockets that all scans of this process share: each wave takes one for every port."""
    files = open_files.allowed(FILES)
    return open_files.Places(max(files - OTHER_FILES, files // 2))


async def _probe(probers: Sequence[Prober], ports: list[int]) -> set[int]:
    """The open ones of ports that are asked all at once, or in waves where files are short.

    Each is asked by one of the probers.
    """
    places, found = sockets(), set[int]()
    for start in range(0, len(ports), places.count):
        wave = ports[start : start + places.count]
        # each scan has a thread and a loop of its own, which has nothing else to do but wait
        with places.taken(len(wave)):
            found |= await _ask_all(probers, wave)
    return found


async def _ask_all(probers: Sequence[Prober], ports: list[int]) -> set[int]:
    gate = asyncio.Semaphore(CONNECTS)

    async def ask(prober: Prober, port: int) -> asyncio.Task[bool]:
        async with gate:
            return await prober(port)

    turns = ((probers[turn % len(probers)], port) for turn, port in enumerate(ports))
    asking = asyncio.gather(*(ask(*turn) for turn in turns), return_exceptions=True)
    try:
        async with asyncio.timeout(PROOF):
            tasks = await asking
    except TimeoutError:  # an SSH that takes no connection would be asked for many minutes
        raise BlindError(f"not all ports could be asked within {PROOF:.0f} s") from None
    pairs = zip(tasks, ports, strict=True)
    asked = {task: port for task, port in pairs if not isinstance(task, BaseException)}
    if len(asked) < len(ports):
        raise BlindError(f"{len(ports) - len(asked)} ports could not be asked")
    # A peer asks in turn: when it has connected to SSH, which is open to everybody who probes, the
    # answers of all ports before it are on their way, or never come.
    if not await _is_open(probers, SSH):
        raise BlindError(f"tcp {SSH} does not answer within {PROOF:.0f} s while others are asked")
    done, silent = await asyncio.wait(asked, timeout=SECONDS)
    for task in silent:
        task.cancel()
    return {asked[task] for task in done if task.result()}


async def _is_open(probers: Sequence[Prober], port: int) -> bool:
    """Whether each prober finds a port open that should be: no answer in time counts as closed."""

    async def ask(prober: Prober) -> bool:
        try:
            async with asyncio.timeout(PROOF):
                return await (await prober(port))
        except OSError:  # TimeoutError is one
            return False

    return all(await asyncio.gather(*map(ask, probers)))
