"""A real port scan: what is open, and whether that is just what is declared."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from flakeship import ssh
from flakeship.checks.facts import Facts
from flakeship.checks.verdict import Failed
from flakeship.wire import LOOPBACK

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
"""For one port that does not answer: the kernel asks a second time after one second."""

CHANCES = 5
"""How often a declared port is asked: right after a thousand others a small machine is busy."""

AT_ONCE = 600
"""Connections at the same time: a process may often have 1024 files open."""

LOGIN = 10.0
"""Seconds for the login on a peer."""

LOGINS = 3
"""Connections to a peer that share the ports: dropbear forwards at most a thousand on each, and one
that is not answered blocks its place for two minutes."""

Dial = Callable[[int], Awaitable[bool]]
"""Whether a port is open."""


def listening(known: Facts) -> set[int]:
    """The TCP ports with a listener, as the machine itself says."""
    try:
        return {each.port for each in known.listeners if each.protocol == "tcp"}
    except Failed:
        return set()


def verdict(opened: set[int], declared: set[int], optional: set[int]) -> str:
    """Just the declared ports are open; an `optional` one may be."""
    if strangers := opened - declared:
        raise Failed(f"open, but not declared: tcp {_numbers(strangers)}")
    if missing := declared - optional - opened:
        raise Failed(f"declared, but not open: tcp {_numbers(missing)}")
    return f"tcp {_numbers(opened)}, and none of {len({*LOW, *HIGH} - opened)} others"


def scan(dials: list[Dial], declared: set[int], more: Callable[[], set[int]]) -> set[int]:
    """The ports that are open: of the usual ones, of `more` that are known later, and declared.

    The declared ones come last and over all ways: one that has broken does not answer for them.
    """
    return asyncio.run(_scan(dials, declared, more))


def straight(address: str) -> Dial:
    """Connect from here."""

    async def dial(port: int) -> bool:
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
        return True

    return dial


def through(opened: ExitStack, peer: ssh.Endpoint, keys: list[str], address: str) -> list[Dial]:
    """Connect from a peer, by SOCKS over SSH. Raises FlakeshipError where the login fails."""
    logins = [opened.enter_context(ssh.Connection(peer, keys)) for _ in range(LOGINS)]
    with ThreadPoolExecutor(LOGINS) as pool:
        list(pool.map(lambda login: login.connect(LOGIN), logins))
    return [_socks(login.socks(), address) for login in logins]


def _socks(here: int, address: str) -> Dial:
    """Connect by SOCKS 5: OpenSSH answers only when the other side has connected."""
    target = ipaddress.ip_address(address)
    kind = b"\x01" if target.version == 4 else b"\x04"

    async def dial(port: int) -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, here)
        try:
            writer.write(b"\x05\x01\x00")
            await reader.readexactly(2)
            writer.write(b"\x05\x01\x00" + kind + target.packed + port.to_bytes(2, "big"))
            return (await reader.readexactly(2))[1] == 0
        finally:
            writer.close()

    return dial


async def _scan(dials: list[Dial], declared: set[int], more: Callable[[], set[int]]) -> set[int]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(dial: Dial, port: int) -> bool:
        async with gate:
            try:
                async with asyncio.timeout(SECONDS):
                    return await dial(port)
            except (OSError, EOFError):  # refused, silent, or ended by the peer
                return False

    async def among(ports: list[int]) -> set[int]:
        asked = (ask(dials[turn % len(dials)], port) for turn, port in enumerate(ports))
        return {p for p, opened in zip(ports, await asyncio.gather(*asked), strict=True) if opened}

    usual = {*LOW, *HIGH} - declared
    found = await among(sorted(usual))
    found |= await among(sorted(await asyncio.to_thread(more) - usual - declared))
    for _ in range(CHANCES):
        asked = [(port, dial) for port in sorted(declared - found) for dial in dials]
        answers = await asyncio.gather(*(ask(dial, port) for port, dial in asked))
        silent = {port for (port, _), opened in zip(asked, answers, strict=True) if not opened}
        found |= declared - silent
    return found


def _numbers(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports)))
