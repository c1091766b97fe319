"""Promotions through a gate: what the settings of one stack say, a policy can ask of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .rules import Config, Resource, StackRule, items

PROMOTION = "flakeship:index:Promotion"
IMAGE = "flakeship:index:NixImage"
REVISIONS = ("any", "clean", "pushed")  # each is stricter than the one before
DAY = 86400
NAMES = {"type": "array", "items": {"type": "string"}, "default": []}
PEOPLE = {"type": "array", "items": {"type": "string", "pattern": "^SHA256:[A-Za-z0-9+/]{43}$"}}


def check(resources: Sequence[Resource], config: Config) -> Iterator[tuple[Resource, str]]:
    """Tell what the gate of each promotion lacks, and a stack that builds where it must not."""
    promotions = [each for each in resources if each.type == PROMOTION]
    for promotion in promotions:
        sources = items(config.get("from"))
        if sources and promotion.name not in sources:
            yield (
                promotion,
                f"This stack takes releases from {promotion.name}. Set flakeship:promoteFrom to "
                f"one of: {', '.join(sources)}.",
            )
        for missing in _missing(promotion.props, config):
            yield promotion, f"The gate of the promotion from {promotion.name} {missing}."
    images = [each for each in resources if each.type == IMAGE]
    if config.get("required") and images and not promotions:
        yield (
            images[0],
            "This stack builds its own releases. Let it take what another stack has verified: "
            "flakeship:promoteFrom: staging.",
        )


def _missing(gate: Mapping[str, Any], config: Config) -> Iterator[str]:
    soak = float(config.get("soak", 0))
    if gate.get("soak", 0) < soak:
        yield f"has a shorter soak time than {soak:.0f} seconds: raise flakeship:gate.soak"
    lacking = {*items(config.get("checks"))} - {*items(gate.get("checks"))}
    if lacking:
        yield f"does not ask for {', '.join(sorted(lacking))}: add it to flakeship:gate.checks"
    least = str(config.get("revision", REVISIONS[0]))
    given = str(gate.get("revision", REVISIONS[0]))
    if REVISIONS.index(given) < REVISIONS.index(least):
        yield f"takes revisions that are {given}: set flakeship:gate.revision to {least}"
    for people in ("approvers", "signers"):
        allowed, named = {*items(config.get(people))}, {*items(gate.get(people))}
        keys = f"in flakeship:gate.{people}: allowed are {', '.join(sorted(allowed))}"
        if allowed and not named:
            yield f"names no key {keys}"
        elif allowed and named - allowed:
            yield f"names {', '.join(sorted(named - allowed))} {keys}"


RULE = StackRule(
    "promotion-gate",
    "Releases come from another stack through a gate that is strict enough.",
    check,
    {
        "required": {"type": "boolean", "default": False},
        "soak": {"type": "integer", "minimum": 0, "maximum": 366 * DAY, "default": 0},
        "from": NAMES,
        "checks": NAMES,
        "revision": {"type": "string", "enum": [*REVISIONS], "default": REVISIONS[0]},
        "approvers": {**PEOPLE, "default": []},
        "signers": {**PEOPLE, "default": []},
    },
)
