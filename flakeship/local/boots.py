"""What a machine here boots."""

from __future__ import annotations

from flakeship.boots import Boots

BOOTS = Boots(
    ("qcow2", "raw"),
    ("bios", "hybrid"),  # QEMU's machine here is i440fx with its BIOS
    ("qemu", "openstack", "proxmox", "raw"),
)
