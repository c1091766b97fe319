"""`flakeship sweep`: removes orphaned resources, which a killed run has left behind."""

from __future__ import annotations

from pathlib import Path

from flakeship.nix import store
from flakeship.operate.target import operator
from flakeship.state.stack import IMAGE, Stack, without_pending
from flakeship.system.files import tidy
from flakeship.targets.base import SweepResult

LINKS = ("-drv", "-toplevel")
"""What the names of a release's GC roots may end with, beside the one of its image."""


def sweep(stack: Stack) -> SweepResult:
    """Remove what certainly nobody uses: of the target, and GC roots of releases without image.

    Data disks stay: they may hold what nobody has elsewhere. Raises FlakeshipError while a run is
    under way, whose resources the state does not have yet.
    """
    stack = without_pending(stack)
    found = operator(stack).sweep()
    removed = []
    for link in orphaned_roots(stack):
        store.drop(str(link))
        removed.append(f"GC root {link.name}")
    tidy(Path(".state", stack.name, "roots"))
    return SweepResult([*found.removed, *removed], found.left)


def orphaned_roots(stack: Stack) -> list[Path]:
    """The links that keep releases from garbage collection although no resource is theirs."""
    known = set(stack.of(IMAGE))
    links = sorted(Path(".state", stack.name, "roots").glob("*"))
    return [link for link in links if release_of(link.name) not in known]


def release_of(link: str) -> str:
    """The release that a GC root keeps, by its name."""
    for ending in LINKS:
        link = link.removesuffix(ending)
    return link


def text(result: SweepResult) -> str:
    """What was done, for a person."""
    lines = [f"removed {', '.join(result.removed)}"] if result.removed else []
    return "\n".join([*lines, *result.left]) or "no orphaned resources"
