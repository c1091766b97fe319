"""Stacks that take each other's verified releases: the real engine, real bytes, target fake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.system.process import run
from tests.engine.conftest import FakeStack


@pytest.fixture
def staging(stack: FakeStack) -> FakeStack:
    """A stack that takes what `stack` (test) has verified; the flake is out of its reach."""
    return after(stack, "staging", {"promoteFrom": "test"})


def after(before: FakeStack, name: str, settings: dict[str, Any]) -> FakeStack:
    made = replace(before, env=before.env | {"PULUMI_STACK": name})
    made.pulumi("stack", "init", "--no-select", name)
    servers = [{"name": "web", "ports": [{"port": 80}], "checks": [{"name": "page", "http": 80}]}]
    whole = {"host": "tiny", "target": "fake", "servers": servers, **settings}
    with (made.path / f"Pulumi.{name}.yaml").open("a") as file:
        file.write(json.dumps({"config": {f"flakeship:{k}": v for k, v in whole.items()}})[1:-1])
    return made


def refused(stack: FakeStack) -> str:
    """What a preview says that must not succeed, and an update that must change nothing."""
    before = stack.outputs()
    done = stack.pulumi("preview", check=False)
    assert done.code != 0
    assert stack.pulumi("up", "--yes", "--skip-preview", check=False).code != 0
    assert stack.outputs() == before
    return done.stdout + done.stderr


def test_the_same_bytes_go_from_stack_to_stack(stack: FakeStack, staging: FakeStack) -> None:
    prod = after(stack, "prod", {"promoteFrom": "staging"})
    assert "has no verified release" in refused(staging)
    stack.up()
    # nothing is evaluated: there is no flake any more
    stack.flake.rename(stack.flake.with_name("gone"))
    assert f"{stack.running()} is promoted from the stack test" in staging.preview()
    staging.up()
    prod.up()
    (first,), (second,), (third,) = (
        each.outputs()["releases"] for each in (stack, staging, prod)
    )
    assert first["artifact"] == second["artifact"] == third["artifact"]
    assert [each["origin"] for each in (first, second, third)] == ["", "test", "staging"]
    assert second["checks"] == ["boot", "page", "port-22", "port-80"]
    staging.preview("--expect-no-changes")
    prod.preview("--expect-no-changes")
