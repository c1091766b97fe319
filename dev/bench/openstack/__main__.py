"""`python -m dev.bench.openstack [PART…]`: what needs guests, in the cloud of OS_CLOUD."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dev.bench.openstack.calls import calls_of_a_preview, calls_of_a_release
from dev.bench.openstack.first import first
from dev.bench.openstack.moves import configure, moves
from dev.bench.openstack.uploads import uploads
from dev.bench.preview import preview
from tests.targets.openstack.e2e.project import CloudStack, stack_on_cloud

HELLO, WELCOME = "Hello from the appliance", "Welcome to the appliance"
PARTS = ("preview", "moves", "first", "uploads")


def main(parts: list[str]) -> None:
    """Measure in a temporary project."""
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"bench: {', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "project")
        path.mkdir()
        with stack_on_cloud(path) as stack:
            if parts != ["uploads"]:
                measure(stack, parts or list(PARTS))
            if "uploads" in (parts or PARTS):
                uploads(stack)


def measure(stack: CloudStack, parts: list[str]) -> None:
    """One stack goes through all of it."""
    configure(stack)
    print("building the image and bringing up a first server…", flush=True)
    stack.up()
    pages, images = {stack.running(): HELLO}, [image(stack)]
    if "preview" in parts:
        preview(stack)
        calls_of_a_preview(stack)
    if "moves" in parts:
        print("a second release…", flush=True)
        stack.edit(HELLO, WELCOME)
        calls_of_a_release(stack)
        pages[stack.running()] = WELCOME
        images.append(image(stack))
        moves(stack, pages, images)
        configure(stack)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    if "first" in parts:
        first(stack, images[-1])


def image(stack: CloudStack) -> Path:
    """The file of the newest release."""
    return Path(stack.outputs()["releases"][0]["artifact"]["files"][0]["path"])


main(sys.argv[1:])
