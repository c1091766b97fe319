"""What a target declares keeps to the policies, and each of them sees what is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from policy import admin_ports, image_digests, pack, rules
from policy.rules import Resource, Rule
from tests.conformance.small_engine import Run
from tests.conformance.stack import Deployed
from tests.unit.model.test_ledger import release

# a provider's package may import what is deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def declared(run: Run) -> list[Resource]:
    """The resources of a run as the engine shows them to the policies."""
    return [
        Resource(each.urn, each.type, each.inputs, each.ignored, each.parent, each.dependencies)
        for each in run.resources.values()
    ]


def violations(resources: list[Resource], rule: rules.AnyRule) -> Iterator[str]:
    """The names of resources that violate a rule."""
    if isinstance(rule, Rule):
        for each in resources:
            yield from (each.name for _ in rule.check(each, {}))
    else:
        yield from (each.name for each, _ in rule.check(resources, {}))


def rule(name: str) -> rules.AnyRule:
    return next(each for each in pack.RULES if each.name == name)


def test_a_stack_keeps_to_all_policies_but_for_ssh(deployed: Deployed) -> None:
    for run in (deployed.up(), deployed.up(release(2))):
        found = {each.name: [*violations(declared(run), each)] for each in pack.RULES}
        opened = found.pop(admin_ports.RULE.name)
        # from everywhere until a user says from where, which only a cloud's firewall tells
        assert bool(opened) == (deployed.target == "openstack")
        assert all("-22-" in name for name in opened), opened
        assert not any(found.values()), found


def test_a_stack_that_says_who_may_log_in_keeps_to_all_of_them(deployed: Deployed) -> None:
    servers = deployed.settings["servers"]
    if deployed.spec.features.sources:
        ssh = {"port": 22, "protocol": "ssh", "allowFrom": ["198.51.100.0/24"]}
        servers = [each | {"ports": [*each.get("ports", []), ssh]} for each in servers]
    resources = declared(deployed.up(servers=servers))
    assert not [name for each in pack.RULES for name in violations(resources, each)]


def test_a_cutover_that_waits_for_nothing_is_seen(deployed: Deployed) -> None:
    resources = declared(deployed.up())
    cutover = import_module(f"flakeship.targets.{deployed.target}.resources").CUTOVER
    verified = {each.urn for each in resources if each.type.endswith(":Verification")}
    without = [replace(each, needs=each.needs - verified) for each in resources]
    moved = {each.name for each in resources if cutover.subject(each.type, each.urn)}
    # the component around it moves nothing itself
    moved &= {each.name for each in resources if each.needs}
    assert moved == {*violations(without, rule("no-unverified-cutover"))} != set()


def test_an_image_without_a_digest_is_seen(deployed: Deployed) -> None:
    resources = declared(deployed.up())
    images = {
        each.name for each in resources if each.type in {*image_digests.OWN, image_digests.FAKE}
    }
    without = [replace(each, props=blanked(each.props, "sha512")) for each in resources]
    assert images == {*violations(without, image_digests.RULE)} != set()


def test_a_resource_without_tags_is_seen(deployed: Deployed) -> None:
    from policy.ownership_tags import PLACES  # noqa: PLC0415

    resources = declared(deployed.up())
    tagged = [each for each in resources if each.type in PLACES]
    without = [replace(each, props=blanked(each.props, PLACES[each.type])) for each in tagged]
    assert {each.name for each in tagged} == {*violations(without, rule("ownership-tags"))}
    # those of the workstation are files in the checkout
    assert bool(tagged) == (deployed.target != "local")


def blanked(props: Any, name: str) -> Any:
    """A value in which an input is empty, wherever it is."""
    if isinstance(props, dict):
        return {key: None if key == name else blanked(it, name) for key, it in props.items()}
    return [blanked(each, name) for each in props] if isinstance(props, list) else props
