"""Every test runs once for each registered target."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.operate import actions
from flakeship.targets import registry
from tests.conformance.stack import Deployed


@pytest.fixture(autouse=True)
def _private_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make` exports that of the stack `dev`, with which a target that has secrets is refused."""
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _folder_as_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without locks: of another backend only Pulumi tells whether a run is under way."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())


@pytest.fixture(params=registry.names())
def target(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def deployed(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """The target's example stack, in an empty directory, before its first run."""
    monkeypatch.chdir(tmp_path)
    deployed = Deployed(target, monkeypatch)
    monkeypatch.setattr(actions, "selected", lambda: deployed.stack)
    return deployed
