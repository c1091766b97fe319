"""What a user is told beside the provider's error."""

from __future__ import annotations

import asyncio

import pulumi

from flakeship.model.errors import FlakeshipError


def of_server(cloud: str) -> pulumi.ErrorHook:
    """Tells Nova's fault when a server could not be made; the provider says only `ERROR`.

    It never asks for another attempt.
    """

    async def tell(args: pulumi.ErrorHookArgs) -> bool:
        # what only a failure needs is not imported for every preview
        from flakeship.targets.openstack.servers import faults  # noqa: PLC0415

        name = str((args.new_inputs or {}).get("name", ""))
        try:
            said = await asyncio.to_thread(faults.of_server, cloud, name)
        except FlakeshipError as error:
            said = f"and why could not be asked: {error}"
        if said:
            pulumi.log.error(f"{name}: {said}")
        return False

    return pulumi.ErrorHook("fault-of-server", tell)
