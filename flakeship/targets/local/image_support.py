"""What a machine here boots."""

from __future__ import annotations

from flakeship.targets.image_support import ImageSupport

IMAGES = ImageSupport(
    ("qcow2", "raw"),
    ("bios", "hybrid"),  # QEMU's machine here is i440fx with its BIOS
    ("qemu", "openstack", "proxmox", "raw"),
)
