"""What a run asks of the cloud, and the memory of all that it starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dev.bench.openstack.meter import Call, kind, metered, tokens
from dev.bench.table import show
from dev.bench.timeline.processes import BESIDES, peak
from dev.bench.timeline.watch import watching
from tests.targets.openstack.e2e.project import CloudStack


def calls_of_a_preview(stack: CloudStack) -> None:
    """Count the calls of a preview that changes nothing; `stack` is up."""
    with metered() as meter:
        replace(stack, env=stack.env | meter.env).preview("--expect-no-changes")
    _show(f"the calls of a preview without changes, in {meter.inside():.2f} s", meter.calls)


def calls_of_a_release(stack: CloudStack) -> None:
    """Bring up another release, and count its calls; `stack` is another one's."""
    with metered() as meter, watching() as watch:
        replace(stack, env=stack.env | meter.env | watch.env).up()
    _show(f"the calls of one more release, in {meter.inside():.2f} s", meter.calls)
    most = peak(watch.sampler.seen)
    show(
        "the memory of one more release",
        ("what", "peak MB"),
        [(BESIDES, most)],
    )


def _show(title: str, calls: list[Call]) -> None:
    counts = Counter(map(kind, calls))
    writes = [call for call in calls if call.method != "GET" and "/auth/" not in call.url]
    rows: list[tuple[object, ...]] = [*sorted(counts.items())]
    rows += [
        ("calls that change something", len(writes)),
        ("tokens", tokens(calls)),
        ("calls in all", len(calls)),
    ]
    show(title, ("call", "times"), rows)
