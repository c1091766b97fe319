"""What a match of nftables asks of a new packet from another machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flakeship.verify.checks.port_sets import ALL, NONE, PROTOCOLS, PortSet
from flakeship.verify.checks.rules import KNOWN_STATES, Arrival, Match

Json = Any
Sets = Mapping[str, list[Json]]

FAMILIES = {"ipv4": "ip", "ip": "ip", "ipv6": "ip6", "ip6": "ip6"}


def matched(op: str, left: Json, right: Json, sets: Sets, arrival: Arrival) -> Match:
    """The new packets from other machines that a comparison may match."""
    among = _with_field(left, arrival)
    values = leaves(right, sets)
    if values is None:
        return Match(among)  # a set that is not listed
    if op in ("==", "in", "!="):
        found = Match(NONE, exact=True)
        for value in values:
            found |= _equal(left, value, arrival)
        return found if op != "!=" else found.negated(among)
    match left, right:
        case {"payload": {"field": "dport"}}, int(number):
            return Match(among & _compared(op, number), exact=True)
    return Match(among)


def leaves(value: Json, sets: Sets) -> list[Json] | None:
    """The single values (or pairs of a map) in a value, a list, a set or a set's name.

    None for the name of a set that is not listed.
    """
    if isinstance(value, str) and value.startswith("@"):
        value = sets.get(value[1:])
        if value is None:
            return None
    if isinstance(value, dict) and "set" in value:
        value = value["set"]
    return [bare(leaf) for leaf in (value if isinstance(value, list) else [value])]


def bare(leaf: Json) -> Json:
    """An element without its comment, counter or timeout."""
    return leaf["elem"]["val"] if isinstance(leaf, dict) and "elem" in leaf else leaf


def _compared(op: str, number: int) -> PortSet:
    first, last = {
        "<": (0, number - 1),
        "<=": (0, number),
        ">": (number + 1, 65535),
        ">=": (number, 65535),
    }.get(op, (0, 65535))
    return PortSet.span(PROTOCOLS, first, last) if first <= last else NONE


def _equal(left: Json, value: Json, arrival: Arrival) -> Match:
    """Those that have this value in that field."""
    among = _with_field(left, arrival)
    found = Match(among)
    match left, value:
        case _, "*":  # what no other key of a map matches
            pass
        case {"concat": [*parts]}, {"concat": [*values]} if len(values) == len(parts):
            found = Match(exact=True)
            for part, one in zip(parts, values, strict=True):
                found &= _equal(part, one, arrival)
        case {"payload": {"field": "dport", "protocol": protocol}}, _:
            found = _span(PROTOCOLS if protocol == "th" else (protocol,), value)
        case (
            ({"payload": {"field": "protocol" | "nexthdr"}} | {"meta": {"key": "l4proto"}}),
            (str() | int()),
        ):
            found = Match(among & PortSet.span([str(value)]), exact="meta" in left)
        case {"meta": {"key": "nfproto" | "protocol"}}, str() if value in FAMILIES:
            found = Match(ALL if FAMILIES[value] == arrival.family else NONE, exact=True)
        case {"meta": {"key": "iif" | "iifname"}}, str():
            found = arrival.by(value)
        case {"payload": {"field": "daddr"}}, _ if among:
            found = arrival.to(_network(value))
        case {"ct": {"key": "state" | "status"}}, str() if value.upper() in KNOWN_STATES:
            found = Match(NONE, exact=True)
    return found


def _with_field(left: Json, arrival: Arrival) -> PortSet:
    """The ports of packets that have such a field at all."""
    match left:
        case {"payload": {"protocol": "tcp" | "udp" | "icmp" | "icmpv6" as protocol}}:
            return PortSet.span([protocol])
        case {"payload": {"protocol": "ip" | "ip6" as family}} if family != arrival.family:
            return NONE
        case {"concat": [*parts]}:
            found = ALL
            for part in parts:
                found &= _with_field(part, arrival)
            return found
        case {"&": [masked, *_]}:
            return _with_field(masked, arrival)
    return ALL


def _network(value: Json) -> str:
    match value:
        case {"prefix": {"addr": str(address), "len": int(length)}}:
            return f"{address}/{length}"
        case str():
            return value
    return ""


def _span(protocols: tuple[str, ...], value: Json) -> Match:
    match value:
        case {"range": [int(first), int(last)]}:
            return Match(PortSet.span(protocols, first, last), exact=True)
        case int(number):
            return Match(PortSet.span(protocols, number, number), exact=True)
    return Match(PortSet.span(protocols))
