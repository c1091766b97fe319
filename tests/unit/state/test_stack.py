"""Where the selected stack is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.state import stack as selected
from flakeship.state.stack import Stack
from flakeship.system.process import Result

PROVIDER = {"type": "pulumi:providers:openstack", "inputs": {"cloud": "lab"}}
HERE = {"type": "flakeship:local:Machine"}


def stack(*resources: dict[str, Any]) -> Stack:
    return Stack("dev", {"resources": [*resources]})


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `pulumi config --json` tells."""
    told: dict[str, Any] = {"flakeship:target": {"value": "local"}}

    def run(argv: list[str]) -> Result:
        assert argv[1] == "config"
        return Result(0, json.dumps(told), "")

    monkeypatch.setattr(selected, "run", run)
    return told


def test_the_state_knows_the_cloud(settings: dict[str, Any]) -> None:
    assert selected.cloud(stack(HERE, PROVIDER)) == "lab"
    assert selected.cloud(stack({**PROVIDER, "inputs": {}})) == ""
    assert selected.cloud(stack(HERE)) is None
    settings["flakeship:target"]["value"] = "openstack"
    assert selected.cloud(stack(PROVIDER)) == "lab"


@pytest.mark.parametrize("wish", [{"cloud": "prod"}, {}, None])
def test_the_settings_say_it_while_the_state_is_empty(
    settings: dict[str, Any], wish: dict[str, str] | None
) -> None:
    settings["flakeship:target"]["value"] = "openstack"
    if wish is not None:
        settings["flakeship:openstack"] = {"objectValue": wish}
    assert selected.cloud(Stack("dev", {})) == (wish or {}).get("cloud", "")


def test_a_stack_without_settings_is_on_this_machine(settings: dict[str, Any]) -> None:
    settings.clear()
    assert selected.cloud(Stack("dev", {})) is None


def test_outputs() -> None:
    assert stack({"type": "pulumi:pulumi:Stack", "outputs": {"a": 1}}).outputs == {"a": 1}
    assert stack({"type": "pulumi:pulumi:Stack"}).outputs == {}
    assert Stack("dev", {"resources": None}).outputs == {}


def test_what_a_killed_run_has_left_half_way_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(selected, "run", asked.append)
    monkeypatch.setattr(selected, "selected", lambda: stack(HERE))
    left = Stack("dev", {"resources": [{"urn": "u::dev"}, HERE], "pending_operations": [{}]})
    assert selected.settled(left) == stack(HERE)
    assert asked[0][-3:] == ["--stack", "dev", "--target=u::dev"]
    # nothing but that: refreshing the rest would change the state
    assert selected.settled(Stack("dev", {"pending_operations": [{}]})) == stack(HERE)
    assert asked[1][-1] == "dev"


def test_nothing_is_asked_of_a_state_without_such(settings: dict[str, Any]) -> None:
    assert selected.settled(stack(HERE)) == stack(HERE)
    assert settings


def test_a_run_under_way_holds_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: list[str]) -> Result:
        raise CommandError("error: the stack is currently locked by 1 lock(s)")

    monkeypatch.setattr(selected, "run", run)
    with pytest.raises(FlakeshipError, match=r"dev is under way, or was killed: .* locked by 1"):
        selected.settled(Stack("dev", {"pending_operations": [{}]}))
