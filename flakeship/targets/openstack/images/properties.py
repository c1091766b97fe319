"""What a release's image carries."""

from __future__ import annotations

from flakeship.model.release import Release
from flakeship.rollout.ownership import Owner


def properties(release: Release, stack: str, sha512: str) -> dict[str, str]:
    """The image's properties, for Nova and for people.

    The names are those of Glance's metadata definitions (docs.openstack.org/glance, useful image
    properties).
    """
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
        "flakeship_sha512": sha512,
        "flakeship_revision": revision,
        "flakeship_dirty": str(release.revision.endswith("-dirty")).lower() if revision else "",
    }
    return {name: value for name, value in found.items() if value}
