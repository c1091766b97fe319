"""The guests' network: a bridge that this machine is on too, with a DHCP server, if we are root.

Otherwise each guest has QEMU's own network, and is not reachable.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from flakeship.system.process import run

DEVICES = Path("/sys/class/net")


@dataclass(frozen=True)
class Network:
    """What `vmbr0` of all nodes is on this machine; `folder` is for the DHCP server's files.

    This machine has the first address; DHCP gives .100 to .199, and the others are free.
    """

    folder: Path
    bridge: str
    range: IPv4Network

    def up(self) -> None:
        """Make the bridge and start the DHCP server, where they are missing."""
        if os.geteuid() != 0:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (DEVICES / self.bridge).exists():
            run(["ip", "link", "add", self.bridge, "type", "bridge"])
        own = f"{self.range[1]}/{self.range.prefixlen}"
        run(["ip", "address", "replace", own, "dev", self.bridge])
        run(["ip", "link", "set", self.bridge, "up"])
        self._script.write_text(f'#!/bin/sh\nexec ip link set "$1" master {self.bridge} up\n')
        self._script.chmod(0o700)
        if self._server() is None:
            run(["dnsmasq", "--conf-file=/dev/null", "--port=0", f"--interface={self.bridge}",
                 "--bind-interfaces", "--dhcp-authoritative", "--no-ping", "--user=root",
                 f"--dhcp-range={self.range[100]},{self.range[199]},1h",
                 f"--dhcp-leasefile={self.folder / 'leases'}",
                 f"--pid-file={self.folder / 'dnsmasq.pid'}"])  # fmt: skip

    def down(self) -> None:
        """End the DHCP server and remove the bridge, which may be another lab's without it."""
        if pid := self._server():
            os.kill(pid, signal.SIGTERM)
            run(["ip", "link", "delete", self.bridge], check=False)

    def end(self) -> str:
        """The end of a network card as a `-netdev` of QEMU's, which makes and removes it."""
        return f"tap,script={self._script},downscript=no" if os.geteuid() == 0 else "user"

    @property
    def _script(self) -> Path:
        return self.folder / "attach"

    def _server(self) -> int | None:
        """The DHCP server's process, if it runs."""
        with suppress(OSError, ValueError):
            pid = int((self.folder / "dnsmasq.pid").read_text())
            if b"dnsmasq" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None
