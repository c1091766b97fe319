"""Who waits longer than 10 s for a cloud is told, in one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from keystoneauth1.exceptions import ServiceUnavailable
from requests.adapters import HTTPAdapter

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import patience, rest, retries
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.upload import Upload
from tests.targets.openstack.faults import Fault, Proxy
from tests.targets.openstack.unit.conftest import refused
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.weather.world import api_timeout

TOLD = 0.1


@pytest.fixture(autouse=True)
def told_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "TOLD", TOLD)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What a person is told so far."""
    caplog.set_level("INFO", "flakeship")
    return lambda: [each.message for each in caplog.records]


def test_a_service_that_is_away_is_told_once_for_all_calls(
    cloud: Cloud,
    proxy: Proxy,
    lines: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An inspection makes its calls at the same time."""
    monkeypatch.setattr(retries, "SECONDS", 2.0)
    proxy.faults[:] = [Fault("/(network|compute|image)/", "503")]
    assert refused(lambda: inspect("fake")).code == "cloud-busy"
    (line,) = lines()
    assert line.startswith(f"GET {cloud.url}/")
    assert "503 Service Unavailable, for 0 s; still trying" in line


def test_a_silent_service_is_told_while_it_is_waited_for(
    cloud: Cloud, proxy: Proxy, lines: Callable[[], list[str]]
) -> None:
    proxy.faults[:] = [Fault("/limits", "silent", times=2, seconds=60)]
    api_timeout(1)
    error = refused(lambda: inspect("fake"))
    assert (error.code, error.key) == ("cloud-unreachable", "fake")
    (line,) = lines()
    assert line.startswith(f"GET {cloud.url}/compute/v2.1/limits: no answer yet")


@pytest.mark.usefixtures("cloud")
def test_what_is_quick_is_not_told(
    proxy: Proxy,
    lines: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "TOLD", 60)
    proxy.faults[:] = [Fault("/limits", "503", times=2)]
    monkeypatch.setattr(retries, "SECONDS", 5.0)
    inspect("fake")
    assert len(proxy.failed) == 2
    assert lines() == []


def test_an_upload_has_lines_of_its_own(
    tmp_path: Path, lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "disk"
    file.write_bytes(b"x")
    prepared = requests.Request("PUT", "http://cloud.invalid", data=Upload(file, "x")).prepare()

    def long(*_: object, **__: object) -> requests.Response:
        time.sleep(4 * TOLD)
        answer = requests.Response()
        answer.status_code, answer._content = 204, b""
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", long)
    retries.RetryingAdapter().send(prepared)
    assert lines() == []


def test_a_create_and_a_removal_that_take_long(
    memory: Cloud, lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "TOLD", 0)
    monkeypatch.setattr(rest, "PATIENCE", 1)

    def make() -> None:
        raise ServiceUnavailable("busy")

    with pytest.raises(ServiceUnavailable):
        rest.create("the port of web", make, lambda: None)
    assert [each.partition(";")[0] for each in lines()] == ["the port of web: busy (HTTP 503)"]
    memory.refuse("DELETE", 409, {"conflictingRequest": {"message": "in use"}})
    with pytest.raises(FlakeshipError):
        rest.delete(memory.compute, "/servers/server-1", "the server", "by hand")
    assert [each.partition(";")[0] for each in lines()][1:] == ["the server: in use"]
    assert len(memory.asked("DELETE")) > 1


@pytest.mark.parametrize(("status", "calls"), [(403, 1), (413, 1), (401, 2)])
def test_a_removal_that_is_refused_is_not_tried_for_a_minute(
    memory: Cloud, status: int, calls: int
) -> None:
    memory.refuse("DELETE", status, "no")
    error = refused(lambda: rest.delete(memory.compute, "/servers/server-1", "it", "by hand"))
    assert (error.code, error.key, error.remedy) == ("removal-failed", "it", "try `by hand`")
    assert len(memory.asked("DELETE")) == calls
