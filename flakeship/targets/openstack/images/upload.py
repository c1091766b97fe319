"""What is uploaded of a release: the properties of its image, and the bytes of its file."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from flakeship.model.release import Release
from flakeship.model.sizes import MIB
from flakeship.rollout.ownership import Owner

log = logging.getLogger(__name__)

BLOCK = MIB  # bytes at a time: what requests itself takes, 16 KiB, is slower than a network
EVERY = 5.0  # seconds between two lines about the progress


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


class Upload:
    """The bytes of a file as the body of a request; `sha512` is set once they have been sent.

    It has a length, so requests sends a Content-Length, which more proxies and stores understand
    than chunks; a second iteration, as after a renewed token, starts over.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.size = path.stat().st_size
        self.sha512 = ""

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.sha512()
        sent, began, logged = 0, time.monotonic(), time.monotonic()
        with self.path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block
                # after the block is in the socket: the other side works on it meanwhile
                digest.update(block)
                sent += len(block)
                now = time.monotonic()
                if now - logged >= EVERY:
                    logged = now
                    self._log(sent, sent / (now - began))
        self.sha512 = digest.hexdigest()

    def _log(self, sent: int, speed: float) -> None:
        log.info(
            "%s: %d of %d MiB uploaded, %.1f MiB/s, %.0f s to go",
            self.name,
            sent // MIB,
            self.size // MIB,
            speed / MIB,
            (self.size - sent) / speed,
        )
