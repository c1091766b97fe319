"""How the program runs and ends: a user's mistake is one clear error, an interruption is silent."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pulumi

from flakeship.errors import FlakeshipError, SettingError

SHOWN = 32
"""The exit code by which a Python program tells its language host that the error has been shown."""


def run(main: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Run a program's async main.

    When a resource fails the language host interrupts the program, which would then end with a
    long traceback under the failed check. There is nothing to clean up: so it leaves.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(SHOWN))
    os.umask(0o077)  # .state holds keys

    async def program() -> dict[str, Any]:
        try:
            return await main()
        except FlakeshipError as error:
            file = f" (Pulumi.{pulumi.get_stack()}.yaml)" if isinstance(error, SettingError) else ""
            pulumi.log.error(f"{error}{file}")
            raise SystemExit(SHOWN) from error

    pulumi.run(program)
