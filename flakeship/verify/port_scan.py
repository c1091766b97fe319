"""A real port scan: what is open, and whether that is just what is declared."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint
from flakeship.system.tcp import LOOPBACK
from flakeship.verify.checks.facts import Facts
from flakeship.verify.checks.verdict import Failed

LOW = range(1, 1025)
HIGH = (
    *(1080, 1433, 1521, 1723, 1883, 2049, 2181, 2222, 2375, 2376, 2379, 2380, 3000, 3128, 3260),
    *(3306, 3389, 4222, 4369, 4443, 4505, 4506, 5000, 5001, 5044, 5060, 5201, 5222, 5355, 5432),
    *(5433, 5601, 5672, 5900, 5901, 5984, 5985, 6000, 6379, 6443, 6667, 7000, 7001, 7946, 8000),
    *(8001, 8008, 8080, 8081, 8086, 8088, 8123, 8200, 8300, 8443, 8500, 8600, 8888, 9000, 9042),
    *(9090, 9091, 9092, 9093, 9100, 9200, 9300, 9418, 9999, 10000, 10250, 10255, 11211, 15672),
    *(16509, 19999, 25565, 27017, 28017, 30000, 32400, 50000, 50070, 61616),
)
"""What is popular above 1024: data bases, queues, consoles, agents, alternatives of the web."""

SECONDS = 1.5
"""For an answer once a port was asked: the kernel asks a second time after one second."""

PROOF = 10.0
"""Seconds for an open port to answer when many others were asked: a small machine is busy then."""

CHANCES = 3
"""How often a declared port is asked."""

AT_ONCE = 600
"""Ports that are asked at the same time: a process may often have 1024 files open."""

CONNECTS = 64
"""Connections to a SOCKS server at the same time: OpenSSH lets no more than 128 wait."""

LOGIN = 10.0
"""Seconds for the login on a peer."""

LOGINS = 3
"""Connections to a peer that share the ports: dropbear forwards at most a thousand on each, and one
that is not answered blocks its place for two minutes."""

GRANTED = 90
"""SOCKS 4 for: connected."""

SSH = 22
"""It is open to whoever scans and proves that those before it were asked."""

Dial = Callable[[int], Awaitable[Awaitable[bool]]]
"""Asks a port; then the answer can be waited for, whether it is open."""


class BlindError(Failed):
    """Nothing proves that the ports were asked at all: the server is busy, or who asks cannot."""


def listening(known: Facts) -> set[int]:
    """The TCP ports with a listener, as the machine itself says."""
    try:
        return {each.port for each in known.listeners if each.protocol == "tcp"}
    except Failed:
        return set()


def verdict(opened: set[int], declared: set[int], optional: set[int]) -> str:
    """Just the declared ports are open; an `optional` one may be. Raises Failed."""
    if strangers := opened - declared:
        raise Failed(f"open, but not declared: tcp {numbers(strangers)}")
    if missing := declared - optional - opened:
        raise Failed(f"declared, but not open: tcp {numbers(missing)}")
    return f"tcp {numbers(opened)}, and none of {len({*LOW, *HIGH} - opened)} others"


def scan(dials: list[Dial], expected: set[int], more: Callable[[], set[int]]) -> set[int]:
    """The ports that are open: of the usual ones, of `more` that are known later, and expected.

    The expected ones come last and over all ways: one that has broken does not answer for them.
    Raises BlindError where SSH does not answer while others are asked.
    """
    return asyncio.run(_scan(dials, expected, more))


def straight(address: str) -> Dial:
    """Connect from here."""

    async def connect(port: int) -> bool:
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
        return True

    async def dial(port: int) -> Awaitable[bool]:
        return asyncio.ensure_future(connect(port))

    return dial


def through(opened: ExitStack, peer: Endpoint, keys: list[str], address: str) -> list[Dial]:
    """Connect from a peer, by SOCKS over SSH. Raises FlakeshipError where the login fails."""
    logins = [opened.enter_context(connection.Connection(peer, keys)) for _ in range(LOGINS)]
    with ThreadPoolExecutor(LOGINS) as pool:
        list(pool.map(lambda login: login.connect(LOGIN), logins))
    return [_socks(login.socks(), address) for login in logins]


def numbers(ports: set[int]) -> str:
    """Ports in a sentence."""
    return ", ".join(map(str, sorted(ports)))


def _socks(here: int, address: str) -> Dial:
    """Connect by SOCKS 4: OpenSSH answers only when the other side has connected."""
    target = ipaddress.IPv4Address(address).packed

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            return (await reader.readexactly(8))[1] == GRANTED
        finally:
            writer.close()

    async def dial(port: int) -> Awaitable[bool]:
        reader, writer = await asyncio.open_connection(LOOPBACK, here)
        writer.write(b"\x04\x01" + port.to_bytes(2, "big") + target + b"\x00")
        return asyncio.ensure_future(answer(reader, writer))

    return dial


async def _scan(dials: list[Dial], expected: set[int], more: Callable[[], set[int]]) -> set[int]:
    usual = sorted({*LOW, *HIGH} - expected)
    found: set[int] = set()
    for start in range(0, len(usual), AT_ONCE):
        found |= await _wave(dials, usual[start : start + AT_ONCE])
    found |= await _wave(dials, sorted(await asyncio.to_thread(more) - {*usual} - expected))
    for _ in range(CHANCES):
        asked = [(port, dial) for port in sorted(expected - found) for dial in dials]
        answers = await asyncio.gather(*(_open(dial, port) for port, dial in asked))
        silent = {port for (port, _), opened in zip(asked, answers, strict=True) if not opened}
        found |= expected - silent
    return found


async def _wave(dials: list[Dial], ports: list[int]) -> set[int]:
    """Ask ports all at once, each over one of the ways.

    A slow peer takes its time until it has asked them all. It asks in turn: when it has connected
    to a last one, which is open, the answers of the others are on their way, or never come.
    """
    if not ports:
        return set()
    gate = asyncio.Semaphore(CONNECTS)

    async def ask(dial: Dial, port: int) -> Awaitable[bool]:
        async with gate:
            return await dial(port)

    turns = ((dials[turn % len(dials)], port) for turn, port in enumerate(ports))
    answers = await asyncio.gather(*(ask(*turn) for turn in turns), return_exceptions=True)
    asked = {
        asyncio.ensure_future(_heard(answer)): port
        for answer, port in zip(answers, ports, strict=True)
        if not isinstance(answer, BaseException)
    }
    witness = await asyncio.gather(*(_open(dial, SSH) for dial in dials))
    if not asked or not all(witness):
        raise BlindError(f"tcp {SSH} does not answer within {PROOF:.0f} s while others are asked")
    done, silent = await asyncio.wait(asked, timeout=SECONDS)
    for each in silent:
        each.cancel()
    return {asked[each] for each in done if each.result()}


async def _open(dial: Dial, port: int) -> bool:
    """Whether a port that should be open is."""
    try:
        async with asyncio.timeout(PROOF):
            return await _heard(await dial(port))
    except OSError:  # no answer in time, or nobody who would ask
        return False


async def _heard(answer: Awaitable[bool]) -> bool:
    try:
        return await answer
    except (OSError, EOFError):  # refused, or ended by the peer
        return False
