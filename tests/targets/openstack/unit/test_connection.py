"""Logging in to a cloud, and the errors where that, or a call, does not work."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from keystoneauth1.exceptions import SSLError
from openstack.config import loader

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected, login
from flakeship.targets.openstack.api.errors import Caller, explained
from tests.targets.openstack.unit.fake_cloud import PASSWORD, Cloud, settings


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cloud of the person who runs the tests."""
    monkeypatch.setattr(loader, "CONFIG_FILES", [])
    monkeypatch.setattr(loader, "SECURE_FILES", [])
    for name in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD", "OS_AUTH_URL"):
        monkeypatch.delenv(name, raising=False)


def failing(cloud: str = "fake") -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised, connected(cloud):
        pass
    assert PASSWORD not in str(raised.value)
    return raised.value


def asking(method: str, path: str) -> FlakeshipError:
    with connected("fake") as connection:
        compute = rest.client(connection, "compute")
    with pytest.raises(FlakeshipError) as raised, connected("fake"):
        rest.call(compute, method, path)
    assert PASSWORD not in str(raised.value)
    return raised.value


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
    error = failing("")
    assert error.code == "credentials-refused"
    assert "the credentials in the OS_* variables are not accepted (401" in error.what


def test_nothing_is_configured() -> None:
    error = failing("")
    assert (error.code, error.allowed) == ("cloud-not-chosen", "")
    assert error.what.startswith("no cloud is configured in OS_CLIENT_CONFIG_FILE, ./clouds.yaml")
    assert "OS_AUTH_URL" in error.remedy


def test_none_of_several_clouds_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = configured(tmp_path, monkeypatch, one={}, two={})
    error = failing("")
    assert (error.code, error.allowed) == ("cloud-not-chosen", "one, two")
    assert str(file) in error.what


@pytest.mark.parametrize("variable", ["OS_CLOUD", "OS_REGION_NAME"])
def test_the_only_cloud_is_not_chosen_either(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "")
    error = failing("")
    assert (error.code, error.allowed) == ("cloud-not-chosen", "fake")
    assert error.key == "flakeship:openstack.cloud"
    assert "OS_CLOUD" in error.remedy
    assert not cloud.calls


def test_an_unknown_cloud_is_told_which_there_are(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = failing("fkae")
    assert (error.code, error.given, error.allowed) == ("cloud-unknown", "fkae", "fake")
    assert error.remedy == "did you mean fake?"
    monkeypatch.setenv("OS_CLOUD", "gone")
    error = failing("")
    assert (error.code, error.given, error.allowed) == ("cloud-unknown", "gone", "fake")
    assert "OS_CLOUD" in error.remedy
    assert not cloud.calls


def test_a_file_that_is_missing_or_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clouds.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    assert f"({file} is not there)" in failing("a").what
    file.write_text("clouds: [\n")
    assert f"({file} cannot be read as YAML)" in failing("a").what
    file.write_text("- text\n")
    assert "is empty or not a valid mapping" in failing("a").what


def test_wrong_credentials(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = configured(tmp_path, monkeypatch, fake=settings(cloud.url, "wrong-password"))
    error = failing()
    assert (error.code, error.key) == ("credentials-refused", "fake")
    assert f"the credentials in {file} are not accepted (401" in error.what
    assert "expired" in error.remedy
    assert "wrong-password" not in str(error)


def test_incomplete_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, monkeypatch, fake={"auth": {"username": "test"}})
    error = failing()
    assert error.code == "credentials-incomplete"
    assert "auth_url" in error.what


def test_a_cloud_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, monkeypatch, fake=settings("http://127.0.0.1:1"))
    error = failing()
    assert (error.code, error.key) == ("cloud-unreachable", "fake")
    assert (
        "connection to http://127.0.0.1:1/identity/v3/auth/tokens: Connection refused" in error.what
    )
    assert "auth_url" in error.remedy


def test_a_password_in_a_url_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, fake=settings("http://me:hush-hush@127.0.0.1:1"))
    error = failing()
    assert "http://127.0.0.1:1/identity/v3" in error.what
    assert "hush-hush" not in str(error)


def test_a_service_that_is_not_in_the_catalogue(cloud: Cloud) -> None:
    cloud.services = ["compute"]
    error = failing()
    assert error.code == "service-missing"
    assert "no image, network service for region here" in error.what


def test_a_region_that_is_not_in_the_catalogue(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, fake=settings(cloud.url) | {"region_name": "there"})
    error = failing()
    assert error.code == "service-missing"
    assert "no compute, image, network service for region there" in error.what
    assert (error.given, error.allowed) == ("region_name there", "here")


