"""The properties of a release's image, and those that decide what Nova boots."""

from __future__ import annotations

from flakeship.model.release import Release
from flakeship.rollout.ownership import Owner

VIRTIO = {"hw_disk_bus": "virtio", "hw_vif_model": "virtio", "hw_rng_model": "virtio"}
HARDWARE = frozenset({*VIRTIO, "architecture", "hw_firmware_type"})
BOOT = frozenset(
    {
        "kernel_id",
        "ramdisk_id",
        "os_command_line",
        *("block_device_mapping", "bdm_v2", "mappings", "root_device_name"),
        # Nova's newer names of these four
        *("img_block_device_mapping", "img_bdm_v2", "img_mappings", "img_root_device_name"),
    }
)
"""What lets Nova boot something else than the image's bytes; no image of ours has any of them."""


def hardware(release: Release) -> dict[str, str]:
    """The hardware that the image is to boot with, of the names HARDWARE."""
    return {
        "architecture": release.system.partition("-")[0],
        **VIRTIO,
        # Nova has no third type; by BIOS a hybrid image boots on every hypervisor
        "hw_firmware_type": "uefi" if release.firmware == "uefi" else "bios",
    }


def properties(release: Release, stack: str) -> dict[str, str]:
    """All but its hash, as Glance's metadata definitions name them (docs.openstack.org/glance)."""
    revision = release.revision.removesuffix("-dirty")
    found = {
        "os_distro": "nixos",
        "os_version": release.version,
        **hardware(release),
        "hw_qemu_guest_agent": "yes" if release.agent else "no",
        **Owner(stack, release=release.name).tags,
        "flakeship_host": release.host,
        "flakeship_derivation": release.drv,
        "flakeship_toplevel": release.toplevel,
        "flakeship_revision": revision,
        "flakeship_dirty": str(release.revision.endswith("-dirty")).lower() if revision else "",
    }
    return {name: value for name, value in found.items() if value}
