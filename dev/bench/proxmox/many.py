"""How the time of a run grows with its servers, in a lab where nothing boots.

Its virtual machines run, and no guest is in them: each verification passes at once. Everything else
is real: the program, the provider, the plugin and its waits, the API with its tasks, the disks.
"""

from __future__ import annotations

from dev.bench.proxmox import stacks
from dev.bench.proxmox.first import those
from dev.bench.runs import RUNS, medians
from dev.bench.table import show
from dev.bench.timeline import events, logged
from tests.targets.proxmox.e2e.project import ClusterStack

COUNTS = (1, 10)
WHOLE, CLONES = "whole `pulumi up`", "the clones and their proofs"


def many(stack: ClusterStack) -> None:
    """Measure each number of servers from a built image; `stack` is empty."""
    found: dict[int, list[dict[str, float]]] = {count: [] for count in COUNTS}
    for _ in range(RUNS):
        for count in COUNTS:
            found[count].append(once(stack, count))
    middle = {count: medians(runs) for count, runs in found.items()}
    least = middle[COUNTS[0]]
    rows = [
        (count, each[WHOLE], each[CLONES], each[WHOLE] / least[WHOLE])
        for count, each in middle.items()
    ]
    head = ("servers", "whole run s", CLONES, f"whole run as a multiple of {COUNTS[0]}")
    show(f"servers at once where nothing boots, median of {RUNS}", head, rows)


def once(stack: ClusterStack, count: int) -> dict[str, float]:
    """Make so many servers, and remove them."""
    stacks.several(stack, count)
    run = logged.up(stack)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    steps = events.steps(run.events)
    own = [*those(steps, ":VmLegacy", "server-s"), *those(steps, ":Ownership", "s")]
    return {
        WHOLE: run.seconds,
        CLONES: max(each.end for each in own) - min(each.start for each in own),
    }
