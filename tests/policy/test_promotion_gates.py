"""Gates of promotions: what an organization asks for beside what the stack's settings say."""

from __future__ import annotations

from typing import Any

import pytest

from policy.promotion_gates import IMAGE, PROMOTION, RULE
from policy.rules import Resource

GATE = {"soak": 3600.0, "checks": ["http"], "revision": "clean", "approvers": 1.0, "signers": 1.0}
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
        ({"approval": True}, {"approvers": 0.0}, "flakeship:gate.approvers"),
        ({"signature": True}, {"signers": 0.0}, "flakeship:gate.signers"),
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


def test_a_stack_that_builds_where_it_must_not() -> None:
    ((resource, said),) = RULE.check([BUILT], {"required": True})
    assert (resource, "flakeship:promoteFrom" in said) == (BUILT, True)
    assert [*RULE.check([BUILT], {})] == []
    assert told({"required": True}) == []
    # one without images has nothing to promote
    assert [*RULE.check([], {"required": True})] == []
