"""The first login on a machine, with the host key that its console announced."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import host_keys
from flakeship.ssh.connection import Connection, HostKeyRefusedError
from flakeship.verify.console import Console, announced_keys, await_keys
from flakeship.verify.request import Route, VerifyRequest, endpoint

NEW_KEYS = 20.0  # seconds to announce the keys of a server that shows others than announced


@contextmanager
def log_in(
    request: VerifyRequest, route: Route, console: Console, pinned: Sequence[str]
) -> Iterator[Connection]:
    """Log in on a machine whose host key the console has announced.

    A truncated console need not announce again what is pinned. Raises FlakeshipError for another
    key than the pinned one (host-key-changed) or the announced one (checks-failed), and what
    await_keys and Connection.connect raise.
    """
    end = time.monotonic() + request.deadline
    keys = announced_keys(console) or (list(pinned) if console.truncated else [])
    keys = keys or await_keys(console, request.deadline)
    while True:
        if pinned and not host_keys.same(keys, pinned):
            raise host_key_changed(request.machine, pinned, keys)
        with Connection(endpoint(request, route), keys) as connection:
            try:
                connection.connect(end - time.monotonic())
            except HostKeyRefusedError as error:
                refusal = error
            else:
                yield connection
                return
        if pinned:
            raise host_key_changed(request.machine, pinned, [], refusal.what) from refusal
        try:  # the console may still show the announcement of an earlier boot
            keys = await_keys(console, NEW_KEYS, other_than=keys)
        except FlakeshipError:
            raise FlakeshipError(
                "1 check failed",
                code="checks-failed",
                key=request.machine,
                details=[f"  ✗ host-key: {refusal.what}, and the console announced no other key"],
            ) from refusal


def host_key_changed(
    machine: str, pinned: Sequence[str], announced: Sequence[str], shown: str = ""
) -> FlakeshipError:
    """The refusal of a key that is not the pinned one."""
    return FlakeshipError(
        "its SSH host key has changed, so the login is refused",
        code="host-key-changed",
        key=machine,
        remedy="a changed key is never accepted. If you changed it, replace the machine: "
        f"`pulumi up --replace '**-{machine}'`",
        details=[
            *(f"  pinned:    {host_keys.fingerprint(key)}" for key in pinned),
            *(f"  announced: {host_keys.fingerprint(key)}" for key in announced),
            *([f"  server:    {shown}"] if shown else []),
            "A machine keeps its host keys: its disk was replaced, or another machine answers in "
            "its place.",
        ],
    )
