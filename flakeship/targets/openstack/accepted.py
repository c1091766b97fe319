"""What a server's settings ask of the cloud, compared with what Nova and Neutron would accept."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.errors import SettingError, did_you_mean
from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.inventory import Inventory
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.resources import MACHINE
from flakeship.targets.openstack.settings import CloudServer, CloudSettings

OWN = len({*Owner("s", "n", "r", "c", temporary=True).tags, MACHINE})
"""Entries of metadata that a server has from us at the most."""


def check(settings: CloudSettings, inventory: Inventory) -> None:
    """Refuse what Nova would refuse only after build and upload. Raises SettingError."""
    for server in settings.servers:
        _check_keypair(server, inventory)
        _check_metadata(server, inventory)
        if server.options.volume and not inventory.volumes:
            raise SettingError(
                "the catalogue has no block storage (Cinder) for this region and interface, and "
                "this makes the root disk a volume",
                code="volumes-missing",
                key=_key(server, "volume"),
                given="true",
                remedy="leave it out: the root disk is the flavor's then",
            )
    _check_network(settings, inventory)


def unenforced(machines: Sequence[Machine]) -> list[str]:
    """The notices about servers whose network takes no security groups."""
    names = [machine.server.name for machine in machines if not machine.port_security]
    if not names:
        return []
    return [
        f"{', '.join(names)}: the network has no port security, so the cloud lets everything in "
        "from everywhere: the firewall of the host alone decides, and allowFrom has no effect"
    ]


def _check_keypair(server: CloudServer, inventory: Inventory) -> None:
    given, existing = server.options.keypair, inventory.keypairs
    if given and existing is not None and given not in existing:
        raise SettingError(
            f"{inventory.user or 'this user'} has no such key pair in Nova, where each user has "
            "their own",
            code="keypair-missing",
            key=_key(server, "keypair"),
            given=given,
            allowed=", ".join(existing[:20]) or "none: leave it out",
            remedy=did_you_mean(given, existing)
            or f"make it with `openstack keypair create --public-key FILE {given}`",
        )


def _check_metadata(server: CloudServer, inventory: Inventory) -> None:
    limit, number = inventory.metadata, len(server.options.metadata)
    if limit and number + OWN > limit:
        raise SettingError(
            "the quota of the project allows a server fewer entries",
            code="metadata-too-many",
            key=_key(server, "metadata"),
            given=str(number),
            allowed=f"up to {limit - OWN}, beside {OWN} of Flakeship's",
        )


def _check_network(settings: CloudSettings, inventory: Inventory) -> None:
    """Refuse networks on which no port, or from which no floating IP, can be had."""
    options = settings.options
    named = {"network": options.network.name, "pool": options.pool}
    named["network.external"] = options.network.external
    for key, name in named.items():
        found = [each for each in inventory.networks if name and name in (each.name, each.id)]
        if len(found) == 1 and not found[0].subnets:
            raise SettingError(
                "this network has no subnet, so it has no addresses",
                code="network-without-subnet",
                key=f"flakeship:openstack.{key}",
                given=name,
                allowed=", ".join(sorted(n.name for n in inventory.networks if n.subnets)),
            )


def _key(server: CloudServer, name: str) -> str:
    return f"flakeship:servers[{server.name}].openstack.{name}"
