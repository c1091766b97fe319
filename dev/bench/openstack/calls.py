"""The calls to the cloud of a preview that changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from dev.bench.openstack.meter import Call, metered
from dev.bench.table import show
from tests.targets.openstack.e2e.project import CloudStack


def calls(stack: CloudStack) -> None:
    """Count the calls of one preview; `stack` is up."""
    with metered() as meter:
        replace(stack, env=stack.env | meter.env).preview("--expect-no-changes")
    counts = Counter(map(kind, meter.calls))
    writes = [call for call in meter.calls if call.method != "GET" and "/auth/" not in call.url]
    rows: list[tuple[object, ...]] = [*sorted(counts.items())]
    rows += [("calls that change something", len(writes)), ("calls in all", len(meter.calls))]
    title = f"the calls of that preview, in {meter.inside():.2f} s"
    show(title, ("call", "times"), rows)


def kind(call: Call) -> str:
    """A call without the ids and queries that differ between clouds."""
    url = urlsplit(call.url)
    hidden = parse_qs(url.query).get("os_hidden")
    path = "/".join("…" if len(part) >= 32 else part for part in url.path.split("/"))
    return f"{call.method} {path}{', hidden' if hidden else ''}"
