"""The properties of a release's image."""

from __future__ import annotations

from flakeship.model.release import Release
from flakeship.rollout.ownership import Owner


def properties(release: Release, stack: str) -> dict[str, str]:
    """All but its hash, as Glance's metadata definitions name them (docs.openstack.org/glance)."""
    revision = release.revision.removesuffix("-dirty")
    found = {
        "os_distro": "nixos",
        "os_version": release.version,
        "architecture": release.system.partition("-")[0],
        "hw_disk_bus": "virtio",
        "hw_vif_model": "virtio",
        "hw_rng_model": "virtio",
        # Nova has no third type; by BIOS a hybrid image boots on every hypervisor
        "hw_firmware_type": "uefi" if release.firmware == "uefi" else "bios",
        "hw_qemu_guest_agent": "yes" if release.agent else "no",
        **Owner(stack, release=release.name).tags,
        "flakeship_host": release.host,
        "flakeship_derivation": release.drv,
        "flakeship_toplevel": release.toplevel,
        "flakeship_revision": revision,
        "flakeship_dirty": str(release.revision.endswith("-dirty")).lower() if revision else "",
    }
    return {name: value for name, value in found.items() if value}
