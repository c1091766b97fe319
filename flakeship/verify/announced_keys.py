"""The host keys that a machine announces on its console, which the network cannot forge."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import host_keys
from flakeship.system.backoff import backoff
from flakeship.verify.console import Console, tail


def announced(console: Console) -> list[str]:
    """The keys of the last complete block on a console; empty where there is none yet."""
    return next(reversed(host_keys.blocks(console.read())), [])


def wait(console: Console, seconds: float, other_than: Sequence[str] = ()) -> list[str]:
    """Wait for a complete block (of keys other than those given) and return its keys.

    Raises FlakeshipError (host-keys-missing) after `seconds`.
    """
    for _ in backoff(seconds, first=0.05, most=0.25):
        if (keys := announced(console)) and not host_keys.same(keys, other_than):
            return keys
    last = tail(console, 1)
    found = f"its last line is: {last[0].strip()}" if last else "it is empty"
    raise FlakeshipError(
        f"no SSH host keys on the console ({console.name}) within {seconds:.0f} s: {found}",
        code="host-keys-missing",
    )
