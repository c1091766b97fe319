"""Going back and forth between two servers of a cloud, compared with Terraform's rebuild."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from dev.bench import moves as general
from dev.bench.openstack import peers
from tests.targets.openstack.e2e.project import WEB, CloudStack


def moves(stack: CloudStack, pages: Mapping[str, str], images: Sequence[Path]) -> None:
    """Measure; `pages` are the answers of the two running releases, the active one last."""
    choose, theirs = partial(configure, stack), partial(in_place, stack, images)
    general.moves(stack, pages, choose, theirs, "another image for the server")


def configure(stack: CloudStack, release: str = "") -> None:
    """One server, of the flake or of a release; two releases keep running."""
    stack.settings(WEB, retainReleases=2, release=release, openstack={"pool": peers.POOL})


def in_place(stack: CloudStack, images: Sequence[Path]) -> tuple[float, float]:
    """The silence and the seconds of Terraform's own way to another release."""
    old, new = images
    key = stack.path / ".state/id_ed25519"
    with peers.terraform(old, key) as other:
        return general.to_another_image(other, key, peers.USER, new)
