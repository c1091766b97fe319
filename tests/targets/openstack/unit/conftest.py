"""A cloud that tests can log in to, the same in memory, and an image to publish."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.api import connection, rest, retries
from flakeship.targets.openstack.requests import PublishRequest
from tests.targets.openstack.unit import fake_cloud
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.unit.nix.test_image_file import qcow2_header

TAGS = Owner("dev", release="web-1").tags


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The only cloud that is configured, as `fake`."""
    with fake_cloud.running(tmp_path) as (made, file):
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
        monkeypatch.delenv("OS_CLOUD", raising=False)
        yield made


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud without a network: every login as `fake` leads to it."""
    made = Cloud()

    @contextlib.contextmanager
    def connected(name: str) -> Iterator[Cloud]:
        assert name == "fake"
        yield made

    monkeypatch.setattr(connection, "connected", connected)
    monkeypatch.setattr(rest, "client", lambda cloud, service: cloud.service(service))
    monkeypatch.setattr(rest, "PATIENCE", 1)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A qcow2 of 2049 MiB, as far as its header goes."""
    path = tmp_path / "disk.qcow2"
    path.write_bytes(qcow2_header(size=2049 << 20) + b"data" * 879)
    return path


@pytest.fixture
def request_(file: Path) -> PublishRequest:
    digest = hashlib.sha512(file.read_bytes()).hexdigest()
    properties = {**TAGS, "os_distro": "nixos"}
    return PublishRequest("web-1", str(file), digest, 512, properties, "private", cloud="fake")


def refused(call: Callable[[], object]) -> FlakeshipError:
    """The error that a call ends with."""
    with pytest.raises(FlakeshipError) as raised:
        call()
    return raised.value


def only(cloud: Cloud) -> dict[str, Any]:
    """The one image that there is."""
    (image,) = cloud.images.values()
    return image


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call is made again for a moment only."""
    monkeypatch.setattr(retries, "SECONDS", 0.3)
    monkeypatch.setattr(retries, "FIRST", 0.1)
