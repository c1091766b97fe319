"""What a preview says of the servers: every way of a server, as a person reads it."""

from __future__ import annotations

from typing import Any

from tests.targets.proxmox.unit.schema import ADDRESSES, server
from tests.targets.proxmox.unit.world import World

SERVICE = "192.0.2.80/24"


def line(world: World, number: int, **own: Any) -> str:
    """What is said of the one server, and then done."""
    core = {key: own.pop(key) for key in ("memory", "vcpus", "disk") if key in own}
    return world.up(number, [{**server(**own), **core}]).summary.planned


def test_a_life_in_words() -> None:
    world = World()
    world.change(permissions={**world.inventory.permissions, "/": {"SDN.Use": 1}})
    said = [
        line(world, 1, serviceAddress=SERVICE),
        line(world, 2, serviceAddress=SERVICE),
        line(world, 2, serviceAddress=SERVICE, memory="1G", cpu="host", vlan=20),
        line(world, 2, serviceAddress=SERVICE, memory="1G", cpu="host", vlan=20),
        line(world, 2, memory="1G", cpu="host", vlan=20, startOnBoot=False),
    ]
    first, second, other, same, in_place = said
    assert "first machine web-11111111-" in first
    assert "2 vCPUs, 512 MiB of memory, 2048 MiB of root disk, on pve1, network vmbr0)" in first
    assert "once verified, it gets the address 192.0.2.80" in first
    assert "release web-11111111 -> web-22222222" in second
    assert "takes over the address 192.0.2.80" in second
    assert "memory 512 -> 1024 MiB, network vmbr0 -> vmbr0.20, CPU x86-64-v2-AES -> host" in other
    assert same == ""
    assert "changed in place: does not start with its node" in in_place
    assert "the address 192.0.2.80 is released" in in_place


def test_addresses_by_cloud_init_are_another_machine() -> None:
    world = World()
    line(world, 1)
    said = line(world, 1, addresses=ADDRESSES)
    assert "other addressing" in said
    assert "it is verified" in said


def test_a_new_machine_is_told_with_its_static_address() -> None:
    world, pool = World(), [server(addresses=ADDRESSES, gateway="192.0.2.1")]
    first = world.up(1, pool).summary.planned
    assert f"network vmbr0, with the address {ADDRESSES[0]})" in first
    second = world.up(2, pool).summary.planned
    assert f"(with the address {ADDRESSES[1]}) with a new root disk" in second
    back = world.plan(1, pool).summary.planned
    assert "with the address" not in back, "it has it already"


def test_a_disk_that_is_rounded_up_is_told() -> None:
    assert "1024 MiB of root disk as 512 MiB are rounded up to whole GiB" in line(
        World(), 1, disk="512M"
    )
    assert "rounded" not in line(World(), 1, disk="2G")


def test_a_server_that_goes_is_told_with_its_machines() -> None:
    world = World()
    world.up(1, [server("web", serviceAddress=SERVICE), {"name": "db"}])
    said = world.up(1, [{"name": "db"}]).summary.planned
    assert said.startswith("web: no longer in the settings: ")
    assert "is deleted" in said
    assert "the address 192.0.2.80 is released" in said


def test_other_ports_are_verified_again() -> None:
    world = World()
    world.up(1)
    said = world.up(1, [{"name": "web", "ports": [80]}]).summary.planned
    assert "changed in place: verified again" in said
