"""Calls to the lab's APIs, by the access logs of its services: those of this machine alone.

The services' own calls to each other come from the lab's own address. In a lab that somebody else
uses, their calls are counted too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dev.bench.openstack.meter import Call
from dev.bench.timeline.watch import Line
from dev.openstack.site import Site

SERVICES = ("keystone", "nova", "neutron", "glance", "placement")
ACCESS = re.compile(
    r"\] (?P<client>[\d.a-f:]+) \(.*?\) \{.*?\} \[.*?\] (?P<method>[A-Z]+) (?P<url>\S+) => "
    r"generated \d+ bytes in (?P<milliseconds>\d+) msecs"
)
"""A line of uWSGI's, which is written when the answer has been sent."""


def logs(site: Site) -> list[Path]:
    """The access logs of a lab that exists."""
    files = [site.log / f"{service}.log" for service in SERVICES]
    return [file for file in files if file.exists()]


def client(site: Site) -> str:
    """The address of this machine as the lab's services see it."""
    return str(site.ranges["FLAKESHIP_LAB_LINK"][2])


def calls(lines: Sequence[Line], address: str) -> list[Call]:
    """The calls from an address; the `url` begins with the service's name."""
    found = []
    for line in lines:
        match = ACCESS.search(line.text)
        if match and match["client"] == address:
            start = line.at - int(match["milliseconds"]) / 1000
            url = f"{line.file.stem}:{match['url']}"
            found.append(Call(match["method"], url, start, line.at))
    return sorted(found, key=lambda call: call.start)
