"""The address of a machine that DHCP gives one: by its guest agent, or as its console shows it."""

from __future__ import annotations

import logging
import re

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.system.waiting import Waiting
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.guest import agent
from flakeship.targets.proxmox.guest.agent import WAY, AgentError
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.targets.proxmox.guest.obstacles import Obstacle, SerialConsole, refuse_denied
from flakeship.verify import boot_progress

log = logging.getLogger(__name__)

IP = r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})"
LEASES = re.compile(
    rf": leased {IP} for |\bDHCPv4 address {IP}/|udhcpc: lease of {IP} obtained"
    rf"|ci-info: \| +\S+ +\| +True +\| +{IP} +\|"
)
"""What dhcpcd, systemd-networkd, udhcpc and cloud-init write to a console."""


def leased(text: str) -> str:
    """The last address that a console shows; empty where it shows none."""
    found = [next(filter(None, groups)) for groups in LEASES.findall(text)]
    return next((each for each in reversed(found) if agent.usable(each)), "")


def elsewhere(guest: Guest, address: str) -> list[str]:
    """A line where the guest agent tells other addresses than this one; none where it is silent."""
    try:
        found = agent.addresses(guest)
    except (AgentError, FlakeshipError):
        return []
    has = [str(each) for each in (found.ipv4, found.ipv6) if each]
    return [f"  {WAY}: the machine has {', '.join(has)}, not {address}"] * (address not in has)


class Finder:
    """Looks for the address of a machine on both ways."""

    def __init__(self, guest: Guest, serial: SerialConsole) -> None:
        self._guest, self._serial = guest, serial
        self._obstacle = Obstacle(WAY, "")

    @property
    def obstacles(self) -> list[Obstacle]:
        """Those of both ways, as they are now."""
        return [self._serial.obstacle, self._obstacle]

    def wait(self, seconds: float) -> str:
        """The address, as soon as one way tells it.

        Raises FlakeshipError: address-missing after so many `seconds`, and what Guest.watch and
        refuse_denied do.
        """
        name, serial = self._guest.name, self._serial
        waiting = Waiting(f"{name}: no address yet")
        for _ in backoff(seconds, first=0.25, most=1.0):
            self._guest.watch()
            # the agent tells cards apart, and a console may show the address of any of them
            if found := self._of_agent() or leased(serial.read()):
                log.info("%s: has the address %s", name, found)
                return found
            refuse_denied(self._guest, self.obstacles, "its address")
            waiting.still(lambda: f"furthest stage: {boot_progress.find(serial.read()).stage}")
        raise FlakeshipError(
            f"neither its guest agent nor its console has told its address within {seconds:.0f} s",
            code="address-missing",
            key=name,
        )

    def _of_agent(self) -> str:
        if self._obstacle.denied:
            return ""
        try:
            found = agent.addresses(self._guest)
        except AgentError as error:
            self._obstacle = Obstacle(WAY, str(error))
        except ApiError as error:
            self._obstacle = Obstacle(WAY, error.what, error)
        else:
            only = (
                f"it has no IPv4 address, only {found.ipv6}" if found.ipv6 else "it has no address"
            )
            self._obstacle = Obstacle(WAY, only)
            return str(found.ipv4 or "")
        return ""
