"""The checks of where a machine's address comes from."""

from __future__ import annotations

import ipaddress

from flakeship.verify.checks.facts import Address, Facts, Subject
from flakeship.verify.checks.verdict import Failed


def dhcp(subject: Subject) -> str:
    """The address in the machine's network comes from there, and is not configured in its image.

    It is a lease, which may be one without an end, or was written by cloud-init as the cloud told
    it; a cutover may have brought a service address beside it. Where the network has no DHCP, only
    the address itself is asked for.
    """
    facts, subnet = subject.facts(), ipaddress.ip_network(subject.route.subnet)
    own = [each for each in facts.addresses if ipaddress.ip_address(each.address) in subnet]
    if not own:
        others = [each.address for each in facts.addresses if each.interface != "lo"]
        raise Failed(f"no address in {subnet}, only: {', '.join(others) or 'none at all'}")
    if subject.request.addressing != "dhcp":
        shown = "; ".join(f"{each.address} on {each.interface}" for each in own)
        return f"{shown}; not asked where it comes from: the network has no DHCP"
    return "; ".join(f"{each.address} on {each.interface}, {_given(each, facts)}" for each in own)


def static(address: str, subject: Subject) -> str:
    """The machine has an address for good, as it was told to: it is no lease of a DHCP server."""
    facts, wanted = subject.facts(), ipaddress.ip_address(address)
    own = [each for each in facts.addresses if ipaddress.ip_address(each.address) == wanted]
    if not own:
        others = [each.address for each in facts.addresses if each.interface != "lo"]
        raise Failed(f"{address} is not among its addresses: {', '.join(others) or 'none at all'}")
    origin = _origin(own[0], facts)
    if "lease" in origin.split() or own[0].lifetime is not None:
        what = origin or f"set for {own[0].lifetime} s"
        raise Failed(f"{address} on {own[0].interface} is not static: {what}")
    return f"{address} on {own[0].interface}, static{f', {origin}' if origin else ''}"


def _given(address: Address, facts: Facts) -> str:
    """Who has given an address. Raises Failed for one that nobody has."""
    if origin := _origin(address, facts):
        return origin
    raise Failed(
        f"{address.address} on {address.interface} is static, not a DHCP lease: it has no end, and "
        "no lease and no file of cloud-init has it"
    )


def _origin(address: Address, facts: Facts) -> str:
    """A lease or a file that an address is from; empty where there is none."""
    if address.dynamic and address.lifetime is not None:
        return f"lease of {address.lifetime} s"
    for line in facts.origins:
        place, _, text = line.partition(": ")
        if address.address in _words(text):
            kind, _, file = place.partition(" ")
            return f"lease without an end ({file})" if kind == "lease" else f"by {kind} ({file})"
    return ""


def _words(text: str) -> set[str]:
    """The words of a line of any of these files, as in `ADDRESS=10.0.2.15`."""
    for separator in "=/;,'\"":
        text = text.replace(separator, " ")
    return {*text.split()}
