"""What changes inside hosts, said by a preview and an update."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module

import pulumi

from flakeship.release import Record, Release


async def say(
    running: Mapping[str, str], ledger: list[Record], wanted: Mapping[str, Release]
) -> None:
    """Say it for each host whose wanted release is not the one that runs.

    Whatever goes wrong is said too, and is no failure: nothing depends on it.
    """
    if not running or all(running.get(host) == each.name for host, each in wanted.items()):
        return
    # imported for a change alone: a preview without one is not to wait for it
    inside = import_module("flakeship.diff.report")
    pairs = list(inside.changing(running, ledger, wanted))
    reports = [asyncio.to_thread(inside.report, *pair) for pair in pairs]
    said = await asyncio.gather(*reports, return_exceptions=True)
    for (before, after), report in zip(pairs, said, strict=True):
        if isinstance(report, str):
            pulumi.log.info(f"{report}\n  make diff shows all of it")
        else:
            pulumi.log.warn(
                f"{inside.heading(before, after)}: what changes inside is not shown: {report}"
            )
