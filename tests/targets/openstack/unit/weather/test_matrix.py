"""Every fault at every kind of call: the message, what it leaves, and that the next run converges.

Faults that pass are waited out. Those that last end in an error with a key and a remedy, and
nothing is there twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from _pytest.mark import ParameterSet

from flakeship.model.errors import FlakeshipError
from flakeship.targets.base import SweepResult
from flakeship.targets.openstack.api import retries
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.requests import PublishRequest
from tests.targets.openstack.faults import Fault, Proxy
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.weather.conftest import api_timeout, counts
from tests.targets.openstack.unit.weather.operations import OPERATIONS, TOKEN, Call, Operation

ONCE = ("401", "429", "500", "502", "503", "504", "cut", "lost", "half", "garbled", "silent")
LASTING = ("401", "403", "404", "409", "413", *ONCE[1:], "page")
SILENCE = 0.25  # seconds without an answer after which a call is given up
AFTER: Mapping[str, str] = {"429": "3600"}


def cases(faults: tuple[str, ...]) -> list[ParameterSet]:
    return [
        pytest.param(name, call, fault, id=f"{name}-{call.pattern}-{fault}")
        for name, operation in OPERATIONS.items()
        for call in operation.calls
        for fault in faults
        if fault not in call.unlike
    ]


@dataclass(frozen=True)
class World:
    """An operation on a cloud behind a proxy, and what it was given."""

    operation: Operation
    cloud: Cloud
    proxy: Proxy
    request: PublishRequest
    given: object

    def run(self) -> object:
        return self.operation.run(self.request, self.given)

    def converges(self) -> None:
        """The next run, in good weather, leaves exactly what it is to leave."""
        self.proxy.faults.clear()
        api_timeout(60)
        self.run()
        self.is_settled()

    def is_settled(self) -> None:
        has = counts(self.cloud)
        expected = self.operation.left
        assert {name: has.get(name, 0) for name in expected} == expected
        for image in self.cloud.images.values():
            assert (image["status"], image["os_hash_value"]) == ("active", self.request.sha512)
            assert glance.UPLOADING not in image["tags"]

    def nothing_is_there_twice(self) -> None:
        has = counts(self.cloud)
        most = {**self.operation.left, **self.operation.most}
        assert {name: has.get(name, 0) for name in most if has.get(name, 0) > most[name]} == {}


@pytest.fixture
def world(name: str, cloud: Cloud, request_: PublishRequest, proxy: Proxy) -> World:
    operation = OPERATIONS[name]
    return World(operation, cloud, proxy, request_, operation.prepare(cloud, request_))


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_matrix_has_every_kind_of_call(world: World) -> None:
    world.proxy.calls.clear()
    world.run()
    world.is_settled()
    kinds = [call.pattern for call in (TOKEN, *world.operation.calls)]
    others = {each.pattern for operation in OPERATIONS.values() for each in operation.calls}
    unused = [kind for kind in kinds if not any(re.search(kind, c) for c in world.proxy.calls)]
    unknown = [c for c in world.proxy.calls if not any(re.search(kind, c) for kind in others)]
    assert (unused, unknown) == ([], [])


@pytest.mark.parametrize(("name", "call", "fault"), cases(ONCE))
def test_what_passes_is_waited_out(
    world: World, call: Call, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (call, fault) == (TOKEN, "401"):
        pytest.skip("wrong credentials")
    monkeypatch.setattr(retries, "SECONDS", 5.0)
    strike(world, call, fault, monkeypatch, times=1)
    world.run()
    assert len(world.proxy.failed) == 1
    world.is_settled()


@pytest.mark.parametrize(("name", "call", "fault"), cases(LASTING))
def test_what_lasts_is_told_and_the_next_run_converges(
    world: World, call: Call, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strike(world, call, fault, monkeypatch)
    if fault in call.borne:
        world.run()
    else:
        told(world)
    assert world.proxy.failed
    world.nothing_is_there_twice()
    world.converges()


def strike(
    world: World,
    call: Call,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    times: float = float("inf"),
) -> None:
    if fault == "silent":
        api_timeout(SILENCE)
        monkeypatch.setattr(glance, "ANSWER", SILENCE)
    after = {"Retry-After": "0" if times == 1 else AFTER[fault]} if fault in AFTER else {}
    world.proxy.faults.append(Fault(call.pattern, fault, times, headers=after, seconds=9))


def told(world: World) -> None:
    """Run what fails: with an error of ours that has a next step."""
    try:
        done = world.run()
    except FlakeshipError as error:
        assert error.code
        assert error.key
        assert error.remedy or error.details
        assert "Traceback" not in str(error)
    else:
        # a sweep goes on, and tells what is left
        assert isinstance(done, SweepResult)
        assert done.left
