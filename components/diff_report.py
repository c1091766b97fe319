"""What changes inside hosts, said by a preview and an update."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from importlib import import_module
from threading import Thread

import pulumi

from flakeship.model.release import Record, Release


async def say(
    running: Mapping[str, str], ledger: list[Record], wanted: Mapping[str, Release]
) -> None:
    """Say it for each host whose wanted release is not the one that runs.

    Whatever goes wrong is said too, and is no failure: nothing depends on it.
    """
    if not running or all(running.get(host) == each.name for host, each in wanted.items()):
        return
    # imported for a change alone: a preview without one is not to wait for it
    inside = import_module("flakeship.nix.diff.report")
    pairs = list(inside.replaced(running, ledger, wanted))
    reports = [beside(inside.report, *pair) for pair in pairs]
    said = await asyncio.gather(*reports, return_exceptions=True)
    for (before, after), report in zip(pairs, said, strict=True):
        if isinstance(report, str):
            pulumi.log.info(f"{report}\n  make diff shows all of it")
        else:
            pulumi.log.warn(
                f"{inside.heading(before, after)}: what changes inside is not shown: {report}"
            )


def beside(act: Callable[..., str], *given: object) -> Awaitable[str]:
    """Like asyncio.to_thread, but a program that ends with an error does not wait for it."""
    done: Future[str] = Future()

    def run() -> None:
        try:
            done.set_result(act(*given))
        except Exception as error:  # noqa: BLE001 - it is told, whatever it is
            done.set_exception(error)

    done.set_running_or_notify_cancel()
    Thread(target=run, daemon=True).start()
    return asyncio.wrap_future(done)
