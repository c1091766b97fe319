"""The guests' network: a bridge that this machine is on too, with a DHCP server, if we are root.

Otherwise each guest has QEMU's own network, and is not reachable.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

from flakeship.system.process import run

BRIDGE = "pvelab0"
"""What `vmbr0` of all nodes is on this machine."""
RANGE = IPv4Network("198.18.2.0/24")
"""This machine has the first address; DHCP gives .100 to .199, and the others are free."""


class Network:
    """The network of one lab. `folder` is for the DHCP server's files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def up(self) -> None:
        """Make the bridge and start the DHCP server, where they are missing."""
        if os.geteuid() != 0:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if not Path("/sys/class/net", BRIDGE).exists():
            run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        run(["ip", "address", "replace", f"{RANGE[1]}/{RANGE.prefixlen}", "dev", BRIDGE])
        run(["ip", "link", "set", BRIDGE, "up"])
        if self._server() is None:
            run(["dnsmasq", "--conf-file=/dev/null", "--port=0", f"--interface={BRIDGE}",
                 "--bind-interfaces", "--dhcp-authoritative", "--user=root", "--dhcp-option=6",
                 f"--dhcp-range={RANGE[100]},{RANGE[199]},1h",
                 f"--dhcp-leasefile={self._folder / 'leases'}",
                 f"--pid-file={self._folder / 'dnsmasq.pid'}"])  # fmt: skip

    def down(self) -> None:
        """End the DHCP server and remove the bridge."""
        if pid := self._server():
            os.kill(pid, signal.SIGTERM)
        if Path("/sys/class/net", BRIDGE).exists() and os.geteuid() == 0:
            run(["ip", "link", "delete", BRIDGE])

    def attach(self, vmid: int, number: str) -> str:
        """Make the network card's end and return it as a `-netdev` of QEMU's."""
        if os.geteuid() != 0:
            return "user"
        tap = f"tap{vmid}i{number}"
        if not Path("/sys/class/net", tap).exists():
            run(["ip", "tuntap", "add", "dev", tap, "mode", "tap"])
        run(["ip", "link", "set", tap, "master", BRIDGE, "up"])
        return f"tap,ifname={tap},script=no,downscript=no"

    def detach(self, vmid: int) -> None:
        """Remove the ends of a VM's network cards."""
        for device in Path("/sys/class/net").glob(f"tap{vmid}i*"):
            run(["ip", "link", "delete", device.name])

    def _server(self) -> int | None:
        """The DHCP server's process, if it runs."""
        with suppress(OSError, ValueError):
            pid = int((self._folder / "dnsmasq.pid").read_text())
            if b"dnsmasq" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None
