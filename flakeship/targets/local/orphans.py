"""Machines that a killed run has left on this workstation and the state does not have."""

from __future__ import annotations

from pathlib import Path

from flakeship.state.stack import Stack
from flakeship.system.files import read, tidy
from flakeship.targets.local.machine import remove
from flakeship.targets.local.resources import MACHINE


def machines(stack: Stack) -> list[Path]:
    """The directories of machines without a resource; a server's active one is never among them."""
    folder = Path(".state", stack.name)
    known = {folder / "machines" / machine for machine in stack.of(MACHINE)}
    active = {folder / "machines" / read(file).strip() for file in (folder / "active").glob("*")}
    return sorted(set((folder / "machines").glob("*")) - known - active)


def sweep(stack: Stack) -> list[str]:
    """Stop and remove them; their names."""
    removed = []
    for directory in machines(stack):
        remove(directory)
        removed.append(directory.name)
    tidy(Path(".state", stack.name, "machines"))
    return removed
