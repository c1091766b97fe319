"""Sees to it that the lab takes no addresses that this machine uses."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

from dev.openstack.site import Range, Site
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import run

REACHED = ("pypi.org", "proxy.golang.org", "deb.debian.org", "github.com", "cache.nixos.org")
"""Names that this machine goes on to need. A private network may serve them at any address."""
PATIENCE_SECONDS = 3.0


def refuse_used(site: Site) -> None:
    """Stop where a range is routed already, or holds the address of a name that is needed."""
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
                    f"{key}: the lab would use {chosen}, but {name} is {address} here: "
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
    """Addresses of what is reached by name, without waiting for a resolver that is silent."""
    pool = ThreadPoolExecutor(len(REACHED))
    asked = {name: pool.submit(socket.getaddrinfo, name, 443) for name in REACHED}
    pool.shutdown(wait=False)
    found = []
    for name, answer in asked.items():
        try:
            infos = answer.result(PATIENCE_SECONDS)
        except OSError:  # TimeoutError is one
            continue
        found += [(str(info[4][0]), name) for info in infos]
    return found
