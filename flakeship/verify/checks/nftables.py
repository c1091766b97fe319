"""Reads `nft -j list ruleset`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flakeship.verify.checks.firewall import (
    ALL,
    NONE,
    PROTOCOLS,
    Chain,
    Firewall,
    PortSet,
    Rule,
    Verdict,
)
from flakeship.verify.checks.verdict import Failed

FAMILIES = {"ip": ("ip", "inet"), "ip6": ("ip6", "inet")}
VERDICTS: dict[str, Verdict] = {
    "accept": "accept",
    "drop": "deny",
    "reject": "deny",
    "return": "return",
    "jump": "jump",
    "goto": "goto",
}
HARMLESS = {"counter", "log"}
CONDITIONS = {"limit", "quota", "ct count", "set", "map", "meter", "mangle", "notrack", "last"}
"""Statements that at most end their rule, and decide nothing."""

KNOWN_STATES = ("established", "related", "invalid")
"""The states of a connection that no new packet has."""

NUMBERS = {6: "tcp", 17: "udp"}

Json = Any
Sets = Mapping[str, list[Json]]


class ForeignError(Exception):
    """Not nftables' own rules: none refuses anything, or they come from iptables (`xt`)."""


def firewalls(text: str) -> dict[str, Firewall]:
    """The packet filters for IPv4 (`ip`) and for IPv6 (`ip6`).

    Raises ForeignError where nftables is not the filter in use, and Failed for unreadable text.
    """
    try:
        items = [next(iter(item.items())) for item in json.loads(text)["nftables"]]
        found = {family: _firewall(items, tables) for family, tables in FAMILIES.items()}
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
        raise Failed(f"`nft -j list ruleset` cannot be read: {error!r}") from error
    if all(firewall.opened() is None for firewall in found.values()):
        raise ForeignError
    return found


def _firewall(items: list[tuple[str, Json]], tables: tuple[str, ...]) -> Firewall:
    rules: dict[str, list[Rule]] = {}
    inputs, dropping, foreign = list[str](), set[str](), set[str]()
    sets: dict[str, dict[str, list[Json]]] = {}
    for kind, item in items:
        if kind in ("set", "map"):
            table = sets.setdefault(_name(item, "table"), {})
            table[item["name"]] = item.get("elem", [])
    for kind, item in items:
        if item.get("family") not in tables:
            continue
        if kind == "chain":
            name = _name(item, "table", "name")
            rules[name] = []
            if item.get("hook") == "input" and item.get("type") == "filter":
                inputs.append(name)
                if item.get("policy") == "drop":
                    dropping.add(name)
        elif kind == "rule":
            name = _name(item, "table", "chain")
            if any("xt" in expression for expression in item["expr"]):
                foreign.add(name)
            table = sets.get(_name(item, "table"), {})
            rules[name] += _rules(item["expr"], _name(item, "table"), table)
    chains = {name: Chain(found, name in dropping) for name, found in rules.items()}
    firewall = Firewall(chains, inputs)
    if foreign & firewall.reachable():
        raise ForeignError
    return firewall


def _name(item: Mapping[str, Json], *keys: str) -> str:
    return " ".join([item["family"], *(item[key] for key in keys)])


def _rules(expressions: list[dict[str, Json]], table: str, sets: Sets) -> Iterator[Rule]:
    """A rule by its verdict; a verdict map has several."""
    ports, always = ALL, True
    for expression in expressions:
        kind, value = next(iter(expression.items()))
        if kind == "match":
            ports &= _matched(value["op"], value["left"], value["right"], sets)
            always = False
        elif kind == "vmap":
            for key, verdict in _leaves(value["data"], sets):
                yield from _verdict(
                    verdict, ports & _matched("==", value["key"], key, sets), table, always=False
                )
        elif kind not in HARMLESS:
            if kind not in CONDITIONS:
                yield from _verdict(expression, ports, table, always=always)
            always = False


def _verdict(
    verdict: dict[str, Json], ports: PortSet, table: str, *, always: bool
) -> Iterator[Rule]:
    """An unknown verdict counts as accept: a queue with `bypass` is one."""
    kind, value = next(iter(verdict.items()))
    target = f"{table} {value['target']}" if kind in ("jump", "goto") else ""
    if kind != "continue":
        yield Rule(VERDICTS.get(kind, "accept"), ports, always, target)


def _matched(op: str, left: Json, right: Json, sets: Sets) -> PortSet:
    """The ports of new packets from other machines that may match."""
    matched = NONE
    for leaf in _leaves(right, sets):
        matched |= _equal(left, leaf)
    if op in ("==", "in"):
        return matched
    # any other comparison: all ports of packets with such a field
    return _with_field(left)


def _equal(left: Json, value: Json) -> PortSet:
    """The ports of new packets from other machines that have this value in that field."""
    match left:
        case {"concat": [*parts]}:
            ports = _all_equal(parts, value)
        case {"payload": {"field": "dport", "protocol": protocol}}:
            ports = _span(protocol, value)
        case {"payload": {"field": "protocol" | "nexthdr"}} | {"meta": {"key": "l4proto"}}:
            ports = (
                ALL if isinstance(value, dict) else PortSet.span([NUMBERS.get(value) or str(value)])
            )
        case {"meta": {"key": "iif" | "iifname"}}:
            ports = NONE if value == "lo" else ALL
        case {"ct": {"key": "state"}}:
            ports = NONE if value in KNOWN_STATES else ALL
        case _:
            ports = _with_field(left)
    return ports


def _all_equal(parts: list[Json], value: Json) -> PortSet:
    match value:
        case {"concat": [*values]} if len(values) == len(parts):
            ports = ALL
            for part, one in zip(parts, values, strict=True):
                ports &= _equal(part, one)
            return ports
    return ALL


def _with_field(left: Json) -> PortSet:
    """The ports of packets that have such a field at all."""
    match left:
        case {"payload": {"protocol": "tcp" | "udp" | "icmp" | "icmpv6" as protocol}}:
            return PortSet.span([protocol])
    return ALL


def _span(protocol: str, value: Json) -> PortSet:
    protocols = PROTOCOLS if protocol == "th" else (protocol,)
    match value:
        case {"range": [int(first), int(last)]}:
            return PortSet.span(protocols, first, last)
        case int(number):
            return PortSet.span(protocols, number, number)
    return PortSet.span(protocols)


def _leaves(value: Json, sets: Sets) -> Iterator[Any]:
    """The single values (or pairs of a map) in a value, a list, a set or a set's name."""
    if isinstance(value, str) and value.startswith("@"):
        value = sets.get(value[1:], [])
    if isinstance(value, dict) and "set" in value:
        value = value["set"]
    for leaf in value if isinstance(value, list) else [value]:
        yield leaf["elem"]["val"] if isinstance(leaf, dict) and "elem" in leaf else leaf
