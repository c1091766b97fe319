"""Guests for tests of the API alone: nothing boots."""

from __future__ import annotations

import re
import socket
import time
from typing import Any

from dev.proxmox.errors import PveError
from dev.proxmox.guests import SILENT
from dev.proxmox.machines import Machine


class NoGuests:
    """A VM runs from its start on, and its agent answers while `answers` is set."""

    def __init__(self) -> None:
        self.answers = True
        self._running: dict[int, tuple[float, str]] = {}

    def start(self, machine: Machine) -> None:
        address = re.search(r"=((?:\w\w:){5}\w\w)", machine.config.get("net0", ""))
        self._running[machine.vmid] = (time.monotonic(), address[1].lower() if address else "")

    def pid(self, vmid: int) -> int | None:
        return 10**6 + vmid if vmid in self._running else None

    def uptime(self, vmid: int) -> int:
        return int(time.monotonic() - self._running[vmid][0])

    def stop(self, vmid: int) -> None:
        self._running.pop(vmid, None)

    def console(self, _: int) -> socket.socket:
        raise FileNotFoundError

    def tell(self, vmid: int, command: str, **_: object) -> None:
        if command == "system_powerdown":
            self.stop(vmid)

    def agent(self, vmid: int, command: str, **_: object) -> Any:
        if not self.answers:
            raise PveError(SILENT)
        if command == "guest-shutdown":
            return self.stop(vmid)
        if command != "guest-network-get-interfaces":
            return {}
        address = self._running[vmid][1]
        return [
            _interface("lo", "00:00:00:00:00:00", ("ipv4", "127.0.0.1", 8), ("ipv6", "::1", 128)),
            _interface("eth0", address, ("ipv4", f"198.18.2.{vmid % 250}", 24)),
        ]


def _interface(name: str, address: str, *addresses: tuple[str, str, int]) -> dict[str, Any]:
    kinds = ("bytes", "packets", "errs", "dropped")
    return {
        "name": name,
        "hardware-address": address,
        "statistics": {f"{way}-{kind}": 0 for way in ("rx", "tx") for kind in kinds},
        "ip-addresses": [
            {"ip-address-type": kind, "ip-address": ip, "prefix": prefix}
            for kind, ip, prefix in addresses
        ],
    }
