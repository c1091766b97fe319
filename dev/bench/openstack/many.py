"""How the time of a run grows with its servers, in a cloud where nothing boots (VIRT=fake).

`python -m dev.bench.openstack.many`: Nova's fake driver has no guests, so the verification is off:
it is replaced by one that passes at once. Everything else is real.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from dev.bench.openstack import peers
from dev.bench.openstack.meter import metered
from dev.bench.table import show
from tests.targets.openstack.e2e.project import WEB, CloudStack, stack_on_cloud

COUNTS = (1, 4, 16)


def many(stack: CloudStack) -> None:
    """Measure each number of servers from nothing; `stack` is empty, and its image is built."""
    rows: list[tuple[object, ...]] = []
    outside = []
    for count in COUNTS:
        configure(stack, count)
        with metered() as meter:
            start = time.perf_counter()
            replace(stack, env=stack.env | meter.env).up()
            seconds = time.perf_counter() - start
        stack.pulumi("destroy", "--yes", "--skip-preview")
        outside.append(seconds - meter.inside())
        rows.append((count, seconds, meter.inside(), len(meter.calls), outside[-1]))
    rows.append(
        (f"{COUNTS[-1]} as a multiple of {COUNTS[0]}", "", "", "", outside[-1] / outside[0])
    )
    show(
        "servers at once, Nova's fake driver, a verification that passes at once",
        ("servers", "seconds", "of it inside calls", "calls", "everything else"),
        rows,
    )


def configure(stack: CloudStack, count: int) -> None:
    """So many servers; `bootConcurrency` lets all of them boot at the same time."""
    stack.settings(
        {**WEB, "count": count}, openstack={"bootConcurrency": count, "pool": peers.POOL}
    )


def unverified(path: Path) -> None:
    """Replace the verification in a project."""
    (path / "flakeship/__main__.py").rename(path / "flakeship/real.py")
    shutil.copy(Path(__file__).with_name("unverified.py"), path / "flakeship/__main__.py")


def main() -> None:
    """Measure in a temporary project."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "project")
        path.mkdir()
        with stack_on_cloud(path) as stack:
            unverified(path)
            configure(stack, 1)
            print("building the image…", flush=True)
            stack.up()
            stack.pulumi("destroy", "--yes", "--skip-preview")
            many(stack)


if __name__ == "__main__":
    main()
