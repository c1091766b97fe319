"""`python -m dev.bench.proxmox [PART…]`: what needs guests, in the lab that is selected."""

from __future__ import annotations

import sys

from dev.bench.one_stack import OneStack
from dev.bench.parts import chosen, folder
from dev.bench.proxmox.calls import calls_of_a_preview
from dev.bench.proxmox.first import first
from dev.bench.proxmox.memory import memory
from dev.bench.proxmox.moves import moves
from dev.bench.proxmox.stacks import served
from tests.targets.proxmox.e2e.project import ClusterStack, stack_on_cluster

PARTS = ("preview", "moves", "first", "memory")
CLUSTER: OneStack[ClusterStack] = OneStack(
    served, calls_of_a_preview, ClusterStack.up, moves, first
)


def main(parts: list[str]) -> None:
    """Measure in a temporary project; `memory` comes last, for it changes the flake's image."""
    with folder() as path, stack_on_cluster(path) as stack:
        if {*parts} - {"memory"}:
            CLUSTER.measure(stack, parts)
        if "memory" in parts:
            memory(stack)


main(chosen(sys.argv[1:], PARTS))
