"""Every fault at every kind of call: the message, what is left, and that the next run converges."""

from __future__ import annotations

import re

import pytest
from _pytest.mark import ParameterSet

from flakeship.targets.openstack.api import retries
from tests.targets.openstack.unit.weather.operations import OPERATIONS, TOKEN, Call
from tests.targets.openstack.unit.weather.world import World, is_told

ONCE = ("401", "408", "429", "500", "502", "503", "504", "cut", "lost", "half", "garbled", "silent")
LASTING = ("401", "403", "404", "409", "413", "503", "cut", "half", "silent", "page")


def cases() -> list[ParameterSet]:
    return [
        pytest.param(name, call, fault, id=f"{name}-{call.pattern}-{fault}")
        for name, operation in OPERATIONS.items()
        for call in operation.calls
        for fault in LASTING
        if fault not in call.unlike
    ]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_matrix_has_every_kind_of_call(world: World) -> None:
    world.proxy.calls.clear()
    world.run()
    world.is_settled()
    calls = world.proxy.calls
    known = [each.pattern for operation in OPERATIONS.values() for each in operation.calls]
    assert [c for c in calls if not any(re.search(kind, c) for kind in known)] == []
    own = [each.pattern for each in world.operation.calls]
    assert [kind for kind in own if not any(re.search(kind, c) for c in calls)] == []


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("fault", ONCE)
def test_what_passes_is_waited_out(
    world: World, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each kind of call once, in a single run: writes are repeated where that is safe."""
    monkeypatch.setattr(retries, "SECONDS", 5.0)
    # 401 at the login is no token that has expired
    unlike = TOKEN if fault == "401" else None
    struck = [c for c in world.operation.calls if c != unlike and fault not in c.unlike]
    world.strike(fault, *struck, times=1)
    world.run()
    assert [each.pattern for each in world.proxy.faults if each.times] == []
    world.is_settled()


@pytest.mark.parametrize(("name", "call", "fault"), cases())
def test_what_lasts_is_told_and_the_next_run_converges(
    world: World, call: Call, fault: str
) -> None:
    world.strike(fault, call)
    if fault in call.borne:
        world.run()
        world.is_settled()
    else:
        is_told(world)
        world.has_nothing_twice()
        world.converges()
    assert world.proxy.failed
