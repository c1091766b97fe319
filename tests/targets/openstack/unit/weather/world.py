"""One operation on a cloud in bad weather, and what has to be true of it afterwards."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.base import SweepResult
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.requests import PublishRequest
from tests.targets.openstack.faults import Fault, Proxy
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.weather.operations import OPERATIONS, Call, Operation

SILENCE = 0.1  # seconds without an answer after which a call is given up


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

    def strike(self, fault: str, *calls: Call, times: float = float("inf")) -> None:
        """Let each kind of call have a fault."""
        api_timeout(SILENCE if fault == "silent" else 60)
        after = {"Retry-After": "0"} if fault == "429" else {}
        faults = (Fault(each.pattern, fault, times, headers=after, seconds=9) for each in calls)
        self.proxy.faults[:] = faults

    def is_settled(self) -> None:
        """The cloud has exactly what a run is to leave."""
        has = counts(self.cloud)
        expected = self.operation.left
        assert {name: has.get(name, 0) for name in expected} == expected
        for image in self.cloud.images.values():
            assert (image["status"], image["os_hash_value"]) == ("active", self.request.sha512)
            assert glance.UPLOADING not in image["tags"]

    def has_nothing_twice(self) -> None:
        """A run that failed may have left something, but no second one of it."""
        has = counts(self.cloud)
        most = {**self.operation.left, **self.operation.most}
        assert {name: has.get(name, 0) for name in most if has.get(name, 0) > most[name]} == {}

    def converges(self) -> None:
        """The next run, in good weather."""
        self.proxy.faults.clear()
        api_timeout(60)
        self.run()
        self.is_settled()


def is_told(world: World) -> None:
    """Run what fails: an error of ours says where, and what to do next."""
    if world.operation is OPERATIONS["sweep"]:
        try:
            done = world.run()
        except FlakeshipError as error:
            refusal = error
        else:  # it goes on, and tells what is left
            assert isinstance(done, SweepResult)
            assert done.left
            return
    else:
        with pytest.raises(FlakeshipError) as raised:
            world.run()
        refusal = raised.value
    assert refusal.code
    assert refusal.key
    assert refusal.remedy or refusal.details


def api_timeout(seconds: float) -> None:
    """Let every call of the next logins wait so long for an answer."""
    file = Path(os.environ["OS_CLIENT_CONFIG_FILE"])
    given = json.loads(file.read_text())
    given["clouds"]["fake"]["api_timeout"] = seconds
    file.write_text(json.dumps(given))


def counts(cloud: Cloud) -> dict[str, int]:
    """How many objects of each kind there are."""
    return {name: len(things) for name, things in cloud.things.items()}
