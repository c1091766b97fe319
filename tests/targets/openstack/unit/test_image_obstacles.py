"""What another stack's image must not be: a foreign one, or one that boots something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.images.properties import BOOT, HARDWARE, hardware, properties
from flakeship.targets.openstack.inventory import Image
from flakeship.targets.openstack.listed import image as listed
from tests.targets.openstack.unit.promoting import (
    FOREIGN,
    HERE,
    NAME,
    ONE,
    OWN,
    SHA512,
    THERE,
    Promoting,
    refused,
    upstream,
)


def test_other_bytes_are_refused() -> None:
    error = refused(Promoting(), replace(OWN, sha512="b" * 128))
    assert (error.code, error.key) == ("image-differs", NAME)
    # also where the machine is there
    world = Promoting()
    world.borrow()
    assert refused(world, replace(FOREIGN, sha512="b" * 128)).code == "image-differs"
    # and where the stack before has the right one
    world = Promoting()
    world.borrow(id="id-2")
    assert (
        refused(world, OWN, replace(FOREIGN, id="id-2", sha512="b" * 128)).code == "image-differs"
    )


def test_a_deactivated_image_is_refused_only_where_a_machine_waits_for_it() -> None:
    deactivated = replace(OWN, status="deactivated")
    error = refused(Promoting(), deactivated)
    assert (error.code, error.key) == ("image-deactivated", NAME)
    world = Promoting()
    world.borrow()
    plan = world.promote(replace(FOREIGN, status="deactivated"), before=upstream(THERE))
    assert plan.borrowing.images[NAME].id == "id-1"
    assert any("deactivated" in warning for warning in plan.warnings)


@pytest.mark.parametrize("visibility", ["public", "community", "shared"])
def test_an_image_of_a_project_that_the_state_does_not_have_is_refused(visibility: str) -> None:
    planted = replace(FOREIGN, visibility=visibility)
    error = refused(Promoting(), planted)
    assert (error.code, error.key) == ("image-foreign", NAME)
    # also where it is inactive, and where the machine is there
    assert refused(Promoting(), replace(planted, status="deactivated")).code == "image-foreign"
    world = Promoting()
    world.borrow(project=HERE)
    assert refused(world, planted).code == "image-foreign"


@pytest.mark.parametrize(
    "name",
    [
        "kernel_id",
        "ramdisk_id",
        "os_command_line",
        "block_device_mapping",
        "bdm_v2",
        "mappings",
        "root_device_name",
        "img_block_device_mapping",
        "img_bdm_v2",
        "img_mappings",
        "img_root_device_name",
    ],
)
def test_equal_bytes_that_would_boot_something_else_are_refused(name: str) -> None:
    for own, project in ((OWN, HERE), (replace(FOREIGN, visibility="community"), THERE)):
        planted = in_glance(own, **{name: "8f1b0c6e"})
        with pytest.raises(FlakeshipError) as raised:
            Promoting().promote(planted, before=upstream(project))
        error = raised.value
        assert (error.code, error.key) == ("image-redirected", NAME)
        assert name in error.what
        assert f"--property {name}" in error.remedy
    # also where the machine is there
    world = Promoting()
    world.borrow()
    assert refused(world, in_glance(FOREIGN, **{name: "8f1b0c6e"})).code == "image-redirected"


@pytest.mark.parametrize("name", sorted(HARDWARE))
@pytest.mark.parametrize("value", ["other", ""])
def test_other_hardware_is_refused_only_where_a_machine_waits_for_it(name: str, value: str) -> None:
    error = refused(Promoting(), in_glance(OWN, **{name: value}))
    assert (error.code, error.key) == ("image-altered", NAME)
    assert f"--property {name}={hardware(ONE.release)[name]}" in error.remedy
    world = Promoting()
    world.borrow()
    plan = world.promote(in_glance(FOREIGN, **{name: value}), before=upstream(THERE))
    assert plan.borrowing.images[NAME].id == "id-1"
    assert any(f"{name}={value}" in warning for warning in plan.warnings)


OF_GLANCE: dict[str, Any] = {
    "self": "/v2/images/id-1",
    "file": "/v2/images/id-1/file",
    "schema": "/v2/schemas/image",
    "direct_url": "rbd://pool/id-1/snap",
    "locations": [{"url": "rbd://pool/id-1/snap", "metadata": {}}],
    "stores": "ceph",
    "os_hash_algo": "sha512",
    "os_hash_value": SHA512,
    "checksum": "0" * 32,
    "virtual_size": None,
    "protected": False,
    "tags": ["flakeship"],
    "container_format": "bare",
    "disk_format": "qcow2",
    "kernel_id": None,
    "ramdisk_id": "",
    "base_image_ref": "",
    "owner_specified.openstack.object": "images/web",
    "owner_specified.openstack.sha256": "",
    "hw_machine_type": "q35",
    "img_config_drive": "optional",
}


def in_glance(image: Image, **more: Any) -> Image:
    """The image with what our publication and Glance set, and `more`, as a list would have it."""
    found = {
        **OF_GLANCE,
        **properties(ONE.release, "dev"),
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "visibility": image.visibility,
        "owner": image.owner,
        **more,
    }
    return listed(found, image.members)


def test_what_the_publication_and_the_cloud_set_refuses_no_image() -> None:
    for own, project in ((OWN, HERE), (FOREIGN, THERE)):
        plan = Promoting().promote(in_glance(own), before=upstream(project))
        assert plan.borrowing.images[NAME].project == project
        assert in_glance(own).properties == own.properties


@pytest.mark.parametrize("firmware", ["bios", "uefi", "hybrid"])
def test_no_publication_sets_what_is_refused(firmware: Any) -> None:
    published = properties(replace(ONE.release, firmware=firmware), "dev")
    assert not BOOT & published.keys()
    assert hardware(ONE.release).keys() == HARDWARE
    assert published.keys() >= HARDWARE
