"""Refuses address ranges that this machine uses already."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

from dev.openstack.site import Range, Site
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import run

REACHED = ("pypi.org", "proxy.golang.org", "deb.debian.org", "github.com", "cache.nixos.org")
"""Names that this machine still needs. A private network may serve them at any address."""
PATIENCE_SECONDS = 3.0


def refuse_used(site: Site) -> None:
    """Refuse a range that is routed already, or holds an address that this machine needs."""
    routes, names = _routes(site), _names()
    for key, chosen in site.ranges.items():
        for used, device in routes:
            if chosen.version == used.version and chosen.overlaps(used):
                raise FlakeshipError(
                    f"{key}: the lab would use {chosen}, but this machine has a route to {used} "
                    f"({device}): set {key} to a range that is free"
                )
        for address, name in names:
            if ip_address(address) in chosen:
                raise FlakeshipError(
                    f"{key}: the lab would use {chosen}, but {name} has the address {address}: "
                    f"set {key} to a range that is free"
                )


def _routes(site: Site) -> list[tuple[Range, str]]:
    found = []
    for family in ("-4", "-6"):
        shown = run(["ip", "-json", family, "route", "show"], check=False).stdout
        for route in json.loads(shown or "[]"):
            device = str(route.get("dev"))
            if route["dst"] != "default" and device != site.name:
                found.append((ip_network(route["dst"]), device))
    return found


def _names() -> list[tuple[str, str]]:
    """Addresses of needed names, without waiting for a silent resolver."""
    pool = ThreadPoolExecutor(len(REACHED))
    queries = {name: pool.submit(socket.getaddrinfo, name, 443) for name in REACHED}
    pool.shutdown(wait=False)
    found = []
    for name, answer in queries.items():
        try:
            infos = answer.result(PATIENCE_SECONDS)
        except OSError:  # TimeoutError is one
            continue
        found += [(str(info[4][0]), name) for info in infos]
    return found
