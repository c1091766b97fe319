"""The packet filters of a machine together: nftables' own rules, and those of iptables."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flakeship.verify.checks import iptables, nftables
from flakeship.verify.checks.facts import Facts
from flakeship.verify.checks.firewall import Firewall
from flakeship.verify.checks.port_sets import ALL, PortSet
from flakeship.verify.checks.rules import Arrival, Family
from flakeship.verify.checks.verdict import Failed


@dataclass(frozen=True)
class Filters:
    """The packet filters of one family. A packet comes in where each of them accepts it."""

    firewalls: Sequence[Firewall]

    @property
    def opened(self) -> PortSet | None:
        """The ports that are open; None where nothing refuses anything."""
        accepted = ALL
        for each in self.firewalls:
            accepted &= each.accepted
        return None if accepted == ALL else accepted | self.forwarded

    @property
    def forwarded(self) -> PortSet:
        """The ports that lead past the filters, mostly to a container."""
        return PortSet.union(each.forwarded for each in self.firewalls)

    @property
    def trusted(self) -> list[str]:
        """The inner interfaces, of containers or of a VPN, on which more is open."""
        return sorted({name for each in self.firewalls for name in each.trusted()})

    def opening(self, ports: PortSet) -> list[str]:
        """The rules that open some of these ports, the best known first."""
        return [rule for each in reversed(self.firewalls) for rule in each.opening(ports)]


def settled(facts: Facts) -> bool:
    """Whether nftables alone tells what is open, for one of the families at least."""
    families: tuple[Family, ...] = ("ip", "ip6")
    try:
        found = [nftables.firewall(facts.text("nft"), Arrival(family)) for family in families]
    except Failed:
        return False
    return any(each.denies for each in found) and not any(each.foreign for each in found)


def filters(facts: Facts, family: Family) -> Filters:
    """All packet filters of a family.

    iptables' compatibility layer puts rules into nftables that only iptables can read whole, beside
    those of others (k3s #11415). Both readers count as open what they do not understand, and the
    kernel asks every chain: what one of them finds closed is closed. Raises Failed.
    """
    arrival = arrival_of(facts, family)
    own: Firewall | None = None
    why = ""
    try:
        text = facts.text("nft")
    except Failed as failed:
        why = f", and {failed}"
    else:
        own = nftables.firewall(text, arrival)
        if settled(facts):
            return Filters([own])
    try:
        other = iptables.firewall(
            facts.text("iptables" if family == "ip" else "ip6tables"), arrival
        )
    except Failed as failed:
        if own and own.denies:
            return Filters([own])
        raise Failed(f"no nftables rules refuse anything, and {failed}{why}") from failed
    if own is None:
        return Filters([other])
    # iptables has just read the translations that nftables shows without their sense
    known = [name for name in own.translations if name not in own.foreign]
    return Filters([replace(own, translations=known) if other.translations else own, other])


def arrival_of(facts: Facts, family: Family) -> Arrival:
    """How packets of other machines come in; by any interface where that is not known."""
    version = 4 if family == "ip" else 6
    try:
        outward = [each for each in facts.addresses if each.interface != "lo"]
    except Failed:
        outward = []
    addresses = {
        address
        for each in outward
        if ipaddress.ip_address(each.address).version == version
        for address in (each.address, each.broadcast)
        if address
    }
    leased = {each.interface for each in outward if each.dynamic}
    links = {*facts.links, *leased} if facts.links else set()
    return Arrival(family, frozenset(links), frozenset(addresses))
