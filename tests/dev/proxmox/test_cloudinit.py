"""The cloud-init drive has what Proxmox VE writes on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dev.proxmox import cloudinit
from dev.proxmox.machines import Machine
from flakeship.system.process import run

STATIC = {
    "name": "web",
    "net0": "virtio=BC:24:11:0A:0B:0C,bridge=vmbr0",
    "ipconfig0": "ip=198.18.2.10/24,gw=198.18.2.1",
    "nameserver": "198.18.2.1",
    "searchdomain": "example.org",
    "ciuser": "nixos",
    "sshkeys": "ssh-ed25519%20AAAA%20me",
    "ciupgrade": "0",
}


def test_a_static_address() -> None:
    assert cloudinit.network_config(Machine("pve", 100, STATIC)) == (
        "version: 1\n"
        "config:\n"
        "    - type: physical\n"
        "      name: eth0\n"
        "      mac_address: 'bc:24:11:0a:0b:0c'\n"
        "      subnets:\n"
        "      - type: static\n"
        "        address: '198.18.2.10'\n"
        "        netmask: '255.255.255.0'\n"
        "        gateway: '198.18.2.1'\n"
        "    - type: nameserver\n"
        "      address:\n"
        "      - '198.18.2.1'\n"
        "      search:\n"
        "      - 'example.org'\n"
    )


def test_another_key_is_another_instance() -> None:
    other = STATIC | {"sshkeys": "ssh-ed25519%20BBBB%20me"}
    ids = {cloudinit.meta_data(Machine("pve", 100, config)) for config in (STATIC, other)}
    assert len(ids) == 2


def test_a_hash_stays_and_a_password_does_not() -> None:
    assert cloudinit.hashed("$5$salt$hash") == "$5$salt$hash"
    assert cloudinit.hashed("secret").startswith("$5$")


@pytest.mark.skipif(not shutil.which("genisoimage"), reason="there is no genisoimage")
def test_the_drive_is_an_image_with_its_label(tmp_path: Path) -> None:
    cloudinit.write(Machine("pve", 100, STATIC), tmp_path / "drive.qcow2")
    run(["qemu-img", "convert", "-O", "raw", tmp_path / "drive.qcow2", tmp_path / "drive.iso"])
    content = (tmp_path / "drive.iso").read_bytes()
    assert content[0x8028:0x8048].strip() == b"cidata"
    assert b"ssh-ed25519 AAAA me" in content
