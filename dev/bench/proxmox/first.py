"""From a built image to a verified server, compared with Terraform, which uses the same provider.

Both upload the image, make a template of it and a linked clone with the same address, which they
wait for; Flakeship verifies it then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dev.bench import terraform
from dev.bench.first import WHOLE, Applied, Steps, checked, our_rows
from dev.bench.proxmox import peers, stacks
from dev.bench.runs import RUNS
from dev.bench.table import show
from dev.bench.timeline import events, logged
from dev.bench.timeline.events import Step
from tests.targets.proxmox.e2e.project import ClusterStack


def first(stack: ClusterStack, image: Path) -> None:
    """Measure in turn; `stack` is empty, and its image is built."""
    stacks.addressed(stack)
    key = stack.path / ".state/id_ed25519"
    ours, theirs = [], Applied()
    for _ in range(RUNS):
        ours.append(flakeship(stack))
        if terraform.there_is_one():
            with peers.terraform(image, key) as other:
                theirs.once(other)
    rows, whole, checks = our_rows(ours)
    rows += theirs.rows(whole, checks)
    show(f"one server from a built image, median of {RUNS}", ("what", "seconds"), rows)


def flakeship(stack: ClusterStack) -> Steps:
    """One `pulumi up` and where its time went; all is removed then."""
    run = logged.up(stack)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    steps = events.steps(run.events)
    return {
        WHOLE: run.seconds,
        "until its upload began": min(step.start for step in steps),
        "its upload": seconds(steps, ":Upload"),
        "the template": seconds(steps, ":VmLegacy", "template-"),
        "the clone, until it ran": seconds(steps, ":VmLegacy", "server-"),
        "the proofs that both are ours": seconds(steps, ":Ownership"),
        **checked(run),
    }


def seconds(steps: Sequence[Step], kind: str, prefix: str = "") -> float:
    """The seconds of the steps of a kind, see `those`."""
    return sum((each.seconds for each in those(steps, kind, prefix)), 0.0)


def those(steps: Sequence[Step], kind: str, prefix: str = "") -> list[Step]:
    """The steps of resources whose type ends so, and whose name begins so."""
    return [each for each in steps if each.type.endswith(kind) and each.name.startswith(prefix)]
