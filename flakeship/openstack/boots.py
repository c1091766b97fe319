"""What a cloud boots."""

from __future__ import annotations

from flakeship.boots import Boots

BOOTS = Boots(
    ("qcow2", "raw"),
    ("bios", "hybrid", "uefi"),
    ("openstack", "openstack-hybrid", "openstack-uefi", "raw"),
)
