"""`python -m dev.bench.openstack.without_guests [PART…]`: in a cloud where nothing boots."""

from __future__ import annotations

import sys

from dev.bench.one_stack import image
from dev.bench.openstack.many import configure, many
from dev.bench.openstack.stand_in import unverified
from dev.bench.openstack.stub import stub
from dev.bench.parts import chosen, folder
from tests.targets.openstack.e2e.project import stack_on_cloud

PARTS = ("many", "stub")


def main(parts: list[str]) -> None:
    """Measure in a temporary project."""
    with folder() as path, stack_on_cloud(path) as stack:
        unverified(path, 0.0)
        configure(stack, 1)
        print("building the image…", flush=True)
        stack.up()
        built = image(stack)
        stack.pulumi("destroy", "--yes", "--skip-preview")
        if "stub" in parts:
            stub(stack, built)
            unverified(path, 0.0)
        if "many" in parts:
            many(stack)


if __name__ == "__main__":
    main(chosen(sys.argv[1:], PARTS))
