"""What a cloud boots."""

from __future__ import annotations

from flakeship.targets.image_support import ImageSupport

IMAGES = ImageSupport(
    ("qcow2", "raw"),
    ("bios", "hybrid", "uefi"),
    ("openstack", "openstack-hybrid", "openstack-uefi", "raw"),
)
