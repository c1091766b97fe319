"""One run has one identity: variables that would give the provider another one are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import environment
from flakeship.targets.openstack.api.connection import connected
from tests.targets.openstack.unit.fake_cloud import Cloud, settings

PASSWORD: dict[str, Any] = settings("http://cloud.invalid") | {"interface": "public"}
CREDENTIAL: dict[str, Any] = {
    "auth": {
        "auth_url": "http://cloud.invalid/identity/v3",
        "application_credential_id": "abc",
        "application_credential_secret": "hush",
    },
    "region_name": "here",
}


def refusal(config: dict[str, Any], **env: str) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        environment.check_named("prod", "clouds.yaml", config, env)
    return raised.value


@pytest.mark.parametrize("config", [PASSWORD, CREDENTIAL])
@pytest.mark.parametrize("name", [*environment.IN_AUTH, *environment.BESIDE_AUTH])
def test_every_variable_that_differs_is_named(config: dict[str, Any], name: str) -> None:
    error = refusal(config, **{name: "true" if name == "OS_INSECURE" else "other-than-that"})
    assert (error.code, error.key, error.given) == ("credentials-mixed", "prod", name)
    assert f"unset {name}" in error.remedy
    assert "other-than-that" not in str(error)


def test_all_are_named_at_once() -> None:
    error = refusal(CREDENTIAL, OS_USERNAME="x", OS_PASSWORD="y", OS_REGION_NAME="there")
    assert error.given == "OS_USERNAME, OS_PASSWORD, OS_REGION_NAME"


@pytest.mark.parametrize(
    "env",
    [
        {"OS_AUTH_URL": "http://cloud.invalid/identity/v3/", "OS_REGION_NAME": "here"},
        {"OS_USERNAME": "test", "OS_PROJECT_NAME": "ours", "OS_TENANT_NAME": "ours"},
        {"OS_USER_DOMAIN_NAME": "default", "OS_INSECURE": "false", "OS_PASSWORD": ""},
        {"OS_CLOUD": "another", "OS_IDENTITY_API_VERSION": "3", "OS_AUTH_TYPE": "password"},
    ],
)
def test_what_says_the_same_or_nothing_is_no_contradiction(env: dict[str, str]) -> None:
    environment.check_named("prod", "clouds.yaml", PASSWORD, env)


@pytest.mark.parametrize(
    ("env", "given"),
    [
        ({"OS_TENANT_NAME": "a", "OS_PROJECT_NAME": "b"}, "OS_PROJECT_NAME, OS_TENANT_NAME"),
        ({"OS_PASSWORD": "a", "OS_TOKEN": "b"}, "OS_PASSWORD, OS_TOKEN"),
        ({"OS_TOKEN": "a", "OS_AUTH_TOKEN": "b"}, "OS_TOKEN, OS_AUTH_TOKEN"),
        ({"OS_TOKEN": "a", "OS_AUTH_TOKEN": "a"}, ""),
        ({"OS_PASSWORD": "a", "OS_PROJECT_NAME": "b", "OS_TENANT_NAME": "b"}, ""),
    ],
)
def test_variables_alone_must_agree(env: dict[str, str], given: str) -> None:
    if not given:
        environment.check_variables(env)
        return
    with pytest.raises(FlakeshipError) as raised:
        environment.check_variables(env)
    assert (raised.value.code, raised.value.given) == ("credentials-mixed", given)


@pytest.mark.parametrize("how", ["setting", "OS_CLOUD"])
def test_a_login_is_refused_before_any_call(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    monkeypatch.setenv("OS_REGION_NAME", "Nowhere")
    if how == "OS_CLOUD":
        monkeypatch.setenv("OS_CLOUD", "fake")
    with (
        pytest.raises(FlakeshipError) as raised,
        connected("fake" if how == "setting" else ""),
    ):
        pass
    assert (raised.value.code, raised.value.given) == ("credentials-mixed", "OS_REGION_NAME")
    assert str(tmp_path) in raised.value.what
    assert not cloud.calls
