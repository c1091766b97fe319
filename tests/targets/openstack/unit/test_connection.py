"""Logging in to a cloud, and what is said where that, or a call, does not work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openstack.config import loader

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected, login
from tests.targets.openstack.unit.fake_cloud import PASSWORD, Cloud, settings


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cloud of the person who runs the tests."""
    monkeypatch.setattr(loader, "CONFIG_FILES", [])
    monkeypatch.setattr(loader, "SECURE_FILES", [])
    for name in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD", "OS_AUTH_URL"):
        monkeypatch.delenv(name, raising=False)


def failing(cloud: str = "fake") -> str:
    with pytest.raises(FlakeshipError) as raised, connected(cloud):
        pass
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def asking(method: str, path: str) -> str:
    with connected("fake") as connection:
        compute = rest.client(connection, "compute")
    with pytest.raises(FlakeshipError) as raised, connected("fake"):
        rest.ask(compute, method, path)
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def configured(path: Path, monkeypatch: pytest.MonkeyPatch, **clouds: object) -> Path:
    file = path / "clouds.yaml"
    file.write_text(json.dumps({"clouds": clouds}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    return file


def test_the_token_tells_project_and_roles(cloud: Cloud) -> None:
    with connected("fake") as connection:
        access = login(connection)
        assert (access.project_id, access.role_names) == ("p", ["member", "reader"])
        assert connection.session.timeout == 60
    assert len(cloud.asked("POST")) == 1


def test_os_cloud_and_variables_are_taken(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLOUD", "fake")
    with connected("") as connection:
        assert connection.config.name == "fake"
    monkeypatch.delenv("OS_CLOUD")
    for key, value in settings(cloud.url)["auth"].items():
        monkeypatch.setenv(f"OS_{key.upper()}", value)
    with connected(""):
        pass
    monkeypatch.setenv("OS_PASSWORD", "another")
    assert "the credentials in the OS_* variables are not accepted (401" in failing("")


def test_nothing_is_configured() -> None:
    said = failing("")
    assert said.startswith("no cloud is configured; there is none in OS_CLIENT_CONFIG_FILE, ./cl")
    assert "OS_AUTH_URL" in said


def test_none_of_several_clouds_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = configured(tmp_path, monkeypatch, one={}, two={})
    assert f"no cloud is chosen; there are one, two in {file}; name one" in failing("")


@pytest.mark.parametrize("variable", ["OS_CLOUD", "OS_REGION_NAME"])
def test_the_only_cloud_is_not_chosen_either(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "")
    said = failing("")
    assert said.startswith("no cloud is chosen; there are fake in /")
    assert "name one in flakeship:openstack.cloud or OS_CLOUD, or set OS_AUTH_URL" in said
    assert not cloud.calls


def test_an_unknown_cloud_is_told_which_there_are(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = failing("fkae")
    assert said.startswith("fkae: there is no cloud of this name, did you mean fake?; there are f")
    monkeypatch.setenv("OS_CLOUD", "gone")
    assert failing("").startswith("gone: there is no cloud of this name; there are fake in /")
    assert not cloud.calls


def test_a_file_that_is_missing_or_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clouds.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    assert f"({file} is not there)" in failing("a")
    file.write_text("clouds: [\n")
    assert f"({file} cannot be read as YAML)" in failing("a")
    file.write_text("- text\n")
    assert "is empty or not a valid mapping" in failing("a")


def test_wrong_credentials(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = configured(tmp_path, monkeypatch, fake=settings(cloud.url, "wrong-password"))
    said = failing()
    assert f"fake: the credentials in {file} are not accepted (401" in said
    assert "wrong, expired or revoked" in said
    assert "wrong-password" not in said


def test_incomplete_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, monkeypatch, fake={"auth": {"username": "test"}})
    said = failing()
    assert "are not complete" in said
    assert "auth_url" in said


def test_a_cloud_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, monkeypatch, fake=settings("http://127.0.0.1:1"))
    said = failing()
    assert said.startswith("fake: cannot be reached: ")
    assert "connection to http://127.0.0.1:1/identity/v3: Connection refused; is auth_url" in said


def test_a_password_in_a_url_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, fake=settings("http://me:hush-hush@127.0.0.1:1"))
    said = failing()
    assert "http://127.0.0.1:1/identity/v3" in said
    assert "hush-hush" not in said


def test_a_service_that_is_not_in_the_catalogue(cloud: Cloud) -> None:
    cloud.services = ["compute"]
    assert "the catalogue has no image, network service for region here" in failing()


def test_a_region_that_is_not_in_the_catalogue(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, fake=settings(cloud.url) | {"region_name": "there"})
    assert "has no compute, image, network service for region there" in failing()


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/servers/detail", "reader"),
        ("GET", "/servers/detail?all_tenants=1", "admin"),
        ("POST", "/servers", "member"),
        ("POST", "/flavors", "admin"),
    ],
)
def test_a_forbidden_call_names_itself_and_the_role(
    cloud: Cloud, method: str, path: str, role: str
) -> None:
    cloud.refuse("/servers|/flavors", 403, {"forbidden": {"code": 403, "message": "Policy no"}})
    said = asking(method, path)
    assert f"fake: {method} {cloud.url}/compute/v2.1{path.partition('=')[0]} is forbidden" in said
    assert f"(Policy no): it needs the role {role}, and the credentials in" in said
    assert said.endswith("have member, reader")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"forbidden": {"message": "Quota exceeded for cores: Requested 8, used 0 of 4"}}),
        (409, {"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for ['port']."}}),
        (413, "<html><body>The data exceeds the storage quota: 1 of 0 MiB</body></html>"),
    ],
)
def test_a_quota_is_told_from_other_refusals(cloud: Cloud, status: int, body: object) -> None:
    cloud.refuse("POST /compute", status, body)
    said = asking("POST", "/servers")
    assert f"a quota of the project does not allow POST {cloud.url}/compute/v2.1/servers: " in said
    assert "uota" in said.partition(": ")[2].partition("servers: ")[2]
    assert "<" not in said


def test_a_busy_cloud_and_other_answers(cloud: Cloud) -> None:
    cloud.refuse("/servers", 503, "<html>no backend</html>")
    assert "was not served (503, no backend): the cloud is busy" in asking("GET", "/servers")
    cloud.refuse("/limits", 418, {"teapot": {"message": f"I am {PASSWORD}"}})
    assert asking("GET", "/limits").endswith("/compute/v2.1/limits failed with 418: I am …")


def test_a_cloud_that_does_not_answer_in_time(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, fake=settings(cloud.url) | {"api_timeout": 0.2})
    cloud.slow = "/limits"
    said = asking("GET", "/limits")
    assert said.startswith("fake: no answer in time: ")
    assert "api_timeout (seconds) in" in said
