"""`make up` shows no preview first, and still changes nothing where the program refuses."""

from __future__ import annotations

import re

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
    # the engine notes the stack itself, and who was asked something
    ours = ("pulumi:pulumi:Stack::", "pulumi:providers:")
    assert [urn for urn in stack.resources() if not any(own in urn for own in ours)] == []


def test_a_project_file_without_the_provider_is_told_what_to_add(stack: FakeStack) -> None:
    stack.up()
    file = stack.path / "Pulumi.yaml"
    whole, before = file.read_text(), everything(stack)
    file.unlink()
    file.write_text(re.sub(r"(?ms)^plugins:.*?^(?=#)", "", whole))
    for refused in (stack.pulumi("preview", check=False), stack.make_up()):
        assert refused.code != 0
        assert "Pulumi.yaml: Pulumi is not told where to find the provider" in refused.stdout
        assert "- name: flakeship" in refused.stdout
        assert "no resource plugin" not in refused.stdout
    file.write_text(whole)
    assert everything(stack) == before
