"""The plugin's trust: checked before it would fail, and written where it can be read."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import plugin_trust
from flakeship.targets.proxmox.api.login import Login
from flakeship.targets.proxmox.api.tls import presented
from tests.targets.proxmox.unit.cluster import Cluster, certificate, running


@pytest.fixture
def login(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Login:
    """A login that pins the certificate, in a checkout of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(plugin_trust.VARIABLE, raising=False)
    return cluster.login(ca_file="", fingerprint=presented(cluster.login().endpoint))


def refusal(login: Login) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        plugin_trust.ensure(login, "dev")
    return caught.value


def test_a_pinned_certificate_is_written_for_the_plugin_and_trusted_then(
    login: Login, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refusal(login)
    file = plugin_trust.bundle("dev")
    assert (error.code, error.allowed) == ("plugin-trust", str(file))
    assert file.read_text().startswith(trusted.read_text().strip())
    monkeypatch.setenv(plugin_trust.VARIABLE, str(file))
    plugin_trust.ensure(login, "dev")


def test_the_systems_authorities_stay_trusted(
    login: Login, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    others = tmp_path / "others.pem"
    others.write_text("the others\n")
    monkeypatch.setenv(plugin_trust.VARIABLE, str(others))
    refusal(login)
    assert plugin_trust.bundle("dev").read_text().endswith("the others\n")


def test_another_certificate_is_never_written(login: Login) -> None:
    other = replace(login, fingerprint=":".join(["00"] * 32))
    assert refusal(other).code == "certificate-untrusted"
    assert not plugin_trust.bundle("dev").exists()


def test_an_authority_of_the_settings_is_written_too(login: Login, trusted: Path) -> None:
    assert refusal(replace(login, fingerprint="", ca_file=str(trusted))).code == "plugin-trust"
    assert plugin_trust.bundle("dev").exists()


def test_a_name_that_the_certificate_lacks_is_told(
    login: Login, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = certificate(tmp_path, "DNS:pve1.example.com")
    monkeypatch.setenv(plugin_trust.VARIABLE, str(other))
    with running(other) as cluster:
        pinned = presented(cluster.login().endpoint)
        elsewhere = replace(login, endpoint=cluster.login().endpoint, fingerprint=pinned)
        assert refusal(elsewhere).code == "certificate-name"


def test_without_a_pinned_certificate_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", None)
    plugin_trust.ensure(Login("https://nowhere.invalid:8006", "iac@pve!ci", "secret"), "dev")
