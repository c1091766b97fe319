"""The longest silence of an address: a connection of its own every 20 ms, while something happens.

`python -m dev.bench.probe ADDRESS PORT` runs until its standard input ends. An attempt
is answered when the connection stood within 0.3 s of its start. A silence is the time between the
starts of the answered attempts before and after it, less the 20 ms that are always between them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

STEP, LIMIT = 0.02, 0.3


@dataclass
class Heard:
    """What a probe has found; `silence` is in seconds."""

    attempts: int = 0
    answered: int = 0
    silence: float = 0.0


@contextmanager
def probing(address: str, port: int) -> Iterator[Heard]:
    """Probe from a process of its own during a block; the result is filled in at its end."""
    heard = Heard()
    argv = [sys.executable, "-m", __name__, address, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield heard
        finally:
            printed, _ = child.communicate()
    for name, value in json.loads(printed).items():
        setattr(heard, name, value)


def silence(starts: Sequence[float], begin: float, end: float) -> float:
    """Take the longest time between answered attempts, the beginning and the end included."""
    known = sorted(starts)
    return max(b - a for a, b in zip([begin, *known], [*known, end], strict=True)) - STEP


async def attempt(address: str, port: int, start: float, answered: list[float]) -> None:
    """Connect once."""
    writer = None
    try:
        async with asyncio.timeout(LIMIT):
            _, writer = await asyncio.open_connection(address, port)
            answered.append(start)
    except (OSError, TimeoutError):
        pass
    finally:
        if writer:
            writer.close()


async def probe(address: str, port: int) -> Heard:
    """Probe until the standard input ends."""
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    answered: list[float] = []
    tasks = []
    begin = time.monotonic()
    while not ended.done():
        tasks.append(asyncio.create_task(attempt(address, port, time.monotonic(), answered)))
        await asyncio.sleep(max(0.0, begin + len(tasks) * STEP - time.monotonic()))
    end = time.monotonic()
    await asyncio.gather(*tasks)
    return Heard(len(tasks), len(answered), max(0.0, silence(answered, begin, end)))


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(probe(sys.argv[1], int(sys.argv[2]))))))
