"""What a killed run has left on this machine and the state does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.nix import store
from flakeship.system.files import read, tidy
from flakeship.targets.local import machine

Resources = list[dict[str, Any]]
"""The resources of a stack's state, as `pulumi stack export` writes them."""


def requests(resources: Resources, kind: str) -> list[dict[str, Any]]:
    """What the verbs of one kind of command resource were asked."""
    named = [each for each in resources if f"::{kind}-" in each["urn"]]
    return [json.loads(each["inputs"]["stdin"]) for each in named]


def machines(stack: str, resources: Resources) -> list[Path]:
    """The directories of machines that no resource stands for; a server's active one never is."""
    folder = Path(".state", stack)
    known = {Path(request["directory"]) for request in requests(resources, "machine")}
    active = {folder / "machines" / read(file).strip() for file in (folder / "active").glob("*")}
    return sorted(set((folder / "machines").glob("*")) - known - active)


def roots(stack: str, resources: Resources) -> list[Path]:
    """The links that keep images from collection for releases that no resource stands for."""
    known = {Path(request["root"]).name for request in requests(resources, "image")}
    links = Path(".state", stack, "roots").glob("*")
    return sorted(
        p for p in links if p.name.removesuffix("-drv").removesuffix("-toplevel") not in known
    )


def sweep(stack: str, deployment: dict[str, Any]) -> list[str]:
    """Stop and remove such machines, and let go of such images; the names of what went.

    Data disks stay: they may hold what nobody has elsewhere. Raises FlakeshipError while a run is
    under way, whose machines the state does not know yet.
    """
    if deployment.get("pending_operations"):
        raise FlakeshipError(
            f"a run of the stack {stack} is under way, or was killed: wait for it, or clear up "
            "after it by `pulumi cancel` and `pulumi up` first"
        )
    resources = deployment.get("resources") or []
    gone = []
    for directory in machines(stack, resources):
        machine.remove(directory)
        gone.append(directory.name)
    for link in roots(stack, resources):
        store.drop(str(link))
        gone.append(link.name)
    tidy(Path(".state", stack, "machines"))
    tidy(Path(".state", stack, "roots"))
    return gone
