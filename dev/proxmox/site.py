"""Where the lab is, and what it is made of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal

from dev.proxmox.errors import PveError
from dev.setup import paths
from flakeship.model.errors import SettingError
from flakeship.system.files import write

HOST = "127.0.0.1"
RANGE = IPv4Network("198.18.2.0/24")
LONGEST = 70
"""Characters of the lab's folder: a socket's path may have 108 bytes."""
Version = Literal["8.4", "9.2"]
RELEASES = {"8.4": "8.4.0", "9.2": "9.2.11"}


@dataclass(frozen=True)
class Storage:
    """A storage of type `dir`, the same on every node: `shared`, or with a folder on each."""

    name: str
    content: tuple[str, ...]
    shared: bool = False


STORAGES = (
    Storage("local", ("iso", "vztmpl", "backup", "snippets", "import", "images")),
    Storage("noimport", ("images",)),
    Storage("nfs", ("import", "images"), shared=True),
)


@dataclass(frozen=True)
class Site:
    """One lab. Everything that it keeps is below `folder`, which may be deleted when it is down."""

    folder: Path
    version: Version = "9.2"
    port: int = 8006
    bridge: str = "pvelab0"
    range: IPv4Network = RANGE
    """What `vmbr0` of all nodes is on this machine, and its addresses."""
    nodes: tuple[str, ...] = ("pve", "pve2")
    storages: Mapping[str, Storage] = field(default_factory=lambda: {s.name: s for s in STORAGES})

    @classmethod
    def from_environment(cls) -> Site:
        """Read the choices from the environment. Raises SettingError."""
        folder = Path(os.environ.get("FLAKESHIP_PVE") or paths.cache() / "proxmox").absolute()
        if len(str(folder)) > LONGEST:
            raise SettingError("is too long for the sockets in it", key="FLAKESHIP_PVE",
                               given=str(folder), allowed=f"{LONGEST} characters")  # fmt: skip
        version = os.environ.get("PVE_VERSION", "9.2")
        if version not in RELEASES:
            raise SettingError("there is no schema of it", key="PVE_VERSION", given=version,
                               allowed=" or ".join(RELEASES))  # fmt: skip
        port = int(os.environ.get("FLAKESHIP_PVE_PORT", "8006"))
        bridge = os.environ.get("FLAKESHIP_PVE_BRIDGE", "pvelab0")
        addresses = IPv4Network(os.environ.get("FLAKESHIP_PVE_RANGE", str(RANGE)))
        return cls(folder, "8.4" if version == "8.4" else "9.2", port, bridge, addresses)

    @property
    def endpoint(self) -> str:
        """The URL of the API."""
        return f"https://{HOST}:{self.port}/"

    @property
    def authority(self) -> Path:
        """The certificate of the lab's own authority."""
        return self.folder / "ca.pem"

    @cached_property
    def release(self) -> str:
        """What `GET version` says."""
        return RELEASES[self.version]

    def storage(self, name: str) -> Storage:
        """A storage by its name. Raises PveError."""
        if name not in self.storages:
            raise PveError(f"storage '{name}' does not exist")
        return self.storages[name]

    def storage_path(self, node: str, storage: str) -> Path:
        """The folder of a storage on a node."""
        place = "shared" if self.storage(storage).shared else node
        return self.folder / "storage" / place / storage

    def read(self, name: str, missing: Any) -> Any:  # noqa: ANN401
        """The content of a file of the lab, or `missing` where there is none."""
        try:
            return json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return missing

    def write(self, name: str, content: object) -> None:
        """Replace a file of the lab; it may hold secrets."""
        write(self.folder / name, json.dumps(content, indent=1))
