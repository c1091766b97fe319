"""From a built image to a verified server, compared with Terraform and the official client."""

from __future__ import annotations

import statistics
from pathlib import Path

from dev.bench import terraform
from dev.bench.first import WHOLE, Applied, Steps, checked, our_rows
from dev.bench.openstack import peers
from dev.bench.runs import RUNS
from dev.bench.table import show
from dev.bench.timeline import logged
from tests.targets.openstack.e2e.project import CloudStack


def first(stack: CloudStack, image: Path) -> None:
    """Measure in turn; `stack` is empty, and its image is built."""
    key = stack.path / ".state/id_ed25519"
    ours, script, theirs = [], [], Applied()
    for _ in range(RUNS):
        ours.append(flakeship(stack))
        script.append(peers.client(image, key))
        if terraform.there_is_one():
            with peers.terraform(image, key) as other:
                theirs.once(other)
    rows, whole, checks = our_rows(ours)
    rows += [
        ("`openstack` commands until SSH answers", statistics.median(script)),
        ("`pulumi up` as a multiple of it", whole / statistics.median(script)),
        *theirs.rows(whole, checks),
    ]
    title = f"one server from a built image, {peers.FLAVOR}, median of {RUNS}"
    show(title, ("what", "seconds"), rows)


def flakeship(stack: CloudStack) -> Steps:
    """One `pulumi up` and where its time went; all is removed then."""
    run = logged.up(stack)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    return {
        WHOLE: run.seconds,
        "its image in Glance": sum(step.seconds for step in run.steps("publish")),
        "the provider until the server was there": sum(s.seconds for s in run.steps("server")),
        **checked(run),
    }
