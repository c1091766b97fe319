"""A cloud that tests can log in to, and an image for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.nix import image_file
from flakeship.targets.openstack.api import deletion, rest
from flakeship.targets.openstack.inventory import RELEASE, STACK
from flakeship.targets.openstack.requests import PublishRequest
from tests.targets.openstack.unit import fake_cloud
from tests.targets.openstack.unit.small_cloud import SmallCloud

MARKS = {STACK: "dev", RELEASE: "web-1"}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_cloud.Cloud]:
    """The only cloud that is configured, as `fake`."""
    with fake_cloud.running(tmp_path) as (made, file):
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
        monkeypatch.delenv("OS_CLOUD", raising=False)
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A qcow2 of 2049 MiB, as far as its header goes."""
    path = tmp_path / "disk.qcow2"
    path.write_bytes(image_file.QCOW2 + bytes(20) + (2049 << 20).to_bytes(8, "big") + b"data" * 999)
    return path


@pytest.fixture
def request_(file: Path) -> PublishRequest:
    digest = hashlib.sha512(file.read_bytes()).hexdigest()
    properties = {**MARKS, "os_distro": "nixos"}
    return PublishRequest("fake", "web-1", str(file), digest, 512, properties, "private")


def said(call: Callable[[], object]) -> str:
    """The error that a call ends with."""
    with pytest.raises(FlakeshipError) as raised:
        call()
    return str(raised.value)


def only(cloud: fake_cloud.Cloud) -> dict[str, Any]:
    """The one image that there is."""
    (image,) = cloud.images.values()
    return image


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> SmallCloud:
    """Nova and Neutron, in memory."""
    made = SmallCloud()
    monkeypatch.setattr(rest, "ask", made.ask)
    monkeypatch.setattr(rest, "every", made.every)
    monkeypatch.setattr(rest, "client", lambda *_: made)
    monkeypatch.setattr(deletion, "PATIENCE", 1)
    return made
