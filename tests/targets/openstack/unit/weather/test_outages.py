"""A service that is down, calls that fail at random, and uploads that are cut."""

from __future__ import annotations

import hashlib
import random
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.images.publish import publish
from flakeship.targets.openstack.requests import PublishRequest
from tests.targets.openstack.faults import Fault, Proxy
from tests.targets.openstack.unit.conftest import only, refused
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.weather.world import World, is_told
from tests.unit.nix.test_image_file import qcow2_header

USED = {
    "inspect": ("compute", "image", "network"),
    "publish": ("image",),
    "publish again": ("image",),
    "show": ("image",),
    "withdraw": ("compute", "image"),
    "verify": ("compute", "network"),
    "verify a test server": ("compute", "network"),
    "sweep": ("compute", "image", "network"),
}


@pytest.fixture
def closed() -> Iterator[str]:
    """The host and port of nobody, who refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        yield f"localhost:{bound.getsockname()[1]}"


@pytest.mark.parametrize(("name", "down"), [(name, down) for name in USED for down in USED[name]])
def test_a_service_that_refuses_connections(
    world: World, down: str, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", closed)
    monkeypatch.setenv("NO_PROXY", closed)
    world.cloud.elsewhere[down] = f"http://{closed}/{down}"
    is_told(world)
    world.has_nothing_twice()
    world.cloud.elsewhere.clear()
    world.converges()


@pytest.mark.parametrize("name", USED)
@pytest.mark.parametrize("seed", range(6))
def test_calls_that_fail_at_random(world: World, seed: int) -> None:
    """Of all calls 8 % get 503, and some others are cut: it works, or the next run does."""
    world.proxy.dice = random.Random(seed)
    world.proxy.faults[:] = [
        Fault("", "503", share=0.08),
        Fault("", "429", share=0.04, headers={"Retry-After": "0"}),
        Fault("", "cut", share=0.05),
        Fault("", "lost", share=0.05),
        Fault("", "half", share=0.05),
    ]
    try:
        world.run()
    except FlakeshipError as error:
        assert error.remedy or error.details  # noqa: PT017 - it may work
        world.converges()
    else:
        world.is_settled()


@pytest.fixture
def large(request_: PublishRequest) -> PublishRequest:
    """An image of three blocks of an upload."""
    data = qcow2_header(size=2049 << 20).ljust(3 << 20, b"x")
    Path(request_.file).write_bytes(data)
    return replace(request_, sha512=hashlib.sha512(data).hexdigest())


UPLOAD = "PUT .*/images/.*/file$"


@pytest.mark.parametrize("act", ["midway", "cut", "lost", "half", "401", "503", "garbled"])
def test_a_cut_upload_starts_over(
    cloud: Cloud, proxy: Proxy, large: PublishRequest, act: str
) -> None:
    proxy.faults[:] = [Fault(UPLOAD, act, times=1)]
    done = publish(large, None)
    is_complete(cloud, large, done.id)
    assert len(proxy.failed) == 1


@pytest.mark.parametrize("removal", ["503", "cut"])
@pytest.mark.parametrize("act", ["midway", "413"])
def test_an_upload_that_fails_and_cannot_be_removed_is_found(
    cloud: Cloud, proxy: Proxy, large: PublishRequest, act: str, removal: str
) -> None:
    """Whatever Glance thinks of it: what it has is not known to be the file."""
    proxy.faults[:] = [Fault(UPLOAD, act), Fault("DELETE .*/images/[^/]+$", removal)]
    error = refused(lambda: publish(large, None))
    assert error.remedy
    assert cloud.images
    proxy.faults.clear()
    is_complete(cloud, large, publish(large, None).id)


@pytest.mark.parametrize("removal", ["503", "cut"])
@pytest.mark.parametrize("act", ["lost", "garbled"])
def test_an_upload_that_nobody_told_of_is_taken_over(
    cloud: Cloud, proxy: Proxy, large: PublishRequest, act: str, removal: str
) -> None:
    """Glance's checksum tells that it has all of the bytes."""
    proxy.faults[:] = [Fault(UPLOAD, act), Fault("DELETE .*/images/[^/]+$", removal)]
    is_complete(cloud, large, publish(large, None).id)
    assert len(cloud.asked(UPLOAD)) == 1


def is_complete(cloud: Cloud, request: PublishRequest, number: str) -> None:
    """The one image that there is has the bytes, and is no upload any more."""
    image = only(cloud)
    assert (image["id"], image["status"]) == (number, "active")
    assert image["os_hash_value"] == request.sha512
    assert glance.UPLOADING not in image["tags"]
    assert image["os_hidden"]
