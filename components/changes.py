"""What changes inside the hosts of a stack, shown beside everything else that a run does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from threading import Thread

import pulumi

from flakeship.model.release import Record, Release


async def report(
    running: Mapping[str, str], records: list[Record], desired: Mapping[str, Release]
) -> None:
    """Show what changes inside each host; a failure is a warning, as nothing depends on it."""
    if not running or all(running.get(host) == each.name for host, each in desired.items()):
        return
    # a preview without a change is not to wait for it
    from flakeship.nix.diff import report as inside  # noqa: PLC0415

    pairs = list(inside.replaced(running, records, desired))
    reports = [_in_background(inside.report, *pair) for pair in pairs]
    done = await asyncio.gather(*reports, return_exceptions=True)
    for (before, after), result in zip(pairs, done, strict=True):
        if isinstance(result, str):
            pulumi.log.info(f"{result}\n  `flakeship diff` shows all of it")
        else:
            which = inside.heading(before, after)
            pulumi.log.warn(f"{which} the changes cannot be shown: {result}")


def _in_background(act: Callable[..., str], *given: object) -> Awaitable[str]:
    """Like asyncio.to_thread, but a program that ends with an error does not wait for it."""
    done: Future[str] = Future()

    def run() -> None:
        try:
            done.set_result(act(*given))
        except Exception as error:  # noqa: BLE001 - it becomes a warning, whatever it is
            done.set_exception(error)

    done.set_running_or_notify_cancel()
    Thread(target=run, daemon=True).start()
    return asyncio.wrap_future(done)
