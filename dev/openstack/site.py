"""Where the lab is: its folder, its network namespace and its addresses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Literal

from dev.setup import paths
from flakeship.model.errors import FlakeshipError

HERE = Path(__file__).parent
REGION = "lab"
HOSTNAME = "lab-host"
Driver = Literal["libvirt", "fake"]
Range = IPv4Network | IPv6Network

LONGEST = 70
"""Characters of the lab's folder: a socket's path may have 108 bytes, and ours add up to 35."""

RANGES = {
    "FLAKESHIP_LAB_LINK": "198.51.100.0/30",
    "FLAKESHIP_LAB_LINK6": "2001:db8::/126",
    "FLAKESHIP_LAB_FLOATING": "198.18.1.0/24",
    "FLAKESHIP_LAB_PROVIDER": "198.18.0.0/24",
    "FLAKESHIP_LAB_PROVIDER6": "2001:db8:1::/64",
}
"""Ranges for benchmarks and documentation, and the variable that chooses another."""


@dataclass(frozen=True)
class Site:
    """One lab on this machine; another folder and other ranges make a second one."""

    folder: Path
    name: str
    driver: Driver
    ranges: dict[str, Range]

    @classmethod
    def from_environment(cls) -> Site:
        """Read the choices from the environment."""
        folder = Path(os.environ.get("FLAKESHIP_LAB") or paths.cache() / "openstack").absolute()
        if len(str(folder)) > LONGEST:
            raise FlakeshipError(
                f"{folder} is too long for the lab's sockets: FLAKESHIP_LAB may have {LONGEST} "
                "characters"
            )
        driver = os.environ.get("VIRT", "libvirt")
        if driver not in {"libvirt", "fake"}:
            raise FlakeshipError(f"VIRT={driver}: libvirt and fake are the choices")
        name = os.environ.get("FLAKESHIP_LAB_NAME", "flakelab")
        if not (name.isalnum() and len(name) <= 10):
            raise FlakeshipError(f"FLAKESHIP_LAB_NAME={name}: up to ten letters and digits")
        return cls(
            folder,
            name,
            "fake" if driver == "fake" else "libvirt",
            {key: _range(key, default) for key, default in RANGES.items()},
        )

    @property
    def venv(self) -> Path:
        """The Python environment of the cloud's services."""
        return self.folder / "venv"

    @property
    def state(self) -> Path:
        """Everything that a cloud makes; `down` removes it."""
        return self.folder / "state"

    @property
    def run(self) -> Path:
        """Sockets and process ids."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        """One log per service, and `commands.log`."""
        return self.state / "log"

    @property
    def etc(self) -> Path:
        """The services' configuration, as written by `up`."""
        return self.state / "etc"

    @property
    def clouds(self) -> Path:
        """The clients' configuration."""
        return self.state / "clouds.yaml"

    @cached_property
    def address(self) -> str:
        """Where the APIs answer."""
        return str(self.ranges["FLAKESHIP_LAB_LINK"][1])

    def url(self, port: int, path: str = "") -> str:
        """The address of an API."""
        return f"http://{self.address}:{port}{path}"

    def described(self) -> str:
        """What a running lab was made with; another choice needs another lab."""
        chosen = {"VIRT": self.driver} | {key: str(value) for key, value in self.ranges.items()}
        return "".join(f"{key}={value}\n" for key, value in chosen.items())

    @property
    def auth_url(self) -> str:
        """Keystone."""
        return self.url(5000, "/v3")

    def first(self, key: str) -> IPv4Address | IPv6Address:
        """The first address of a range: the lab's own end."""
        return self.ranges[key][1]


def _range(key: str, default: str) -> Range:
    text = os.environ.get(key) or default
    try:
        chosen = ip_network(text)
    except ValueError as error:
        raise FlakeshipError(f"{key}={text}: {error}; such as {default}") from error
    if chosen.version != ip_network(default).version:
        raise FlakeshipError(f"{key}={text}: must be an IPv{ip_network(default).version} range")
    return chosen
