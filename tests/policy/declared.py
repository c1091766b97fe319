"""Resources as the engine shows them: what the golden previews have, and what a test changes."""

from __future__ import annotations

from typing import Any

from policy.rules import Config, Resource, Rule

UNKNOWN_TYPE = "openstack:compute/keypair:Keypair"
"""A type that no rule is about."""


def resource(
    kind: str, *, name: str = "extra", ignored: tuple[str, ...] = (), within: str = "", **props: Any
) -> Resource:
    """A resource of the stack `test`, in a component of the type `within`."""
    full = f"{within}${kind}" if within else kind
    urn = f"urn:pulumi:test::flakeship::{full}::{name}"
    return Resource(urn, kind, props, frozenset(ignored))


def told(rule: Rule, given: Resource, **settings: Any) -> list[str]:
    """The violations of a rule."""
    config: Config = settings
    return [*rule.check(given, config)]
