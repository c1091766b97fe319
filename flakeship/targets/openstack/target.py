"""The target inside a Pulumi program: one inspection of the cloud, then a pure plan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from flakeship.model.errors import SettingError
from flakeship.release.desired import Desired
from flakeship.ssh import keys
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.openstack.inventory import Inventory
from flakeship.targets.openstack.plan import StackPlan, plan_stack
from flakeship.targets.openstack.settings import CloudSettings


class OpenStackTarget:
    """See flakeship.targets.base.Target."""

    def __init__(self, settings: CloudSettings) -> None:
        self._settings = settings

    async def inspect(self) -> Inventory:
        """Read the files that the settings name, and every list of the cloud once, in a thread."""
        given = self._settings
        identity = keys.identity(given.identity, given.authorized_keys)
        user_data = read_user_data(given)
        found = await asyncio.to_thread(inspect, given.options.cloud)
        return replace(found, identity=identity, user_data=user_data)

    def plan(self, desired: Desired, inventory: Inventory) -> StackPlan:
        """Machines, flavors, images and addresses; refuses what the quota would stop."""
        return plan_stack(desired, inventory)


def read_user_data(settings: CloudSettings) -> Mapping[str, str]:
    """The text of each file that a server's user data names. Raises SettingError."""
    found = {}
    for server in settings.servers:
        given = server.options.user_data
        if not given.startswith(("./", "/", "~/")):
            continue
        path = Path(given).expanduser()
        if not path.is_file():
            raise SettingError(
                "this file does not exist",
                code="file-missing",
                key=f"flakeship:servers[{server.name}].openstack.userData",
                given=given,
            )
        found[given] = path.read_text()
    return found
