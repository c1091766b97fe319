"""`flakeship keys`: who can log in, and what of it this workstation has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.authorized_key import AuthorizedKey
from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.operate import actions, authorized
from flakeship.ssh import login_keys
from flakeship.ssh.keys import OWN_KEY
from flakeship.state import stack
from flakeship.state.stack import Stack
from flakeship.targets.local.operate import LocalOperator
from tests.unit.model.test_ledger import record
from tests.unit.operate.test_status import resources, verification
from tests.unit.release.test_access import new_key


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A stack whose releases have keys, but for the oldest one."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(login_keys, "DEFAULTS", ())
    known = {"flakeship:identity": {"value": "ci"}}
    monkeypatch.setattr(stack, "configuration", lambda _: known)
    new_key(str(OWN_KEY), "flakeship")
    new_key("ci", "ci@example.org")
    own, ci = (AuthorizedKey(login_keys.of_file(str(f)), f"of {f}") for f in (OWN_KEY, "ci"))
    other = AuthorizedKey("SHA256:" + "A" * 43, "somebody")
    found = resources()
    ledger = [replace(record(3).release, keys=(own, ci)), replace(record(2).release, keys=(other,))]
    found[0]["outputs"]["releases"] = [
        plain(replace(record(1), release=release)) for release in (*ledger, record(1).release)
    ]
    standby = (f"{server}-22222222-abcd" for server in ("web", "gone"))
    return [*found, *(verification(machine, "2026-06-01 12:00:00+02:00") for machine in standby)]


def test_each_release_with_its_servers_and_keys(stored: list[dict[str, Any]]) -> None:
    newest, standby, oldest = authorized.keys(Stack("dev", {"resources": stored}))
    assert (newest.release, newest.running, newest.standby) == ("web-33333333", ["web"], [])
    assert [row.here for row in newest.keys] == [[str(OWN_KEY)], ["ci"]]
    assert (standby.release, standby.running, standby.standby) == ("web-22222222", [], ["web"])
    assert [(row.comment, row.here) for row in standby.keys] == [("somebody", [])]
    assert (oldest.running, oldest.standby, oldest.keys) == ([], [], [])


def test_the_same_for_a_person(
    stored: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ci = login_keys.of_file("ci")
    monkeypatch.setattr(login_keys, "of_agent", lambda: [ci])
    shown = authorized.text(authorized.keys(Stack("dev", {"resources": stored}))).splitlines()
    assert shown[0] == "web-33333333; running: web"
    assert shown[1].startswith("  ✓ SHA256:")
    assert shown[1].endswith(f"of {OWN_KEY}  {OWN_KEY}")
    assert shown[2] == f"  ✓ {ci}  of ci                 ci, ssh-agent"
    assert shown[4] == "web-22222222; standby: web"
    assert shown[5] == f"    SHA256:{'A' * 43}  somebody  not here"
    assert shown[7] == "web-11111111"
    assert "no keys" in shown[8]


def test_a_stack_without_a_release_has_none() -> None:
    with pytest.raises(FlakeshipError) as caught:
        authorized.keys(Stack("dev", {}))
    assert caught.value.code == "nothing-verified"


@pytest.mark.parametrize("key", ["ci", "other"])
def test_a_login_without_the_key_says_which_one_is_missing(
    stored: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    key: str,
) -> None:
    new_key("other", "other")
    login = ["ssh", "-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-i", key, "web"]
    monkeypatch.setattr(LocalOperator, "login", lambda *_: login)
    assert actions.login(Stack("dev", {"resources": stored}), "web") == login
    if key == "ci":
        assert caplog.text == ""
    else:
        assert login_keys.of_file("ci") in caplog.text
        assert f"{login_keys.of_file('other')} (other)" in caplog.text
