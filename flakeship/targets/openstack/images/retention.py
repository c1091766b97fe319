"""What a stack's images on a cloud are to be, and which of them something still boots from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flakeship.model.artifact import Artifact
from flakeship.model.release import Record, Release
from flakeship.targets.openstack.inventory import RELEASE, STACK, Inventory, Server
from flakeship.targets.openstack.requests import PublishRequest
from flakeship.targets.openstack.settings import OpenStackSettings


@dataclass(frozen=True)
class Publication:
    """An image that this stack has published: its id, and how often it was uploaded."""

    id: str
    count: int


def number(release: str, published: Mapping[str, Publication], look: Inventory) -> int:
    """The number of the upload that a release's image comes from or, where it is gone, needs."""
    known = published.get(release)
    if known is None:
        return 1
    there = any(image.id == known.id and image.status == "active" for image in look.images)
    return known.count if there else known.count + 1


def properties(release: Release, stack: str, sha512: str) -> dict[str, str]:
    """What the image tells Nova and people.

    The names are those of Glance's metadata definitions (docs.openstack.org/glance, useful image
    properties).
    """
    revision = release.revision.removesuffix("-dirty")
    told = {
        "os_distro": "nixos",
        "os_version": release.version,
        "architecture": release.system.partition("-")[0],
        "hw_disk_bus": "virtio",
        "hw_vif_model": "virtio",
        "hw_rng_model": "virtio",
        # Nova knows no other; by BIOS a hybrid image boots on every hypervisor
        "hw_firmware_type": "uefi" if release.firmware == "uefi" else "bios",
        "hw_qemu_guest_agent": "yes" if release.agent else "no",
        STACK: stack,
        RELEASE: release.name,
        "flakeship_host": release.host,
        "flakeship_derivation": release.drv,
        "flakeship_toplevel": release.toplevel,
        "flakeship_sha512": sha512,
        "flakeship_revision": revision,
        "flakeship_dirty": str(release.revision.endswith("-dirty")).lower() if revision else "",
    }
    return {name: value for name, value in told.items() if value}


def publish(
    release: Release, artifact: Artifact, wish: OpenStackSettings, stack: str, *, count: int
) -> PublishRequest:
    """The request for a release's image, which is the `count`th upload of it."""
    return PublishRequest(
        cloud=wish.cloud,
        name=release.name,
        file=artifact.image.path,
        sha512=artifact.image.sha512,
        min_ram=release.memory,
        properties=properties(release, stack, artifact.image.sha512),
        visibility=wish.visibility,
        publication=count,
    )


@dataclass(frozen=True)
class Rotation:
    """The records that stay although nothing here wants them, and what to tell of that."""

    kept: list[Record]
    notes: list[str]


def rotation(
    going: list[Record],
    published: Mapping[str, Publication],
    look: Inventory,
    wish: OpenStackSettings,
    goes: Callable[[Server], bool],
) -> Rotation:
    """Which of the releases that leave the ledger have an image that something boots from.

    `goes` tells of a server that it is one of this stack's that goes in this run.
    """
    kept, notes = [], []
    for record in going:
        known = published.get(record.name)
        users = [user for user in look.users(known.id) if not goes(user)] if known else []
        if users:
            kept.append(record)
            named = ", ".join(f"{user.name} ({user.id})" for user in users)
            notes.append(f"the image of {record.name} stays, because servers boot from it: {named}")
        elif known and wish.visibility != "private" and not look.everywhere:
            notes.append(
                f"the image of {record.name} goes, and your role in {look.project_name} cannot see "
                "whether servers of other projects boot from it"
            )
    return Rotation(kept, notes)
