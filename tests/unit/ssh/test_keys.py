"""Who may log in, and by which private key."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.ssh import keys as access

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample someone"


def test_our_own_key_pair_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (key,) = access.public_keys([])
    assert key.startswith("ssh-ed25519 AAAA")
    assert access.public_keys([]) == [key]
    assert access.OWN_KEY.stat().st_mode & 0o777 == 0o600
    access.OWN_KEY.with_suffix(".pub").unlink()
    assert access.public_keys([])[0].split()[:2] == key.split()[:2]


def test_configured_keys_and_files(tmp_path: Path) -> None:
    file = tmp_path / "keys.pub"
    file.write_text(f"# ours\n{KEY}\n\n")
    assert access.public_keys([KEY, str(file)]) == [KEY, KEY]


@pytest.mark.parametrize("text", ["-----BEGIN OPENSSH PRIVATE KEY-----\nsecret", "ssh-ed25519 x"])
def test_what_is_no_public_key_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    file = tmp_path / "id"
    file.write_text(text)
    with pytest.raises(SettingError) as caught:
        access.public_keys([str(file)])
    assert caught.value.key == "flakeship:authorizedKeys"
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingError) as caught:
        access.public_keys(["/gone"])
    assert (caught.value.key, caught.value.given) == ("flakeship:authorizedKeys", "/gone")


def test_the_flakes_input_is_written_only_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = access.directory("dev", [KEY]) / "authorized_keys"
    before = file.stat().st_mtime_ns
    assert file.read_text() == f"{KEY}\n"
    assert access.directory("dev", [KEY]).joinpath("authorized_keys").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("keys", "identity", "login"),
    [([], "", ".state/id_ed25519"), ([KEY], "", ""), ([KEY], __file__, __file__)],
)
def test_who_logs_in(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], identity: str, login: str
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    assert access.identity(identity, keys) == login


def test_keys_that_nobody_here_can_use_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(FlakeshipError) as refused:
        access.identity("", [KEY])
    assert refused.value.code == "identity-missing"
    assert refused.value.key == "flakeship:identity"
