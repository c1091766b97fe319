"""A login that is handed on: no second token, and a new one where the first has ended."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.codec import dump
from flakeship.model.errors import FlakeshipError
from flakeship.provider import operations
from flakeship.provider.operations import CREATE, Operation
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected, login
from flakeship.targets.openstack.api.sessions import Sessions, handed_on
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.openstack.requests import VisibilityRequest
from tests.targets.openstack.unit.conftest import refused
from tests.targets.openstack.unit.fake_cloud import Cloud, settings

PASSED = "2026-01-01T00:00:00.000000Z"
TOKENS = "POST .*/auth/tokens"


@pytest.fixture
def state(cloud: Cloud) -> str:
    """That of one login; the cloud has forgotten how it was made."""
    with handed_on() as sessions, connected("fake"):
        pass
    assert len(cloud.asked(TOKENS)) == 1
    cloud.calls.clear()
    return sessions()


def go_on(state: str, *, calls: int = 1) -> str:
    """Make calls at the same time, as another process does, and return what that hands on."""
    with handed_on(state) as sessions, connected("fake") as connection:
        compute = rest.client(connection, "compute")
        with ThreadPoolExecutor(calls) as pool:
            made = [pool.submit(rest.call, compute, "GET", "/limits") for _ in range(calls)]
        assert [each.result()["limits"] for each in made]
        assert login(connection).project_id == "p"
    return sessions()


def test_a_login_that_is_handed_on_needs_no_token(cloud: Cloud, state: str) -> None:
    assert go_on(state) == state
    assert cloud.calls == ["GET /compute/v2.1/limits"]


def test_a_whole_inspection_goes_on_with_it(cloud: Cloud, state: str) -> None:
    with handed_on(state):
        assert inspect("fake").roles == ["member", "reader"]
    assert not cloud.asked(f"{TOKENS}|identity")


def test_an_operation_of_the_provider_goes_on_with_it(cloud: Cloud, state: str) -> None:
    given = dump(VisibilityRequest([], ["gone"], cloud="fake"))
    token = "flakeship:openstack:ImageVisibility"
    for logins, tokens in ((state, 0), ("", 1)):
        operation = Operation(token, CREATE, given, logins=logins)
        with operations.logins(operation) as logged_in:
            operations.run(operation)
        assert len(cloud.asked(TOKENS)) == tokens
        assert logged_in()
        assert state not in repr(operation)


def test_versions_are_not_asked_for_again(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where auth_url names no version, Keystone is asked for its versions at the first login."""
    given: dict[str, Any] = settings(cloud.url)
    given["auth"]["auth_url"] = f"{cloud.url}/identity"
    file = tmp_path / "unversioned.yaml"
    file.write_text(json.dumps({"clouds": {"fake": given}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    with handed_on() as first, connected("fake"):
        pass
    assert [call.partition(" ")[0] for call in cloud.asked("identity")] == ["GET", "POST"]
    cloud.calls.clear()
    go_on(first())
    assert not cloud.asked("identity")


def test_logins_in_one_block_share_a_token(cloud: Cloud) -> None:
    with handed_on() as sessions:
        for _ in range(3):
            inspect("fake")
    assert len(cloud.asked(TOKENS)) == 1
    assert json.loads(sessions())


def test_without_a_block_each_login_has_its_own(cloud: Cloud) -> None:
    for _ in range(2):
        inspect("fake")
    assert len(cloud.asked(TOKENS)) == 2


@pytest.mark.parametrize("calls", [1, 8])
def test_a_token_that_is_refused_is_replaced_once(cloud: Cloud, state: str, calls: int) -> None:
    cloud.revoked.add(cloud.token)
    later = go_on(state, calls=calls)
    assert len(cloud.asked(TOKENS)) == 1
    assert later != state
    cloud.calls.clear()
    go_on(later)  # the new one is what is handed on
    assert cloud.calls == ["GET /compute/v2.1/limits"]


def test_a_token_that_has_expired_is_not_tried(cloud: Cloud) -> None:
    cloud.lifetime = PASSED
    with handed_on() as first, connected("fake"):
        pass
    cloud.calls.clear()
    cloud.lifetime = Cloud.lifetime
    go_on(first())
    assert [call.partition(" ")[0] for call in cloud.calls] == ["POST", "GET"]


def test_a_service_that_refuses_the_new_token_too_is_told(cloud: Cloud, state: str) -> None:
    cloud.refuse("/limits", 401, "who?")
    error = refused(lambda: go_on(state))
    assert error.code == "credentials-refused"
    assert len(cloud.asked(TOKENS)) == 1
    assert len(cloud.asked("/limits")) == 2


def test_credentials_that_have_ended_are_told_and_not_handed_on(cloud: Cloud, state: str) -> None:
    cloud.revoked.add(cloud.token)
    cloud.refuse(TOKENS, 401, "no such user")
    with handed_on(state) as sessions:
        error = refused(lambda: inspect("fake"))
    assert error.code == "credentials-refused"
    assert "no such user" in error.what
    assert not sessions()


def test_other_credentials_do_not_get_the_token(
    cloud: Cloud, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(json.dumps({"clouds": {"fake": settings(cloud.url, "wrong-password")}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    with handed_on(state) as sessions, pytest.raises(FlakeshipError) as raised, connected("fake"):
        pass
    assert raised.value.code == "credentials-refused"
    assert sessions() == state


def test_no_token_is_shown_or_logged(
    cloud: Cloud, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "flakeship")
    go_on(state)
    assert caplog.messages
    assert cloud.token in state
    assert cloud.token not in caplog.text + repr(Sessions(state))
