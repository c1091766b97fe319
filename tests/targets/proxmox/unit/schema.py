"""Settings of a stack on Proxmox VE, as a user writes them."""

from __future__ import annotations

from typing import Any

from flakeship.config.settings import validated
from flakeship.config.target import Features, ImageSupport, TargetSchema
from flakeship.targets.proxmox.server_settings import ProxmoxServer
from flakeship.targets.proxmox.settings import ClusterSettings, ProxmoxSettings


class Schema:
    """What the core has to know of the target to read its settings."""

    name = "proxmox"
    features = Features(standby=True)
    images = ImageSupport(("qcow2",), ("bios", "hybrid", "uefi"), ("proxmox",))
    checks = frozenset({"placement"})
    settings = ProxmoxSettings
    server = ProxmoxServer


SCHEMA: TargetSchema = Schema()
ADDRESSES = ["192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24"]


def read(
    servers: list[dict[str, Any]] | None = None,
    own: dict[str, Any] | None = None,
    **core: Any,
) -> ClusterSettings:
    """Settings with these servers and these keys of the target. Raises SettingError."""
    given = {
        "flake": "git+https://example.org/flake",
        "host": "web",
        "target": "proxmox",
        "servers": [{"name": "web"}] if servers is None else servers,
        "proxmox": own or {},
        **core,
    }
    found: ClusterSettings = validated(given, SCHEMA, ["fake", "proxmox"])
    return found


def server(name: str = "web", /, **own: Any) -> dict[str, Any]:
    """A server with these keys of the target."""
    return {"name": name, "proxmox": own}
