"""Gates of promotions: what an organization asks for beside what the stack's settings say."""

from __future__ import annotations

from typing import Any

import pytest

from policy.promotion_gates import IMAGE, PROMOTION, RULE
from policy.rules import Resource

ALICE, BOB, MALLORY = (f"SHA256:{letter * 43}" for letter in "abm")
GATE = {
    "soak": 3600.0,
    "checks": ["http"],
    "revision": "clean",
    "approvers": [ALICE],
    "signers": [ALICE, BOB],
}
BUILT = Resource("urn:pulumi:prod::flakeship::x::web-1", IMAGE, {})


def told(config: dict[str, Any], **gate: object) -> list[str]:
    """The violations of a stack that promotes through a gate."""
    promotion = Resource("urn:pulumi:prod::flakeship::x::staging", PROMOTION, {**GATE, **gate})
    found = [*RULE.check([BUILT, promotion], config)]
    assert all(resource == promotion for resource, _ in found)
    return [said for _, said in found]


@pytest.mark.parametrize(
    ("config", "laxer", "setting"),
    [
        ({"soak": 3600}, {"soak": 3599.0}, "flakeship:gate.soak"),
        ({"checks": ["http"]}, {"checks": ["ssh"]}, "add it to flakeship:gate.checks"),
        ({"revision": "clean"}, {"revision": "any"}, "flakeship:gate.revision to clean"),
        ({"approvers": [ALICE, BOB]}, {"approvers": []}, "flakeship:gate.approvers"),
        ({"approvers": [ALICE, BOB]}, {"approvers": [MALLORY]}, "flakeship:gate.approvers"),
        ({"approvers": [ALICE]}, {"approvers": [ALICE, MALLORY]}, "flakeship:gate.approvers"),
        ({"signers": [ALICE, BOB]}, {"signers": []}, "flakeship:gate.signers"),
        ({"signers": [ALICE, BOB]}, {"signers": [BOB, MALLORY]}, "flakeship:gate.signers"),
    ],
)
def test_a_gate_that_is_laxer_than_asked_for(
    config: dict[str, Any], laxer: dict[str, Any], setting: str
) -> None:
    assert told(config) == []
    (said,) = told(config, **laxer)
    assert setting in said
    assert "staging" in said
    # nothing is asked for by default
    assert told({}, **laxer) == []


def test_a_stricter_revision_is_fine() -> None:
    assert told({"revision": "clean"}, revision="pushed") == []
    (said,) = told({"revision": "pushed"})
    assert "clean" in said
    assert "pushed" in said


def test_the_keys_that_may_not_be_named_are_told() -> None:
    (said,) = told({"approvers": [BOB]}, approvers=[MALLORY, BOB])
    refused, _, allowed = said.partition("allowed")
    assert (MALLORY in refused, BOB in refused) == (True, False)
    assert (MALLORY in allowed, BOB in allowed) == (False, True)


def test_a_stack_that_takes_releases_from_elsewhere() -> None:
    assert told({"from": ["dev", "staging"]}) == []
    (said,) = told({"from": ["qa"]})
    assert "flakeship:promoteFrom" in said
    assert "qa" in said
    # a stack of the same name in another project is another one
    assert len(told({"from": ["organization/servers/staging"]})) == 1


def test_a_stack_that_builds_where_it_must_not() -> None:
    ((resource, said),) = RULE.check([BUILT], {"required": True})
    assert (resource, "flakeship:promoteFrom" in said) == (BUILT, True)
    assert [*RULE.check([BUILT], {})] == []
    assert told({"required": True}) == []
    # one without images has nothing to promote
    assert [*RULE.check([], {"required": True})] == []
