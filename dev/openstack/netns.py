"""The lab's network namespace, and the link and routes by which this machine reaches it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from dev.openstack import ranges
from dev.openstack.site import Site
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import Result, run

BRIDGES = {"br-ex": ("FLAKESHIP_LAB_FLOATING",),
           "br-provider": ("FLAKESHIP_LAB_PROVIDER", "FLAKESHIP_LAB_PROVIDER6")}  # fmt: skip
"""Each external network's bridge, and the ranges whose first address is the namespace's own."""
UPLINK = "uplink"
INSIDE = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv6.conf.default.accept_dad=0",
)
KILLING_SECONDS = 10


def has_ipv6() -> bool:
    """Whether this kernel can do IPv6."""
    return Path("/proc/net/if_inet6").exists()


def exists(site: Site) -> bool:
    """Whether the namespace exists; after a reboot there may be only an empty file."""
    file = _file(site)
    return file.exists() and file.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev


def inside(site: Site, argv: Sequence[str | Path]) -> list[str | Path]:
    """The command that runs a command in the namespace."""
    return ["ip", "netns", "exec", site.name, *argv]


def ensure(site: Site) -> None:
    """Create the namespace and the link, or repair them."""
    if not exists(site):
        ranges.refuse_used(site)
        _file(site).unlink(missing_ok=True)
        run(["ip", "netns", "add", site.name])
    if not Path("/sys/class/net", site.name).exists():
        end = ["peer", "name", UPLINK, "netns", site.name]
        run(["ip", "link", "add", site.name, "type", "veth", *end])
    run(inside(site, ["sysctl", "-q", "-w", *INSIDE]))
    _ip(site, "link", "set", "lo", "up")
    _ip(site, "link", "set", UPLINK, "up")
    run(["ip", "link", "set", site.name, "up"])
    for key in ("FLAKESHIP_LAB_LINK", "FLAKESHIP_LAB_LINK6"):
        link = site.ranges[key]
        if link.version == 6 and not has_ipv6():
            continue
        nodad = ["nodad"] if link.version == 6 else []
        _ip(site, "address", "replace", f"{link[1]}/{link.prefixlen}", "dev", UPLINK, *nodad)
        run(["ip", "address", "replace", f"{link[2]}/{link.prefixlen}", "dev", site.name, *nodad])
    for key, via in _routed(site):
        run(["ip", "route", "replace", str(site.ranges[key]), "via", via, "dev", site.name])


def has_bridges(site: Site) -> bool:
    """Whether the devices of the external networks' bridges exist."""
    found = run(["ip", "-n", site.name, "-o", "link", "show"]).stdout
    return all(f" {bridge}: " in found for bridge in BRIDGES)


def address_bridges(site: Site) -> None:
    """Give the namespace its end of the external networks; they are as new as the switch."""
    for bridge, keys in BRIDGES.items():
        _ip(site, "link", "set", bridge, "up")
        for key in keys:
            chosen = site.ranges[key]
            if chosen.version == 4 or has_ipv6():
                _ip(site, "address", "replace", f"{chosen[1]}/{chosen.prefixlen}", "dev", bridge)


def processes(site: Site) -> list[int]:
    """Everything that runs in the namespace."""
    if not exists(site):
        return []
    return [int(pid) for pid in run(["ip", "netns", "pids", site.name]).stdout.split()]


def kill_all(site: Site) -> None:
    """Kill every process in the namespace: what it would save is about to be deleted."""
    deadline = time.monotonic() + KILLING_SECONDS
    while pids := [pid for pid in processes(site) if _lives(pid)]:
        if time.monotonic() > deadline:
            raise FlakeshipError(
                f"processes {pids} do not end, even killed: see `ps -p`, run again"
            )
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def remove(site: Site) -> None:
    """Remove the namespace; the link and its routes go with it."""
    if exists(site):
        run(["ip", "netns", "delete", site.name])
    _file(site).unlink(missing_ok=True)
    # The namespace ends only with its last process, a zombie included; the link need not wait.
    if Path("/sys/class/net", site.name).exists():
        run(["ip", "link", "delete", site.name], check=False)


def _file(site: Site) -> Path:
    return Path("/run/netns", site.name)


def _ip(site: Site, *words: str) -> Result:
    return run(["ip", "-n", site.name, *words])


def _routed(site: Site) -> list[tuple[str, str]]:
    link, link6 = str(site.first("FLAKESHIP_LAB_LINK")), str(site.first("FLAKESHIP_LAB_LINK6"))
    routed = [("FLAKESHIP_LAB_FLOATING", link), ("FLAKESHIP_LAB_PROVIDER", link)]
    return [*routed, ("FLAKESHIP_LAB_PROVIDER6", link6)] if has_ipv6() else routed


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}
