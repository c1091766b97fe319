"""How the program runs and ends: a user's mistake is one clear error, an interruption is silent."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import pulumi
from pulumi.runtime.settings import _get_rpc_manager
from pulumi.runtime.stack import ResourceRegistrationFailed

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.system import log

T = TypeVar("T")

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
            outputs = await main()
        except FlakeshipError as error:
            for wrong in (error, *getattr(error, "problems", ())):
                if isinstance(wrong, SettingError):
                    wrong.file = f"Pulumi.{pulumi.get_stack()}.yaml"
            pulumi.log.error(str(error))
            raise SystemExit(SHOWN) from error
        await settle()
        return outputs

    with log.cleaned(stdout=True):
        log.configure_debug()
        pulumi.run(program)


def leave(error: FlakeshipError) -> NoReturn:
    """Show an error and leave, before anything that was just declared happens.

    Where the program raised it, the SDK would register all of that before it ended.
    """
    pulumi.log.error(str(error))
    os._exit(SHOWN)


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin what another error may end before anybody asks for its result.

    Python would show an error of its own that nobody has asked for, with a traceback.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def is_known(output: pulumi.Output[Any]) -> bool:
    """Whether an output has come: not where a resource was left out, or has failed."""
    try:
        return await output.is_known()
    except ResourceRegistrationFailed:
        return False


async def settle() -> None:
    """Wait for every resource. Where some have failed the program leaves when the others are done.

    With --continue-on-error it goes on after a failure; but the SDK ends it with a traceback as
    soon as it comes to a resource that depends on the failed one, and what is not registered by
    then does not happen.
    """
    manager = _get_rpc_manager()
    failed = False
    while manager.rpcs:
        await asyncio.sleep(0)
        try:
            await manager.rpcs.pop()
        except ResourceRegistrationFailed:
            failed = True
    if isinstance(manager.unhandled_exception, ResourceRegistrationFailed):
        manager.clear()
    if failed:
        raise SystemExit(SHOWN)
    # The SDK begins to write the outputs of the stack in a task after this, and ends at once where
    # no call is under way: outputs without a resource would be lost.
    manager.rpcs.append(asyncio.ensure_future(asyncio.sleep(0)))
