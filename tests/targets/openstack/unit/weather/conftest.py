"""A cloud behind a proxy that lets calls fail, and servers without a login."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.api import rest, retries
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.requests import PublishRequest
from flakeship.targets.openstack.servers import nova
from flakeship.verify import verify
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import VerifyRequest
from flakeship.verify.verify import VerificationContext
from tests.targets.openstack.faults import Answer, Proxy, faulty
from tests.targets.openstack.unit.fake_cloud import Cloud, encoded, settings
from tests.targets.openstack.unit.weather.operations import OPERATIONS
from tests.targets.openstack.unit.weather.world import SILENCE, World

PATIENCE = 0.05  # seconds for everything that is waited for


@pytest.fixture(scope="package")
def listening() -> Iterator[Proxy]:
    with faulty() as made:
        yield made


@pytest.fixture
def proxy(listening: Proxy, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """Before every service of the cloud, Keystone among them."""
    for each in (listening.faults, listening.calls, listening.failed):
        each.clear()
    for name, value in listening.env.items():
        monkeypatch.setenv(name, "" if name.lower() == "no_proxy" else value)
    return listening


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> Cloud:
    """The only cloud that is configured, behind the proxy."""
    made = Cloud()
    made.services.append("volumev3")

    def answer(method: str, url: str, _: Mapping[str, str], body: bytes) -> Answer:
        status, content = made.answer(method, url.removeprefix(made.url), body)
        kind, text = encoded(content)
        return status, {"Content-Type": kind, "X-Subject-Token": "a-token"}, text.encode()

    proxy.onward = answer
    file = tmp_path / "clouds.yaml"
    file.write_text(json.dumps({"clouds": {"fake": settings(made.url)}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    monkeypatch.delenv("OS_CLOUD", raising=False)
    return made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for long, and everything for one more attempt."""
    monkeypatch.setattr(retries, "FIRST", 0.005)
    monkeypatch.setattr(retries, "SECONDS", PATIENCE)
    for module, name in (
        (rest, "CREATING"),
        (rest, "PATIENCE"),
        (glance, "ACTIVE"),
        (nova, "STARTING"),
        (nova, "CREATION"),
    ):
        monkeypatch.setattr(module, name, PATIENCE)
    monkeypatch.setattr("flakeship.targets.openstack.images.new_image.PAUSES", (0, 0))


@pytest.fixture(autouse=True)
def checks_of_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verification without a machine: its access, its console, and what the cloud reports."""

    def check(request: VerifyRequest, _: Sequence[str], context: VerificationContext) -> Evidence:
        with context.access.open():
            try:
                context.console.read()
                api = next(each for each in context.checks if each.name == "api")
                api.run(cast("Any", None))
            except Failed as error:
                lines = [f"  ✗ api: {error}", *context.inspect_hint([])]
                raise FlakeshipError(
                    "1 check failed", code="checks-failed", key=request.machine, details=lines
                ) from error
            except FlakeshipError as error:
                error.key = error.key or request.machine
                raise
            return Evidence(request.machine, 1, [], 1.0, [])

    monkeypatch.setattr(verify, "verify", check)


@pytest.fixture
def world(
    name: str,
    cloud: Cloud,
    request_: PublishRequest,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(glance, "ANSWER", SILENCE)  # it is the api_timeout of an upload
    operation = OPERATIONS[name]
    return World(operation, cloud, proxy, request_, operation.prepare(cloud, request_))
