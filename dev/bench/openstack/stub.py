"""A guest that answers SSH after three seconds, compared with Terraform: nobody waits for a boot.

In a cloud where nothing boots (VIRT=fake): both wait for so long instead of for the guest, and
Flakeship's checks are left out.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from dev.bench import terraform
from dev.bench.openstack import many, peers
from dev.bench.openstack.stand_in import unverified
from dev.bench.runs import RUNS
from dev.bench.table import show
from tests.targets.openstack.e2e.project import CloudStack

SECONDS = 3.0


def stub(stack: CloudStack, image: Path) -> None:
    """Measure in turn; `stack` is empty, and its image is built."""
    if not terraform.there_is_one():
        print("A guest that answers after three seconds is not measured: no terraform on PATH")
        return
    unverified(stack.path, SECONDS)
    many.configure(stack, 1)
    key = stack.path / ".state/id_ed25519"
    ours, theirs = [], []
    for _ in range(RUNS):
        start = time.perf_counter()
        stack.up()
        ours.append(time.perf_counter() - start)
        stack.pulumi("destroy", "--yes", "--skip-preview")
        with peers.terraform(image, key, f"#!/bin/sh\nexec sleep {SECONDS}\n") as other:
            theirs.append(other.timed("apply", "-auto-approve"))
    a, b = statistics.median(ours), statistics.median(theirs)
    show(
        f"one server whose SSH answers after {SECONDS:.0f} s, no checks, median of {RUNS}",
        ("what", "seconds"),
        [
            ("Terraform", b),
            ("`pulumi up` until cut over", a),
            ("`pulumi up` as a multiple of it", a / b),
        ],
    )
