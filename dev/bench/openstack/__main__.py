"""`python -m dev.bench.openstack [PART…]`: what needs guests, in the cloud of OS_CLOUD."""

from __future__ import annotations

import sys

from dev.bench.one_stack import OneStack
from dev.bench.openstack.calls import calls_of_a_preview, calls_of_a_release
from dev.bench.openstack.first import first
from dev.bench.openstack.moves import configure, moves
from dev.bench.openstack.uploads import uploads
from dev.bench.parts import chosen, folder
from tests.targets.openstack.e2e.project import CloudStack, stack_on_cloud

PARTS = ("preview", "moves", "first", "uploads")
CLOUD: OneStack[CloudStack] = OneStack(
    configure, calls_of_a_preview, calls_of_a_release, moves, first
)


def main(parts: list[str]) -> None:
    """Measure in a temporary project."""
    with folder() as path, stack_on_cloud(path) as stack:
        if parts != ["uploads"]:
            CLOUD.measure(stack, parts)
        if "uploads" in parts:
            uploads(stack)


main(chosen(sys.argv[1:], PARTS))
