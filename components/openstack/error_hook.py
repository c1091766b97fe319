"""Nova's reason beside the provider's error, which says only `ERROR`."""

from __future__ import annotations

import asyncio

import pulumi

from flakeship.model.errors import FlakeshipError


def server_fault(cloud: str) -> pulumi.ErrorHook:
    """A hook that logs Nova's fault when a server could not be made; it never tries again."""

    async def log_fault(args: pulumi.ErrorHookArgs) -> bool:
        # only a failure imports it, not every preview
        from flakeship.targets.openstack.servers import nova  # noqa: PLC0415

        name = str((args.new_inputs or {}).get("name", ""))
        try:
            fault = await asyncio.to_thread(nova.find_failure, cloud, name)
        except FlakeshipError as error:
            pulumi.log.error(f"{name}: the reason cannot be read: {error}")
        else:
            if fault is not None:
                pulumi.log.error(str(fault))
        return False

    return pulumi.ErrorHook("fault-of-server", log_fault)
