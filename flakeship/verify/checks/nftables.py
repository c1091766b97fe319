"""Reads `nft -j list ruleset`: tables and chains of the two families, rule by rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from flakeship.verify.checks.firewall import Firewall
from flakeship.verify.checks.nft_match import Json, Sets, bare, leaves, matched
from flakeship.verify.checks.rules import PASSING, VERDICTS, Arrival, Chain, Match, Rule, Verdict
from flakeship.verify.checks.verdict import unreadable

# statements that neither decide nor end a rule
HARMLESS = {
    *("counter", "log", "mangle", "notrack", "dup", "flow", "secmark"),
    *("ct helper", "ct timeout", "ct expectation"),
}
# statements that at most end their rule, and decide nothing
CONDITIONS = {"limit", "quota", "ct count", "set", "map", "meter", "last"}

# what a text that nft has not written leads to; RuntimeError is also a StopIteration in a generator
# and the depth of JSON
UNFIT = (ValueError, LookupError, TypeError, AttributeError, StopIteration, RuntimeError)


@lru_cache(maxsize=8)  # several checks ask for the same rules, which are long on some hosts
def firewall(text: str, arrival: Arrival | None = None) -> Firewall:
    """The packet filter for the family of `arrival`. Raises Failed for unreadable text."""
    arrival = arrival or Arrival()
    try:
        items = [next(iter(item.items())) for item in json.loads(text)["nftables"]]
        return _firewall(items, arrival)
    except UNFIT as error:
        raise unreadable("nft -j list ruleset", repr(error)[:200]) from error


def _firewall(items: list[tuple[str, Json]], arrival: Arrival) -> Firewall:
    read = _Tables(arrival)
    own = [(kind, item) for kind, item in items if item.get("family") in ("inet", arrival.family)]
    for kind, item in own:
        if kind in ("set", "map"):
            read.sets.setdefault(_name(item, "table"), {})[item["name"]] = item.get("elem", [])
        elif kind == "chain":
            read.add_chain(item)
    for kind, item in own:
        if kind == "rule":
            read.add_rule(item)
    firewall = Firewall(read.chains, read.inputs, read.translations)
    foreign = frozenset(
        base
        for base in (*read.inputs, *read.translations)
        if firewall.reachable([base]) & read.foreign
    )
    return Firewall(read.chains, read.inputs, read.translations, foreign)


def _name(item: dict[str, Json], *names: str) -> str:
    return " ".join([item["family"], *(item[name] for name in names)])


@dataclass
class _Tables:
    """What is read so far."""

    arrival: Arrival
    chains: dict[str, Chain] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    translations: list[str] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)  # chains with an expression of iptables
    sets: dict[str, dict[str, list[Json]]] = field(default_factory=dict)

    def add_chain(self, item: dict[str, Json]) -> None:
        """A chain; a base chain where it has a hook that incoming packets pass."""
        name = _name(item, "table", "name")
        place = item.get("hook"), item.get("type")
        self.chains[name] = Chain(place == ("input", "filter") and item.get("policy") == "drop")
        if place == ("input", "filter"):
            self.inputs.append(name)
        elif place == ("prerouting", "nat"):
            self.translations.append(name)

    def add_rule(self, item: dict[str, Json]) -> None:
        """A rule; a verdict map makes several of it."""
        table, name = _name(item, "table"), _name(item, "table", "chain")
        if any("xt" in expression for expression in item["expr"]):
            self.foreign.add(name)
        source = f"rule {item.get('handle', '?')} of `{name}`"
        if comment := item.get("comment"):
            source += f" ({comment})"
        reader = _RuleReader(table, source, self.sets.get(table, {}), self.arrival)
        self.chains[name].rules.extend(reader.rules(item["expr"]))


@dataclass(frozen=True)
class _RuleReader:
    """Reads the expressions of one rule."""

    table: str
    source: str
    sets: Sets
    arrival: Arrival

    def rules(self, expressions: list[dict[str, Json]]) -> Iterator[Rule]:
        """The rule by its verdict. One whose end is not understood counts as accepting."""
        match, unknown = Match(exact=True), False
        for expression in expressions:
            (kind, value), *_ = expression.items()
            if kind == "match":
                op, left, right = value["op"], value["left"], value["right"]
                match &= matched(op, left, right, self.sets, self.arrival)
            elif kind == "vmap":
                yield from self._verdict_map(value, match)
            elif kind == "xt":
                exact, unknown, found = self._of_iptables(value, match)
                match &= Match(exact=exact)
                yield from found
            elif kind in CONDITIONS:
                match &= Match()
            elif kind not in HARMLESS:
                unknown = False
                yield from self._verdict(expression, match)
        if unknown:
            yield Rule("accept", match, source=self.source)

    def _verdict_map(self, value: Json, match: Match) -> Iterator[Rule]:
        pairs = leaves(value["data"], self.sets)
        if pairs is None:  # a map that is not listed
            yield Rule("accept", match & Match(), source=self.source)
        for key, verdict in pairs or ():
            met = matched("==", value["key"], bare(key), self.sets, self.arrival)
            yield from self._verdict(verdict, match & met)

    def _of_iptables(self, value: Json, match: Match) -> tuple[bool, bool, list[Rule]]:
        """Whether a match or target of iptables is no condition, whether it may decide, its rules.

        Versions before 1.0.7 do not even tell which of both it is.
        """
        kind, name = (value.get("type"), value.get("name")) if isinstance(value, dict) else ("", "")
        if kind == "match":
            return name == "comment", False, []
        if kind != "target":
            return False, True, []
        if name in PASSING:
            return True, False, []
        verdict = VERDICTS.get(str(name), "accept")
        return True, False, [Rule(verdict, match, source=self.source)]

    def _verdict(self, verdict: dict[str, Json], match: Match) -> Iterator[Rule]:
        """An unknown verdict counts as accept: a queue with `bypass` is one."""
        (kind, value), *_ = verdict.items()
        if kind in ("jump", "goto"):
            jump: Verdict = "jump" if kind == "jump" else "goto"
            yield Rule(jump, match, f"{self.table} {value['target']}", self.source)
        elif isinstance(value, dict) and value.get("family") not in (None, self.arrival.family):
            return  # a translation of the other family's addresses
        elif kind != "continue":
            yield Rule(VERDICTS.get(kind.upper(), "accept"), match, source=self.source)
