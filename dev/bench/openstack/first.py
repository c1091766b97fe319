"""From a built image to a verified server, compared with Terraform and the official client."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from dev.bench.openstack import peers
from dev.bench.table import show
from tests.targets.openstack.e2e.project import CloudStack

ROUNDS = 3

Steps = dict[str, float]


def first(stack: CloudStack, image: Path) -> None:
    """Measure in turn; `stack` is empty, and its image is built."""
    key = stack.path / ".state/id_ed25519"
    ours, script, theirs, plans = [], [], [], []
    for _ in range(ROUNDS):
        ours.append(flakeship(stack))
        script.append(peers.client(image, key))
        if shutil.which("terraform"):
            with peers.terraform(image, key) as other:
                theirs.append(other.timed("apply", "-auto-approve"))
                # Its exit code is 0 only where nothing is to be changed.
                plans.append(other.timed("plan", "-detailed-exitcode"))
    middle = {name: statistics.median(each[name] for each in ours) for name in ours[0]}
    whole = middle.pop("`pulumi up` until verified and cut over")
    rows: list[tuple[object, ...]] = [
        ("`pulumi up` until verified and cut over", whole),
        *((f"  of it {name}", seconds) for name, seconds in middle.items()),
        ("`openstack` commands until SSH answers", statistics.median(script)),
        ("`pulumi up` as a multiple of it", whole / statistics.median(script)),
    ]
    if theirs:
        rows += [
            ("Terraform until SSH answers", statistics.median(theirs)),
            ("`pulumi up` as a multiple of it", whole / statistics.median(theirs)),
            ("Terraform's plan without changes", statistics.median(plans)),
        ]
    else:
        rows.append(("Terraform until SSH answers", "left out: no terraform on PATH"))
    title = f"one server from a built image, {peers.FLAVOR}, median of {ROUNDS}"
    show(title, ("what", "seconds"), rows)


def flakeship(stack: CloudStack) -> Steps:
    """One `pulumi up` and where its time went; all is removed then."""
    start = time.perf_counter()
    stack.up()
    seconds = time.perf_counter() - start
    found = stack.resources()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    (evidence,) = [r["outputs"]["evidence"] for r in found if "evidence" in r.get("outputs", {})]
    begun = made(found, lambda urn: "::pulumi:pulumi:Stack::" in urn)
    booted = made(found, lambda urn: urn.split("::")[-1].startswith("server-"))
    verified = made(found, lambda urn: urn.split("::")[-1].startswith("verification-"))
    ssh = evidence["seconds_to_ssh"]
    return {
        "`pulumi up` until verified and cut over": seconds,
        "until Nova had the server": booted - begun,
        "from then until SSH answered": ssh,
        f"the {len(evidence['checks'])} checks, with their way to the server": (
            verified - booted - ssh
        ),
        "the cut-over and all else": seconds - (verified - begun),
    }


def made(resources: list[dict[str, Any]], chosen: Callable[[str], bool]) -> float:
    """When the resource of a URN was made, to the microsecond."""
    (text,) = [r["created"] for r in resources if chosen(r["urn"])]
    return datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00").timestamp()
