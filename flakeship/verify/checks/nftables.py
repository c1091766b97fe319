"""Reads `nft -j list ruleset`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flakeship.verify.checks.firewall import (
    ALL,
    KNOWN_STATES,
    NONE,
    PROTOCOLS,
    VERDICTS,
    Chain,
    Firewall,
    PortSet,
    Rule,
    Verdict,
)
from flakeship.verify.checks.verdict import unreadable

FAMILIES = {"ip": ("ip", "inet"), "ip6": ("ip6", "inet")}
HARMLESS = {"counter", "log"}
# statements that at most end their rule, and decide nothing
CONDITIONS = {"limit", "quota", "ct count", "set", "map", "meter", "mangle", "notrack", "last"}

# what a text that nft has not written leads to; RuntimeError is a StopIteration in a generator
UNFIT = (ValueError, LookupError, TypeError, AttributeError, StopIteration, RuntimeError)

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
    except UNFIT as error:
        raise unreadable("nft -j list ruleset", repr(error)) from error
    if all(firewall.opened() is None for firewall in found.values()):
        raise ForeignError
    return found


def _firewall(items: list[tuple[str, Json]], families: tuple[str, ...]) -> Firewall:
    chains: dict[str, Chain] = {}
    inputs, foreign = list[str](), set[str]()
    sets: dict[str, dict[str, list[Json]]] = {}
    own = [(kind, item) for kind, item in items if item.get("family") in families]
    for kind, item in own:
        if kind in ("set", "map"):
            sets.setdefault(_name(item, "table"), {})[item["name"]] = item.get("elem", [])
    for kind, item in own:
        if kind == "chain":
            name = _name(item, "table", "name")
            is_input = item.get("hook") == "input" and item.get("type") == "filter"
            chains[name] = Chain(is_input and item.get("policy") == "drop")
            if is_input:
                inputs.append(name)
        elif kind == "rule":
            name, table = _name(item, "table", "chain"), _name(item, "table")
            if any("xt" in expression for expression in item["expr"]):
                foreign.add(name)
            chains[name].rules.extend(_rules(item["expr"], table, sets.get(table, {})))
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
                matched = ports & _matched("==", value["key"], key, sets)
                yield from _verdict(verdict, matched, table, always=False)
        elif kind not in HARMLESS:
            if kind not in CONDITIONS:
                yield from _verdict(expression, ports, table, always=always)
            always = False


def _verdict(
    verdict: dict[str, Json], ports: PortSet, table: str, *, always: bool
) -> Iterator[Rule]:
    """An unknown verdict counts as accept: a queue with `bypass` is one."""
    kind, value = next(iter(verdict.items()))
    if kind in ("jump", "goto"):
        jump: Verdict = "jump" if kind == "jump" else "goto"
        yield Rule(jump, ports, always, f"{table} {value['target']}")
    elif kind != "continue":
        yield Rule(VERDICTS.get(kind.upper(), "accept"), ports, always)


def _matched(op: str, left: Json, right: Json, sets: Sets) -> PortSet:
    """The ports of new packets from other machines that may match."""
    if op in ("==", "in"):
        return PortSet.union(_equal(left, leaf) for leaf in _leaves(right, sets))
    return _with_field(left)  # by any other comparison


def _equal(left: Json, value: Json) -> PortSet:
    """The ports of new packets from other machines that have this value in that field."""
    match left, value:
        case {"concat": [*parts]}, {"concat": [*values]} if len(values) == len(parts):
            ports = ALL
            for part, one in zip(parts, values, strict=True):
                ports &= _equal(part, one)
            return ports
        case {"payload": {"field": "dport", "protocol": protocol}}, _:
            return _span(PROTOCOLS if protocol == "th" else (protocol,), value)
        case (
            ({"payload": {"field": "protocol" | "nexthdr"}} | {"meta": {"key": "l4proto"}}),
            (str() | int()),
        ):
            return PortSet.span([str(value)])
        case {"meta": {"key": "iif" | "iifname"}}, "lo":
            return NONE
        case {"ct": {"key": "state"}}, str() if value.upper() in KNOWN_STATES:
            return NONE
    return _with_field(left)


def _with_field(left: Json) -> PortSet:
    """The ports of packets that have such a field at all."""
    match left:
        case {"payload": {"protocol": "tcp" | "udp" | "icmp" | "icmpv6" as protocol}}:
            return PortSet.span([protocol])
    return ALL


def _span(protocols: tuple[str, ...], value: Json) -> PortSet:
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
