"""The stacks that are measured, all of the appliance."""

from __future__ import annotations

from typing import Any

from tests.targets.proxmox.e2e import lab
from tests.targets.proxmox.e2e.project import WEB, ClusterStack

SERVICE = 20
FIRST = 30
"""The numbers of the addresses that servers get, in the lab's network."""


def addressed(stack: ClusterStack) -> None:
    """One server with an address by cloud-init, as the peer has it."""
    own = [f"{lab.address(FIRST + number)}/24" for number in range(3)]
    stack.settings({**WEB, "proxmox": {"addresses": own}})


def served(stack: ClusterStack, release: str = "") -> None:
    """One server of the flake or of a release with a service address; two releases keep running."""
    server = {**WEB, "proxmox": {"serviceAddress": f"{lab.address(SERVICE)}/24"}}
    chosen: dict[str, Any] = {"release": release} if release else {}
    stack.settings(server, retainReleases=2, **chosen)


def several(stack: ClusterStack, count: int) -> None:
    """So many servers, without checks of their own."""
    bare = {key: value for key, value in WEB.items() if key not in {"name", "checks"}}
    stack.settings(*({**bare, "name": f"s{number}"} for number in range(count)))
