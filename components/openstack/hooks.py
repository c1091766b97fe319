"""What happens while the provider makes, changes or deletes something, and when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pulumi

from flakeship.model.errors import FlakeshipError
from flakeship.model.text import lines
from flakeship.targets.openstack.api.patience import TOLD
from flakeship.targets.openstack.api.provider import PAUSES, may_repeat, reason


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


def no_second(standing: Collection[str]) -> pulumi.ResourceHook:
    """A hook that refuses, in a preview too, to make a server again that is there: `standing`.

    Pulumi would replace it where something of it was changed by hand: its disk would be gone before
    another one is verified.
    """

    def refuse(args: pulumi.ResourceHookArgs) -> None:
        name = name_of(args)
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


def name_of(args: pulumi.ResourceHookArgs | pulumi.ErrorHookArgs) -> str:
    """The name that a resource is to have in the cloud."""
    return str((args.new_inputs or {}).get("name", ""))


def child_of(
    parent: pulumi.Resource,
    opts: pulumi.ResourceOptions | None,
    own: pulumi.ResourceOptions | None = None,
) -> pulumi.ResourceOptions:
    """The options of a component's part, with the hooks that the component was given."""
    given = pulumi.ResourceOptions(parent=parent, hooks=opts.hooks if opts else None)
    return pulumi.ResourceOptions.merge(given, own)
