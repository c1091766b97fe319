"""The keys that this workstation can log in with, as the genuine tools of OpenSSH tell them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import login_keys, public_key
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.system.process import run


def made(file: Path, passphrase: str = "", comment: str = "of mine") -> str:
    """Make a key pair; its fingerprint."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", comment]
    run([*argv, "-f", file])
    return public_key.fingerprint(file.with_suffix(".pub").read_text())


@pytest.fixture(autouse=True)
def _no_keys_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(login_keys, "DEFAULTS", ())


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An agent with one key; that one's fingerprint."""
    told = run(["ssh-agent", "-s", "-a", tmp_path / "agent"]).stdout
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        fingerprint = made(tmp_path / "loaded")
        run(["ssh-add", "-q", tmp_path / "loaded"])
        yield fingerprint
    finally:
        (pid,) = re.findall(r"AGENT_PID=(\d+)", told)
        run(["ssh-agent", "-k"], env=os.environ | {"SSH_AGENT_PID": pid})


@pytest.mark.parametrize("passphrase", ["", "secret"])
@pytest.mark.parametrize("beside", [True, False])
def test_a_private_key_file_with_or_without_a_passphrase(
    tmp_path: Path, passphrase: str, beside: bool
) -> None:
    fingerprint = made(tmp_path / "id", passphrase)
    if not beside:
        (tmp_path / "id.pub").unlink()
    assert login_keys.of_file(str(tmp_path / "id")) == fingerprint
    assert login_keys.offered(str(tmp_path / "id")) == {fingerprint: str(tmp_path / "id")}


def test_what_ssh_would_not_use_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "junk").write_text("junk")
    found = {}
    for name in ("open", "junk", "missing"):
        with pytest.raises(FlakeshipError) as caught:
            login_keys.of_file(str(tmp_path / name))
        assert (caught.value.code, caught.value.key) == ("identity-unusable", str(tmp_path / name))
        found[name] = caught.value.remedy
    assert "chmod 600" in found["open"]
    assert "flakeship:identity" in found["junk"]
    assert login_keys.usable(str(tmp_path / name) for name in found) == {}


def test_the_agent_counts_where_no_file_is_named(
    tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, default = made(tmp_path / "own"), made(tmp_path / "id_default")
    monkeypatch.setattr(login_keys, "DEFAULTS", (tmp_path / "id_default", tmp_path / "none"))
    assert login_keys.offered("") == {
        agent: login_keys.AGENT,
        default: str(tmp_path / "id_default"),
    }
    assert login_keys.offered(str(tmp_path / "own")) == {own: str(tmp_path / "own")}


@pytest.mark.parametrize("socket", ["", "/no/agent"])
def test_without_an_agent_there_is_none(monkeypatch: pytest.MonkeyPatch, socket: str) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    assert login_keys.offered("") == {}


@pytest.mark.parametrize("name", ["id", "id 100%"])
def test_a_login_offers_what_its_command_line_names(tmp_path: Path, agent: str, name: str) -> None:
    own = made(tmp_path / name)
    keys = ["ssh-ed25519 AAAA"]
    named = SshOptions(Endpoint("web", "192.0.2.1", 22, "nixos", str(tmp_path / name)), keys)
    assert login_keys.of_login(named.login()) == {own: str(tmp_path / name)}
    agents = SshOptions(Endpoint("web", "192.0.2.1", 22, "nixos"), keys).login()
    assert login_keys.of_login(agents)[agent] == login_keys.AGENT
    (tmp_path / "config").write_text(named.config_block("web"))
    by_file = ["ssh", "-F", str(tmp_path / "config"), "web"]
    assert login_keys.of_login(by_file) == {own: str(tmp_path / name)}
