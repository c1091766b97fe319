"""Servers that are being created, found before the provider returns them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from typing import TYPE_CHECKING

import pulumi

from flakeship.model.errors import FlakeshipError
from flakeship.targets.base import Call
from flakeship.targets.openstack.functions import FIND_SERVER, FindServerRequest, FoundServer

from ..lifecycle import begin
from .hooks import name_of, no_second

if TYPE_CHECKING:
    from pulumi_openstack import compute

SOON, LATER = 0.5, 4.0
"""Seconds before the first and between the later looks for a server that is being created."""


class Creation:
    """Finds servers as soon as Nova has them: the provider waits ten seconds more before it looks.

    So a verification begins while its server is created. `others` are the ids of the servers that
    the cloud has already; those of another `stack` are none. `standing` is as for `no_second`. The
    `hooks` are those of every server.
    """

    def __init__(
        self,
        call: Call,
        cloud: str,
        stack: str,
        others: Collection[str],
        standing: Collection[str],
    ) -> None:
        self._call = call
        self._cloud = cloud
        self._stack = stack
        self._others = sorted(others)
        self._found: dict[str, asyncio.Future[FoundServer]] = {}
        self.hooks = pulumi.ResourceHookBinding(
            before_create=[no_second(standing), pulumi.ResourceHook("find-server", self._begin)],
            on_error=[pulumi.ErrorHook("fault-of-server", self._fail)],
        )

    def server(
        self, name: str, made: compute.Instance, ready: Sequence[pulumi.Resource]
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """The ids of a server and its image once `ready` is there: as soon as Nova has it."""
        if pulumi.runtime.is_dry_run():
            return made.id, made.image_id
        first: Awaitable[FoundServer] = self._first(name, made, ready)
        found: pulumi.Output[FoundServer] = pulumi.Output.from_input(first)
        return found.apply(lambda it: it.id), found.apply(lambda it: it.image)

    async def _first(
        self, name: str, made: compute.Instance, ready: Sequence[pulumi.Resource]
    ) -> FoundServer:
        found = self._future(name)
        try:
            for each in ready:
                await each.urn.future()
            mine = begin(_provided(made))
            await asyncio.wait([mine, found], return_when=asyncio.FIRST_COMPLETED)
            # after a failed attempt the provider tells, which may try again
            return await mine if mine.done() or found.cancelled() else found.result()
        finally:
            found.cancel()

    def _future(self, name: str) -> asyncio.Future[FoundServer]:
        return self._found.setdefault(name, asyncio.get_running_loop().create_future())

    async def _begin(self, args: pulumi.ResourceHookArgs) -> None:
        name = name_of(args)
        begin(self._find(name, self._future(name)))

    async def _find(self, name: str, found: asyncio.Future[FoundServer]) -> None:
        """Look until a server is there. Where the cloud cannot be asked, the provider tells."""
        pause = SOON
        while not found.done():
            await asyncio.sleep(pause)
            seen = await self._look(name)
            if seen.id and not found.done():
                found.set_result(seen)
            pause = min(2 * pause, LATER)

    async def _look(self, name: str) -> FoundServer:
        request = FindServerRequest(self._cloud, self._stack, name, self._others)
        seen: FoundServer = await self._call(FIND_SERVER, request)
        return seen

    async def _fail(self, args: pulumi.ErrorHookArgs) -> bool:
        """Log Nova's reason: the provider says only `ERROR`. It never tries again."""
        name = name_of(args)
        self._future(name).cancel()
        try:
            seen = await self._look(name)
        except FlakeshipError as error:
            pulumi.log.error(f"{name}: the reason cannot be read: {error}")
        else:
            if seen.failure:
                pulumi.log.error(seen.failure)
        return False


async def _provided(made: compute.Instance) -> FoundServer:
    """A server as the provider has made it. Raises what its failure does."""
    return FoundServer(str(await made.id.future()), str(await made.image_id.future() or ""))
