"""What changes inside hosts, shown by a preview and an update."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from importlib import import_module
from threading import Thread

import pulumi

from flakeship.model.release import Record, Release


async def report(
    running: Mapping[str, str], ledger: list[Record], desired: Mapping[str, Release]
) -> None:
    """Show it for each host whose desired release is not the one that runs.

    A report that fails is a warning: nothing depends on it.
    """
    if not running or all(running.get(host) == each.name for host, each in desired.items()):
        return
    # imported for a change alone: a preview without one is not to wait for it
    diff = import_module("flakeship.nix.diff.report")
    pairs = list(diff.replaced(running, ledger, desired))
    reports = [in_background(diff.report, *pair) for pair in pairs]
    done = await asyncio.gather(*reports, return_exceptions=True)
    for (before, after), result in zip(pairs, done, strict=True):
        if isinstance(result, str):
            pulumi.log.info(f"{result}\n  `flakeship diff` shows all of it")
        else:
            heading = diff.heading(before, after)
            pulumi.log.warn(f"{heading}: the changes inside cannot be shown: {result}")


def in_background(act: Callable[..., str], *given: object) -> Awaitable[str]:
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
