"""Counts and times a program's calls to a cloud: a proxy that every client takes by http_proxy.

A proxy sees one program's calls alone, whoever else uses the cloud, and the services' own calls to
each other not at all.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from flakeship.system.tcp import LOOPBACK

BLOCK = 1 << 16
HOP = ("connection", "proxy-connection", "keep-alive")


@dataclass(frozen=True)
class Call:
    """One call: `url` is without its host, times are in seconds.

    It may begin with the name of a service instead, such as `nova:`.
    """

    method: str
    url: str
    start: float
    end: float


def kind(call: Call) -> str:
    """A call without the ids and queries that differ between clouds."""
    url = urlsplit(call.url)
    hidden = parse_qs(url.query).get("os_hidden")
    path = "/".join("…" if len(part) >= 32 else part for part in url.path.split("/"))
    service = f"{url.scheme} " if url.scheme else ""
    return f"{service}{call.method} {path}{', hidden' if hidden else ''}"


def tokens(calls: Iterable[Call]) -> int:
    """How many tokens were asked for."""
    return sum(c.method == "POST" and c.url.endswith("/v3/auth/tokens") for c in calls)


@dataclass
class Meter:
    """The calls so far; a program that is started with `env` adds its own."""

    env: dict[str, str]
    calls: list[Call] = field(default_factory=list)

    def inside(self) -> float:
        """The seconds in which at least one call was under way."""
        total, until = 0.0, 0.0
        for call in sorted(self.calls, key=lambda call: call.start):
            total += max(0.0, call.end - max(call.start, until))
            until = max(until, call.end)
        return total


@contextmanager
def metered() -> Iterator[Meter]:
    """Run the proxy during a block."""
    meter, opened, done = Meter({}), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_run(meter, opened, done)))
    thread.start()
    opened.wait()
    try:
        yield meter
    finally:
        done.set()
        thread.join()


async def _run(meter: Meter, opened: threading.Event, done: threading.Event) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _forward(meter, reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client reports it
        finally:
            writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    # gRPC, by which Pulumi's processes talk to each other, would take the proxy too
    meter.env = {"http_proxy": f"http://{LOOPBACK}:{port}", "no_proxy": f"{LOOPBACK},localhost"}
    opened.set()
    await asyncio.to_thread(done.wait)
    server.close()


async def _forward(
    meter: Meter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One call on each connection: the answer ends with it."""
    start = time.monotonic()
    first, *headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    method, url, version = first.split(" ")
    target = urlsplit(url)
    path = target._replace(scheme="", netloc="").geturl() or "/"
    kept = [each for each in headers if each.partition(":")[0].lower() not in HOP]
    there, away = await asyncio.open_connection(target.hostname, target.port or 80)
    head = [f"{method} {path} {version}", *kept, "Connection: close", "", ""]
    away.write("\r\n".join(head).encode("latin-1"))
    body = asyncio.create_task(_pump(reader, away))
    try:
        await _pump(there, writer)
    finally:
        body.cancel()
        away.close()
        meter.calls.append(Call(method, path, start, time.monotonic()))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while block := await source.read(BLOCK):
        sink.write(block)
        await sink.drain()
