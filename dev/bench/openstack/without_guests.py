"""`python -m dev.bench.openstack.without_guests [PART…]`: in a cloud where nothing boots."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dev.bench.openstack.many import configure, many
from dev.bench.openstack.stand_in import unverified
from dev.bench.openstack.stub import stub
from tests.targets.openstack.e2e.project import stack_on_cloud

PARTS = ("many", "stub")


def main(parts: list[str]) -> None:
    """Measure in a temporary project."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "project")
        path.mkdir()
        with stack_on_cloud(path) as stack:
            unverified(path, 0.0)
            configure(stack, 1)
            print("building the image…", flush=True)
            stack.up()
            image = Path(stack.outputs()["releases"][0]["artifact"]["files"][0]["path"])
            stack.pulumi("destroy", "--yes", "--skip-preview")
            if "stub" in parts:
                stub(stack, image)
                unverified(path, 0.0)
            if "many" in parts:
                many(stack)


if __name__ == "__main__":
    main(sys.argv[1:] or [*PARTS])
