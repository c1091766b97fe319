"""The links that keep a stack's images from collection, in a checkout that was moved."""

from __future__ import annotations

from pathlib import Path

from flakeship.nix import store


def keep_again(stack: Path) -> None:
    """Tell Nix where the links are now: it knows them by their absolute paths.

    What has been collected already is no reason to stop here.
    """
    for link in sorted([*stack.glob("roots/*"), *stack.glob("machines/*/image")]):
        if link.is_symlink() and link.exists():
            store.keep(str(link.readlink()), link)