def test_a_service_that_refuses_connections_is_named(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login has worked: auth_url is not what is wrong."""
    monkeypatch.setitem(cloud.elsewhere, "image", "http://127.0.0.1:1/image")
    with pytest.raises(FlakeshipError) as raised, connected("fake") as connection:
        rest.call(rest.client(connection, "image"), "GET", "/images")
    error = raised.value
    assert error.code == "cloud-unreachable"
    assert error.what.startswith("its image service cannot be reached: ")
    assert "127.0.0.1:1" in error.what
    assert "auth_url" not in str(error)


def test_tls_against_a_plain_port(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, fake=settings(cloud.url.replace("http:", "https:")))
    error = failing()
    assert error.code == "tls-mismatch"
    assert "http://" in error.remedy
    assert "auth_url" in error.remedy


@pytest.mark.parametrize(
    ("reason", "code", "word"),
    [
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate",
            "certificate-untrusted",
            "cacert",
        ),
        ("certificate verify failed: certificate has expired", "certificate-untrusted", "renewed"),
        (
            "Hostname mismatch, certificate is not valid for 'x'",
            "certificate-untrusted",
            "a name of",
        ),
        ("[SSL] record layer failure (_ssl.c:1000)", "tls-mismatch", "http://"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "tls-mismatch", "http://"),
    ],
)
def test_why_a_handshake_failed(reason: str, code: str, word: str) -> None:
    error = explained(SSLError(f"SSL exception connecting to https://x: {reason}"), Caller("fake"))
    assert error.code == code
    assert word in error.remedy


def test_plain_http_against_a_port_with_tls(cloud: Cloud) -> None:
    page = "<html>400 The plain HTTP request was sent to HTTPS port<hr>nginx</html>"
    cloud.refuse("/limits", 400, page)
    error = asking("GET", "/limits")
    assert error.code == "tls-mismatch"
    assert "https://" in error.remedy


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
    error = asking(method, path)
    assert (error.code, error.key, error.given) == ("role-missing", "fake", "member, reader")
    assert error.what == (
        f"{method} {cloud.url}/compute/v2.1{path.partition('=')[0]} is forbidden (Policy no): it "
        f"needs the role {role}"
    )


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
    error = asking("POST", "/servers")
    assert error.code == "quota-exceeded"
    call, _, said = error.what.partition("servers: ")
    assert call.endswith(f"does not allow POST {cloud.url}/compute/v2.1/")
    assert "uota" in said
    assert "<" not in said


def test_a_busy_cloud_and_other_answers(cloud: Cloud) -> None:
    cloud.refuse("/servers", 503, "<html>no backend</html>")
    error = asking("GET", "/servers")
    assert error.code == "cloud-busy"
    assert "was not served (503, no backend)" in error.what
    cloud.refuse("/limits", 418, {"teapot": {"message": f"I am {PASSWORD}"}})
    error = asking("GET", "/limits")
    assert error.code == "cloud-refused"
    assert error.what.endswith("/compute/v2.1/limits failed with 418: I am …")


def test_a_cloud_that_does_not_answer_in_time(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, fake=settings(cloud.url) | {"api_timeout": 0.4})
    cloud.slow = "/limits"
    error = asking("GET", "/limits")
    assert error.code == "cloud-unreachable"
    assert error.what.startswith("no answer in time: ")
    assert "api_timeout" in error.remedy


def test_every_call_is_in_the_debug_log_without_a_secret(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "flakeship")
    with connected("fake") as connection:
        compute = rest.client(connection, "compute")
        rest.list_all(compute, "/servers/detail", "servers", {"name": "web"})
        rest.call(compute, "GET", "/limits")
    login_, *calls = [re.sub(r"\d+\.\d\d s", "T", message) for message in caplog.messages]
    assert login_ == "fake: a token of project ours with the roles member, reader after T"
    assert calls == [
        f"GET {cloud.url}/compute/v2.1/servers/detail: 200 after T",
        f"GET {cloud.url}/compute/v2.1/limits: 200 after T",
    ]
    assert not [word for word in (PASSWORD, cloud.token) if word in caplog.text]


def test_a_call_without_an_answer_is_in_the_debug_log(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "flakeship")
    cloud.slow = "/limits"
    with pytest.raises(FlakeshipError), connected("fake") as connection:
        rest.call(rest.client(connection, "compute"), "GET", "/limits", timeout=0.1)
    assert "/limits: no answer after 0." in caplog.messages[-1]
