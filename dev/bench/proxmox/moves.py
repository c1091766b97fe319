"""Going back and forth between two machines of a server, compared with Terraform's other image.

Terraform removes the clone and the template, and makes new ones of the same ids and address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from dev.bench import moves as general
from dev.bench.proxmox import peers, stacks
from tests.targets.proxmox.e2e.project import ClusterStack


def moves(stack: ClusterStack, pages: Mapping[str, str], images: Sequence[Path]) -> None:
    """Measure; `pages` are the answers of the two running releases, the active one last."""
    choose, theirs = partial(stacks.served, stack), partial(replaced, stack, images)
    general.moves(stack, pages, choose, theirs, "another image, so another template and clone")


def replaced(stack: ClusterStack, images: Sequence[Path]) -> tuple[float, float]:
    """The silence and the seconds of Terraform's own way to another release."""
    old, new = images
    key = stack.path / ".state/id_ed25519"
    with peers.terraform(old, key) as other:
        return general.to_another_image(other, key, peers.USER, new)
