"""The peers in the lab: the same image, template and clone by Terraform."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from dev.bench.terraform import Peer, Terraform
from dev.bench.terraform import terraform as started
from dev.setup import gobuild
from flakeship.nix import image_file
from tests.targets.proxmox.e2e import lab

PEER = Peer(gobuild.TERRAFORM_PROXMOX, "bpg/proxmox", Path(__file__).with_name("main.tf"))
USER = "nixos"
NAME = "flakeship-bench"
ADDRESS = 40
"""The number of its server's address in the lab's network."""
GIGABYTE = 1 << 30


def variables(image: Path, key: Path) -> Mapping[str, object]:
    """The variables of main.tf."""
    _, size = image_file.inspect(image)
    return {
        "image": image,
        "key": key,
        "name": NAME,
        "address": f"{lab.address(ADDRESS)}/24",
        "gigabytes": max(1, -(-size // GIGABYTE)),
    }


def terraform(image: Path, key: Path) -> AbstractContextManager[Terraform]:
    """A Terraform project for an image, see dev.bench.terraform."""
    return started(PEER, variables(image, key))
