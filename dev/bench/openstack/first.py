"""From a built image to a verified server, compared with Terraform and the official client."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

from dev.bench.openstack import peers
from dev.bench.runs import RUNS, medians
from dev.bench.table import show
from dev.bench.timeline import logged
from tests.targets.openstack.e2e.project import CloudStack

WHOLE = "`pulumi up` until verified and cut over"
CHECKS = "its checks, with their way to the server"

Steps = dict[str, float]


def first(stack: CloudStack, image: Path) -> None:
    """Measure in turn; `stack` is empty, and its image is built."""
    key = stack.path / ".state/id_ed25519"
    ours, script, theirs, plans = [], [], [], []
    for _ in range(RUNS):
        ours.append(flakeship(stack))
        script.append(peers.client(image, key))
        if shutil.which("terraform"):
            with peers.terraform(image, key) as other:
                theirs.append(other.timed("apply", "-auto-approve"))
                # Its exit code is 0 only where nothing is to be changed.
                plans.append(other.timed("plan", "-detailed-exitcode"))
    middle = medians(ours)
    whole, checks = middle.pop(WHOLE), middle[CHECKS]
    rows: list[tuple[object, ...]] = [
        (WHOLE, whole),
        *((f"  of it {name}", seconds) for name, seconds in middle.items()),
        ("`openstack` commands until SSH answers", statistics.median(script)),
        ("`pulumi up` as a multiple of it", whole / statistics.median(script)),
    ]
    if theirs:
        rows += [
            ("Terraform until SSH answers", statistics.median(theirs)),
            ("`pulumi up` as a multiple of it", whole / statistics.median(theirs)),
            ("  without its checks", (whole - checks) / statistics.median(theirs)),
            ("Terraform's plan without changes", statistics.median(plans)),
        ]
    else:
        rows.append(("Terraform until SSH answers", "left out: no terraform on PATH"))
    title = f"one server from a built image, {peers.FLAVOR}, median of {RUNS}"
    show(title, ("what", "seconds"), rows)


def flakeship(stack: CloudStack) -> Steps:
    """One `pulumi up` and where its time went; all is removed then."""
    run = logged.up(stack)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    (verification,) = run.steps("verification")
    answered = run.said("SSH answers after")
    return {
        WHOLE: run.seconds,
        "its image in Glance": sum(step.seconds for step in run.steps("publish")),
        "the provider until the server was there": sum(s.seconds for s in run.steps("server")),
        "from the start until SSH answered": answered,
        CHECKS: verification.end - answered,
        "the cutover and all else": run.seconds - verification.end,
    }
