"""What a server needs of a flavor, and what each flavor lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.targets.openstack.flavors.fit import Need, lacks, need_of
from flakeship.targets.openstack.flavors.special_hardware import OWNER_KEY
from flakeship.targets.openstack.inventory import Flavor
from tests.targets.openstack.unit.flavors import (
    INVENTORY,
    NEED,
    chosen,
    flavor,
    having,
    refused,
    server,
)
from tests.unit.model.test_ledger import release, verified

SIZED = replace(release(1), disk=4096, memory=1024)
AUTO = replace(release(1), disk="auto")
OLDER = [verified(release(3), "3", 1, 5000), verified(release(2), "2", 1, 9000)]


def test_the_need_is_the_larger_of_settings_and_release() -> None:
    assert need_of(server(memory=512, disk="2G"), SIZED, []) == Need(2, 1024, 4096, "x86_64")
    assert need_of(server(memory="8G", disk="9G"), SIZED, []) == Need(2, 8192, 9216, "x86_64")


def test_an_image_that_was_built_has_its_own_size() -> None:
    found = need_of(server(), AUTO, [*OLDER, verified(AUTO, "1", 1, 3000)])
    assert (found.disk, found.estimated) == (3000, False)


def test_before_it_is_built_the_newest_of_its_host_is_an_estimate() -> None:
    other = verified(replace(release(4), host="db"), "4", 1, 70000)
    found = need_of(server(), AUTO, [other, *OLDER])
    assert (found.disk, found.estimated) == (5000, True)
    assert chosen(found).notices == [
        "web: the disk size of web-11111111 is checked once it is built; assuming 5000 MiB, as "
        "web-33333333 has"
    ]
    assert "5000 MiB of root disk (an estimate)" in refused(replace(found, vcpus=99)).what


def test_with_no_older_release_the_settings_stand_alone() -> None:
    found = need_of(server(disk="3G"), AUTO, [verified(release(3), "3")])
    assert (found.disk, found.estimated) == (3072, True)
    assert "assuming" not in found.doubt


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [
        ("hw:cpu_policy", "shared", True),
        ("hw:cpu_policy", "mixed", False),
        ("hw:mem_page_size", "any", True),
        ("hw:mem_page_size", "1GB", False),
        ("hw:numa_nodes", "1", True),
        ("hw_rng:allowed", "true", True),
        ("quota:vif_outbound_average", "1000", True),
        ("resources:VCPU", "2", True),
        ("resources:VGPU", "0", True),
        ("resources2:VGPU", "1", False),
        ("resources_fast:FPGA", "1", False),
        ("resources:CUSTOM_BAREMETAL_GOLD", "1", False),
        ("trait:HW_CPU_X86_AVX2", "required", False),
        ("trait:CUSTOM_SLOW", "forbidden", True),
        ("trait_1:STORAGE_DISK_SSD", "required", False),
        ("accel:device_profile", "fpga", False),
        ("pci_passthrough:alias", "nic:1", False),
        ("aggregate_instance_extra_specs:GPU", "true", False),
        ("aggregate_instance_extra_specs:gpu", "false", True),
        ("aggregate_instance_extra_specs:ssd", "true", True),
        ("capabilities:hypervisor_type", "QEMU", True),
        (OWNER_KEY, "prod", False),
    ],
)
def test_what_is_special_is_wished_or_not_taken(key: str, value: str, taken: bool) -> None:
    there = replace(INVENTORY, flavors=[Flavor("1", "one", 1, 512, 2048, 0, {key: value})])
    if taken:
        assert chosen(inventory=there).flavor.name == "one"
    else:
        (detail,) = refused(inventory=there).details
        assert detail.endswith(f"special hardware that extraSpecs does not ask for: {key}={value}")
        assert chosen(NEED, {"extraSpecs": {key: value}}, inventory=there).flavor.name == "one"


@pytest.mark.parametrize(
    ("key", "value", "x86", "arm"),
    [
        ("capabilities:architecture", "aarch64", False, True),
        ("capabilities:cpu_info:arch", "<or> x86_64 <or> aarch64", True, True),
        ("capabilities:cpu_info:arch", "<in> amd64", True, False),
        ("hw_architecture", "arm64", False, True),
        ("trait:HW_ARCH_AARCH64", "required", False, True),
        ("trait1:COMPUTE_ARCH_X86_64", "required", True, False),
        ("trait:HW_ARCH_AARCH64", "forbidden", True, True),
        ("hw:numa_nodes", "1", True, True),
    ],
)
def test_the_architecture_is_the_release_s(key: str, value: str, x86: bool, arm: bool) -> None:
    one = Flavor("1", "one", 1, 512, 2048, 0, {key: value})
    for wanted, fits in (("x86_64", x86), ("aarch64", arm)):
        short = lacks(one, server(), replace(NEED, architecture=wanted), having(one))
        assert (not short) == fits, short


def test_a_flavor_without_architecture_is_x86_where_another_names_the_wanted_one() -> None:
    arm = replace(NEED, architecture="aarch64")
    named = flavor("arm", memory=4096, hw_architecture="aarch64")
    assert chosen(arm, inventory=having(flavor("plain"))).flavor.name == "plain"
    assert chosen(arm, inventory=having(flavor("plain"), named)).flavor.name == "arm"


def test_the_quota_decides_for_what_is_still_left() -> None:
    quad = replace(NEED, vcpus=2, memory=600)
    assert chosen(quad, inventory=having()).flavor.name == "s1.medium"
    assert (
        chosen(quad, {"exclude": ["s1.m*"]}, inventory=having(ram=2048)).flavor.name == "s1.large"
    )
    assert "s1.medium needs 2 cores, and the quota has 1 left" in lacking(quad, cores=1)
    assert "needs 1 server, and the quota has 0 left" in lacking(instances=0)
    assert "needs 512 MiB of memory, and the quota has 100 left" in lacking(ram=100)


def lacking(need: Need = NEED, **left: int) -> str:
    """What the nearest flavors lack where the quota has only so much left."""
    return "\n".join(refused(need, inventory=having(**left)).details)
