"""Which of the cloud's networks a stack uses, and what its security groups let in."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.model.errors import SettingError
from flakeship.model.ports import Port, Transport
from flakeship.targets.openstack.inventory import Inventory, Network
from flakeship.targets.openstack.settings import OpenStackSettings

EVERYBODY = ("0.0.0.0/0", "::/0")
ETHERTYPES = ("IPv4", "IPv6")  # each with a rule that lets everything out


@dataclass(frozen=True)
class Networks:
    """Ids of networks, empty where the stack needs none.

    `network` is the servers' own, empty for one that the stack creates; `external` is where the
    router of that leads; `pool` is where floating IPs come from, and `pool_name` its name.
    """

    network: str
    external: str
    pool: str
    pool_name: str


def find(options: OpenStackSettings, inventory: Inventory, *, floating: bool) -> Networks:
    """Find the networks; with `floating` a server or its verification needs a floating IP.

    Raises SettingError for a network that does not exist (network-missing), and for a name or a
    default that several networks match (network-ambiguous).
    """
    own = options.network
    network = _named(inventory, "network", own.name) if own.name else None
    pool = _external(inventory, "pool", options.pool) if floating else None
    outside = None
    if network is None:
        chosen = pool if pool and not own.external else None
        outside = chosen or _external(inventory, "network.external", own.external)
    return Networks(
        network.id if network else "",
        outside.id if outside else "",
        pool.id if pool else "",
        pool.name if pool else "",
    )


def _named(inventory: Inventory, key: str, name: str) -> Network:
    """The one network of this name or id."""
    found = [each for each in inventory.networks if name in (each.name, each.id)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id for each in found)
        what, remedy = f"{len(found)} networks have this name", "use the id of one of them"
        raise _error(what, "network-ambiguous", key, given=name, allowed=ids, remedy=remedy)
    names = sorted(each.name for each in inventory.networks)
    near = ", ".join(difflib.get_close_matches(name, names, 3) or names)
    what = f"the project {inventory.project_name} has no access to such a network"
    raise _error(what, "network-missing", key, given=name, allowed=near)


def _external(inventory: Inventory, key: str, name: str) -> Network:
    """The external network of this name or, without one, the only one that there is."""
    found = [each for each in inventory.networks if each.external]
    names = ", ".join(sorted(each.name for each in found))
    if name:
        network = _named(inventory, key, name)
        if network.external:
            return network
        what = "this network is not external, as floating IPs and routers need one"
        raise _error(what, "network-not-external", key, given=name, allowed=names)
    if len(found) == 1:
        return found[0]
    if found:
        what = f"must be set, because the cloud has {len(found)} external networks"
        raise _error(what, "network-ambiguous", key, allowed=names)
    raise _error(
        f"the project {inventory.project_name} has no access to an external network",
        "network-missing",
        key,
        remedy="name an existing `network` and `access: direct`, with `address: none` for every "
        "server",
    )


def _error(
    what: str, code: str, key: str, *, given: str = "", allowed: str = "", remedy: str = ""
) -> SettingError:
    key = f"flakeship:openstack.{key}"
    return SettingError(what, code=code, key=key, given=given, allowed=allowed, remedy=remedy)


@dataclass(frozen=True)
class Rule:
    """A security group rule: one port, or a range up to `last`, from one network."""

    port: int
    source: str
    protocol: Transport = "tcp"
    last: int | None = None

    @property
    def end(self) -> int:
        """The last port."""
        return self.last or self.port

    @property
    def key(self) -> tuple[str | int, ...]:
        """The identity of the rule in its group."""
        return (
            self.port,
            self.source,
            *(["udp"] if self.protocol == "udp" else []),
            *([f"-{self.last}"] if self.last else []),
        )

    @property
    def ethertype(self) -> str:
        """`IPv4` or `IPv6`, as Neutron has it."""
        return "IPv6" if ":" in self.source else "IPv4"


def rules_of(ports: Sequence[Port]) -> list[Rule]:
    """The rules that let in the ports from their sources and nothing else, sorted."""
    found = (
        Rule(port.port, source, port.transport, port.last)
        for port in ports
        if port.numbers  # what a process listens on is closed
        for source in port.allow_from or EVERYBODY
    )
    return sorted(found, key=lambda rule: rule.key)


def group_name(stack: str, rules: Sequence[Rule]) -> str:
    """`<stack>-<hash of the rules>`: servers with the same rules share a group.

    Other rules are another group: a running server keeps its own until it is removed.
    """
    keys = json.dumps([rule.key for rule in rules])
    return f"{stack}-{hashlib.sha256(keys.encode()).hexdigest()[:8]}"
