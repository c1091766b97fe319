"""The flavors of the lab, a server that needs one, and what is chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dev.openstack.flavors import FLAVORS
from flakeship.model.errors import SettingError
from flakeship.targets.openstack.flavors.choice import Choice, choose
from flakeship.targets.openstack.flavors.fit import Need
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import CloudServer
from tests.targets.openstack.unit.blocks import in_block

CATALOGUE = [
    Flavor(f"id-{f.name}", f.name, f.vcpus, f.memory, f.disk * 1024, f.ephemeral * 1024, f.extra)
    for f in FLAVORS
    if f.public
]
INVENTORY = Inventory(
    project="0badc0de",
    project_name="demo",
    roles=["member", "reader"],
    flavors=CATALOGUE,
    images=[],
    servers=[],
    networks=[],
    left={},
)
NEED = Need(vcpus=1, memory=512, disk=2048, architecture="x86_64")
ADMIN = replace(INVENTORY, roles=["admin", "member"])


def server(flavor: object = None, **given: Any) -> CloudServer:
    wish = {} if flavor is None else {"flavor": flavor}
    return CloudServer.model_validate(in_block({"name": "web", **wish, **given}))


def having(*flavors: Flavor, **left: int) -> Inventory:
    return replace(INVENTORY, flavors=list(flavors) or CATALOGUE, left=left)


def flavor(name: str, vcpus: int = 1, memory: int = 512, disk: int = 2048, **extra: str) -> Flavor:
    specs = {key.replace("__", ":"): value for key, value in extra.items()}
    return Flavor(f"id-{name}", name, vcpus, memory, disk, 0, specs)


def chosen(
    wanted: Need = NEED,
    flavor: object = None,
    *,
    prices: Mapping[str, float] | None = None,
    before: str = "",
    inventory: Inventory = INVENTORY,
    **given: Any,
) -> Choice:
    return choose(
        server(flavor, **given), wanted, inventory, prices or {}, before=before, stack="prod"
    )


def refused(wanted: Need = NEED, flavor: object = None, **given: Any) -> SettingError:
    """The error that a choice ends with; it is about the flavor of the server web."""
    with pytest.raises(SettingError) as caught:
        chosen(wanted, flavor, **given)
    assert caught.value.key.startswith("flakeship:servers[web].openstack.flavor")
    return caught.value
