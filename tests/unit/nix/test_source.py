"""What git says of a flake, and who may log in."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.nix import evaluate
from flakeship.ssh import keys as access
from flakeship.system.process import run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAibs1Yw6UaeBcXJQa1h+rnwW7Tz/crGc4TN/JTrUhWv someone"


def git(path: Path, *words: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    return run(["git", "-C", path, *identity, *words]).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    flake = tmp_path / "nix"
    flake.mkdir()
    (flake / "flake.nix").write_text("{ }")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "test")
    return tmp_path


def test_a_clean_flake_has_a_revision_and_no_warning(repository: Path) -> None:
    (repository / "README.md").write_text("changes outside of the flake do not count")
    found = evaluate.source(str(repository / "nix"))
    assert found.revision == git(repository, "rev-parse", "HEAD")
    assert found.warnings == []


def test_what_nix_will_not_see_is_told(repository: Path) -> None:
    (repository / "nix/flake.nix").write_text("{ a = 1; }")
    (repository / "nix/new host.nix").touch()
    found = evaluate.source(str(repository / "nix"))
    assert found.revision.endswith("-dirty")
    untracked, changed = found.warnings
    assert "files that git does not track: nix/new host.nix" in untracked
    assert "uncommitted changes (nix/flake.nix)" in changed


def test_before_the_first_commit_there_is_no_revision(tmp_path: Path) -> None:
    (tmp_path / "flake.nix").write_text("{ }")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    (warning,) = evaluate.source(str(tmp_path)).warnings
    assert "has no revision yet" in warning


def test_a_conflict_is_a_change(repository: Path) -> None:
    flake = repository / "nix/flake.nix"
    git(repository, "checkout", "-qb", "other")
    flake.write_text("{ a = 1; }")
    git(repository, "commit", "-qam", "test")
    git(repository, "checkout", "-q", "-")
    flake.write_text("{ a = 2; }")
    git(repository, "commit", "-qam", "test")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    run(["git", "-C", repository, *identity, "merge", "other"], check=False)
    assert evaluate.source(str(repository / "nix")).changed == ("nix/flake.nix",)


def test_a_flake_elsewhere_is_left_to_nix(tmp_path: Path) -> None:
    assert evaluate.source("github:owner/repository") == evaluate.Source()
    assert evaluate.source(str(tmp_path)) == evaluate.Source()


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
    assert caught.value.key == "flakeship:authorizedKeys[0]"
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingError) as caught:
        access.public_keys(["/gone"])
    assert (caught.value.key, caught.value.given) == ("flakeship:authorizedKeys[0]", "/gone")


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
