"""The links that keep a stack's images from Nix's garbage collection, in a checkout that was moved.

Nix stores their absolute paths.
"""

from __future__ import annotations

from flakeship.nix import store
from flakeship.targets.local.stack_files import StackFiles


def renew(files: StackFiles) -> None:
    """Register the links at their new paths; those whose store path is gone are left alone."""
    links = [*files.roots.glob("*"), *(path / "image" for path in files.machines.glob("*"))]
    for link in sorted(links):
        if link.is_symlink() and link.exists():
            store.keep(str(link.readlink()), link)
