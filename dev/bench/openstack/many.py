"""How the time of a run grows with its servers, in a cloud where nothing boots (VIRT=fake).

Nova's fake driver has no guests: each verification passes at once. Everything else is real.
"""

from __future__ import annotations

from dataclasses import replace

from dev.bench.openstack import peers
from dev.bench.openstack.meter import metered, tokens
from dev.bench.runs import RUNS, medians
from dev.bench.table import show
from dev.bench.timeline.processes import peak
from dev.bench.timeline.watch import watching
from flakeship.system.process import run
from flakeship.targets.openstack.api.connection import connected
from tests.targets.openstack.e2e.project import ADMIN, WEB, CloudStack

COUNTS = (1, 16, 100)
BATCH = 64
LONGEST = 3600
OUTSIDE = "everything else"


def many(stack: CloudStack) -> None:
    """Measure each number of servers from nothing; `stack` is empty, and its image is built."""
    without_quotas(stack)
    found = {count: medians([once(stack, count) for _ in range(RUNS)]) for count in COUNTS}
    least = found[COUNTS[0]][OUTSIDE]
    rows = [(count, *each.values(), each[OUTSIDE] / least) for count, each in found.items()]
    show(
        f"servers at once, Nova's fake driver, no checks, median of {RUNS}",
        ("servers", *found[COUNTS[0]], f"as a multiple of {COUNTS[0]}"),
        rows,
    )


def once(stack: CloudStack, count: int) -> dict[str, float]:
    """Make so many servers, and remove them."""
    configure(stack, count)
    with metered() as meter, watching() as watch:
        pulumi(replace(stack, env=stack.env | meter.env | watch.env), "up")
    pulumi(stack, "destroy")
    return {
        "seconds": watch.seconds,
        "of it inside calls": meter.inside(),
        OUTSIDE: watch.seconds - meter.inside(),
        "calls": len(meter.calls),
        "tokens": tokens(meter.calls),
        "MB besides Pulumi's own": peak(watch.sampler.seen),
    }


def pulumi(stack: CloudStack, word: str) -> None:
    """An update or a destroy, which may take longer than that of a test."""
    argv = ["pulumi", word, "--yes", "--skip-preview"]
    run(argv, cwd=stack.path, env=stack.env, timeout=LONGEST)


def configure(stack: CloudStack, count: int) -> None:
    """So many servers; with `bootConcurrency` as many as it can have boot at the same time."""
    stack.settings(
        {**WEB, "count": count},
        openstack={"bootConcurrency": min(count, BATCH), "pool": peers.POOL},
    )


def without_quotas(stack: CloudStack) -> None:
    """Let the project have as much as it likes: the lab allows 50 servers and addresses."""
    project = str(stack.cloud.current_project_id)
    with connected(ADMIN) as admin:
        admin.set_compute_quotas(project, instances=-1, cores=-1, ram=-1)
        admin.set_network_quotas(project, floatingip=-1, port=-1, security_group=-1)
