"""What a run asks of the cluster, by the log of a lab that nobody else uses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from dev.bench.table import show
from dev.bench.timeline.watch import Line, watching
from dev.proxmox.site import Site
from tests.targets.proxmox.e2e.project import ClusterStack

REQUEST = re.compile(r" (?P<method>[A-Z]+) /api2/json(?P<url>\S*)(?: HTTP/1.1)? -> (?P<status>\d+)")
"""A line of the lab's, which is written when the answer has been sent."""
IDS = re.compile(r"(?<=/)(?:[0-9]+|UPID:[^/]+|[\w-]+:import)(?=/|$)")
KINDS = ("content", "type")
"""What of a query makes it another kind of list."""


def calls_of_a_preview(stack: ClusterStack) -> None:
    """Count the calls of a preview that changes nothing; `stack` is up."""
    with watching([Site.from_environment().folder / "log"], processes=False) as watch:
        stack.preview("--expect-no-changes")
    counts = Counter(kinds(watch.lines))
    rows: list[tuple[object, ...]] = [*sorted(counts.items()), ("in all", counts.total())]
    show("the calls of a preview without changes", ("call", "times"), rows)


def kinds(lines: Sequence[Line]) -> list[str]:
    """The calls that a log has, without the ids and the parameters that differ between clusters."""
    found = (REQUEST.search(line.text) for line in lines)
    return [kind(each["method"], each["url"]) for each in found if each]


def kind(method: str, url: str) -> str:
    """A call by its path, without ids; of its parameters what it lists."""
    parts = urlsplit(url)
    path = IDS.sub("…", parts.path)
    given = parse_qs(parts.query)
    listed = [f"{key}={given[key][0]}" for key in KINDS if key in given]
    return " ".join([method, path, *listed])
