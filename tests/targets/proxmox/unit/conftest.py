"""An API that tests can log in to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flakeship.targets.proxmox.api import client
from flakeship.targets.proxmox.cutover import guest
from tests.targets.proxmox.unit.cluster import Cluster, certificate, running
from tests.targets.proxmox.unit.guests import Network


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the API."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes certificates, is not installed")
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def cluster(trusted: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """An API that answers nothing yet; what fails is not tried for long."""
    monkeypatch.setattr(client, "AGAIN", 0.0)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with running(trusted) as found:
        yield found


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """An empty network."""
    made = Network()
    monkeypatch.setattr(guest, "login", made.login)
    return made
