"""A flavor that a stack creates, because none of the cloud's fits a server exactly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from math import ceil

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.flavors.fit import Need, lacks
from flakeship.targets.openstack.flavors.special_hardware import OWNER_KEY
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import CloudServer


def describe(
    server: CloudServer, need: Need, inventory: Inventory, before: str, stack: str
) -> Flavor:
    """The flavor that fits exactly: it has no id yet, and whole GiB of disk.

    A flavor cannot be changed and its name is the whole cloud's, so the name has all that it is:
    servers that need the same share one. It carries OWNER_KEY, so that no server gets it by
    accident and loses it when the one that it was made for goes. Raises SettingError without the
    role `admin`, which Nova asks for by default (os_compute_api:os-flavor-manage:create).
    """
    key = f"flakeship:servers[{server.name}].openstack.flavor.create"
    if "admin" not in inventory.roles:
        raise SettingError(
            f"creating a flavor in {inventory.project_name} needs the role admin",
            code="role-missing",
            key=key,
            given=", ".join(inventory.roles) or "no role",
            remedy="choose an existing flavor, or ask for one",
        )
    extra_specs = server.options.flavor.extra_specs
    open_ones = [name for name, value in extra_specs.items() if value == "*"]
    if open_ones:
        raise SettingError(
            f"{', '.join(open_ones)} needs a value to create a flavor with", key=key, given="*"
        )
    disk = 0 if server.options.volume else ceil(need.disk / 1024)
    content = json.dumps([inventory.project, extra_specs], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:4]
    flavor = Flavor(
        id="",
        name=f"{stack}-{need.vcpus}c-{need.memory}m-{disk}g-{digest}",
        vcpus=need.vcpus,
        memory=need.memory,
        disk=disk * 1024,
        extra_specs=extra_specs,
    )
    short = lacks(flavor, server, need, inventory, quota=flavor.name != before)
    if short:
        why = ", ".join(lack.text for lack in short)
        raise SettingError(f"a flavor that fits exactly {why}", code="flavor-unfit", key=key)
    return replace(flavor, extra_specs=extra_specs | {OWNER_KEY: stack})
