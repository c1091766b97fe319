"""A clouds.yaml that Pulumi's plugin would not find is refused before anything is planned."""

from __future__ import annotations

import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest
from openstack.config import loader

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api.connection import connected, shared
from tests.targets.openstack.unit.fake_cloud import Cloud, settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home that the passwd database knows; HOME is another."""
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_dir=str(tmp_path / "home")))
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.mark.parametrize("place", ["home/.config/openstack", "work", "/etc/openstack"])
def test_what_both_find(home: Path, place: str) -> None:
    shared(str(home.parent / place / "clouds.yaml"))


@pytest.mark.parametrize("place", ["home/.config/openstack/clouds.yml", "xdg/my clouds.yaml"])
def test_what_the_plugin_does_not_find(
    home: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(home.parent / place)
    with pytest.raises(FlakeshipError) as raised:
        shared(file)
    assert (raised.value.code, raised.value.key) == ("clouds-yaml-not-shared", file)
    assert f"where ~ is {home}" in raised.value.allowed
    assert raised.value.remedy.startswith("export OS_CLIENT_CONFIG_FILE=")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", file)
    shared(file)


def test_a_link_is_the_file_that_it_leads_to(home: Path) -> None:
    Path("clouds.yaml").symlink_to(home.parent / "elsewhere.yaml")
    shared(str(home.parent / "elsewhere.yaml"))


def test_a_login_is_refused(home: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(home.parent / "clouds.yaml")
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE")
    monkeypatch.setattr(loader, "CONFIG_FILES", [file])
    with pytest.raises(FlakeshipError) as raised, connected("fake"):
        pass
    assert raised.value.remedy == f"export OS_CLIENT_CONFIG_FILE={file}"
    assert not cloud.calls
    # what the variables say needs no file
    for key, value in settings(cloud.url)["auth"].items():
        monkeypatch.setenv(f"OS_{key.upper()}", value)
    with connected(""):
        pass
