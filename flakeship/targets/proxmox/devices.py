"""The devices of our virtual machines, as Proxmox VE names them."""

from __future__ import annotations

ROOT_DISK = "virtio0"  # the images of NixOS have their boot loader for /dev/vda
CLOUD_INIT = "scsi1"  # the drive that cloud-init reads
CARD = "net0"
