"""`make up` shows no preview first, and still changes nothing where the program refuses."""

from __future__ import annotations

import pytest

from tests.engine.conftest import FakeStack

REFUSED = [
    ("hots", "x", "flakeship:hots: there is no such key"),
    ("release", "tiny-aaaaaaaa", "flakeship:release: "),
    ("host", "tinny", "flakeship:host: ./flake has no host tinny"),
]
"""A mistake in the settings, a release that the ledger has not, a host that the flake has not."""


def everything(stack: FakeStack) -> tuple[object, ...]:
    """The state, the outputs and the cloud."""
    return stack.resources(), stack.outputs(), stack.file.read_bytes()


@pytest.mark.parametrize(("key", "value", "said"), REFUSED)
def test_a_refused_update_leaves_everything_as_it_was(
    stack: FakeStack, key: str, value: str, said: str
) -> None:
    stack.up()
    stack.write("two")
    before = everything(stack)
    stack.config(key, value)
    refused = stack.make_up()
    assert refused.code != 0
    assert said in refused.stdout
    assert everything(stack) == before
    if key == "host":
        stack.config(key, "tiny")
    else:
        stack.unset(key)
    assert stack.make_up().code == 0
    assert stack.ledger() == ["two", "one"]


def test_a_refusal_by_the_inspection_leaves_everything_as_it_was(stack: FakeStack) -> None:
    stack.up()
    before, good = everything(stack), stack.file.read_bytes()
    stack.file.write_text("{")
    refused = stack.make_up()
    assert refused.code != 0
    assert "fake.json: " in refused.stdout
    assert stack.file.read_text() == "{"
    stack.file.write_bytes(good)
    assert everything(stack) == before


def test_a_refused_first_update_makes_nothing(stack: FakeStack) -> None:
    stack.config("hots", "x")
    assert stack.make_up().code != 0
    assert not stack.file.exists()
    # the engine notes the stack itself
    assert [urn for urn in stack.resources() if "pulumi:pulumi:Stack::" not in urn] == []
