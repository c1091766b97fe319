"""What happens while the provider makes, changes or deletes something, and when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pulumi

from flakeship.model.errors import FlakeshipError
from flakeship.model.text import lines
from flakeship.targets.openstack.api.patience import TOLD
from flakeship.targets.openstack.api.provider import PAUSES, may_repeat, reason

SILENCE = 60.0
"""Seconds between two lines about a server that Nova has not made yet."""


def passing_fault() -> pulumi.ErrorHook:
    """A hook that waits and tries again while the cloud is busy or restarted, for half a minute.

    A person is told once, when that takes longer than 10 s.
    """

    async def again(args: pulumi.ErrorHookArgs) -> bool:
        attempts, operation = len(args.errors), args.failed_operation
        if attempts > len(PAUSES) or not may_repeat(operation, args.type, args.errors[0]):
            return False
        pause = PAUSES[attempts - 1]
        if sum(PAUSES[:attempts]) >= TOLD > sum(PAUSES[: attempts - 1]):
            fault = lines(reason(args.errors[0]))
            pulumi.log.info(f"{args.name}: {fault}; trying to {operation} it again in {pause} s")
        await asyncio.sleep(pause)
        return True

    return pulumi.ErrorHook("passing-fault", again)


class Creation:
    """Tells what Nova does while a server is made, and why it could not: the provider is silent."""

    def __init__(self, cloud: str) -> None:
        self._cloud = cloud
        self._telling: dict[str, asyncio.Task[None]] = {}

    def hooks(self, standing: Collection[str]) -> pulumi.ResourceHookBinding:
        """The hooks of every server; `standing` is as for `no_second`."""
        return pulumi.ResourceHookBinding(
            before_create=[no_second(standing), pulumi.ResourceHook("creating", self._begin)],
            after_create=[pulumi.ResourceHook("created", self._end)],
            on_error=[pulumi.ErrorHook("fault-of-server", self._fail)],
        )

    async def _begin(self, args: pulumi.ResourceHookArgs) -> None:
        self._telling[args.urn] = asyncio.ensure_future(self._tell(_name(args)))

    async def _tell(self, name: str) -> None:
        while True:
            await asyncio.sleep(SILENCE)
            # only who waits imports it, not every preview
            from flakeship.targets.openstack.servers import nova  # noqa: PLC0415

            try:
                progress = await asyncio.to_thread(nova.progress, self._cloud, name)
                pulumi.log.info(lines(progress))
            except FlakeshipError as error:
                pulumi.log.info(f"{name}: its state cannot be read: {error}")

    async def _end(self, args: pulumi.ResourceHookArgs | pulumi.ErrorHookArgs) -> None:
        if task := self._telling.pop(args.urn, None):
            task.cancel()

    async def _fail(self, args: pulumi.ErrorHookArgs) -> bool:
        """Log Nova's reason: the provider says only `ERROR`. It never tries again."""
        from flakeship.targets.openstack.servers import nova  # noqa: PLC0415

        await self._end(args)
        name = _name(args)
        try:
            fault = await asyncio.to_thread(nova.find_failure, self._cloud, name)
        except FlakeshipError as error:
            pulumi.log.error(f"{name}: the reason cannot be read: {error}")
        else:
            if fault is not None:
                pulumi.log.error(str(fault))
        return False


def no_second(standing: Collection[str]) -> pulumi.ResourceHook:
    """A hook that refuses, in a preview too, to make a server again that is there: `standing`.

    Pulumi would replace it where something of it was changed by hand: its disk would be gone before
    another one is verified.
    """

    def refuse(args: pulumi.ResourceHookArgs) -> None:
        name = _name(args)
        if name in standing:
            raise FlakeshipError(
                "Pulumi would replace this server, and its disk, in place: its port or another "
                "part of it was changed behind Flakeship's back, or the region is another one",
                code="replaced-in-place",
                key=name,
                remedy="put the server back as it was, or delete it in Nova: then a new machine "
                "takes its place once it is verified",
            )

    return pulumi.ResourceHook("no-second", refuse, pulumi.ResourceHookOptions(on_dry_run=True))


def _name(args: pulumi.ResourceHookArgs | pulumi.ErrorHookArgs) -> str:
    return str((args.new_inputs or {}).get("name", ""))


def child_of(
    parent: pulumi.Resource,
    opts: pulumi.ResourceOptions | None,
    own: pulumi.ResourceOptions | None = None,
) -> pulumi.ResourceOptions:
    """The options of a component's part, with the hooks that the component was given."""
    given = pulumi.ResourceOptions(parent=parent, hooks=opts.hooks if opts else None)
    return pulumi.ResourceOptions.merge(given, own)
