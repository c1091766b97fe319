"""What a component is given: refused before anything is declared, in the program's own words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime.rpc import wrap_rpc_secret

from flakeship.model.errors import FlakeshipError, RefusedError, SettingError, SettingsError, shown
from flakeship.targets.local.qmp import QmpError
from flakeship.targets.local.spec import SPEC
from plugin import component, settings
from plugin.catalog import Components
from plugin.nix_image import Anything

SERVER = {"flake": "./flake", "host": "tiny"}
IMAGE = {"file": "image.qcow2", "sha512": "abc"}


@pytest.fixture(autouse=True)
def flake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flake").mkdir()
    (tmp_path / "flake/flake.nix").touch()


def refused(kind: str, args: dict[str, Any], name: str = "web") -> FlakeshipError:
    """The error as it is told."""
    with pytest.raises(FlakeshipError) as raised:
        asyncio.run(Components().prepare(f"flakeship:index:{kind}", name, args, "dev"))
    assert "flakeship:" not in settings.told(raised.value).replace(raised.value.given, "")
    return settings.renamed(raised.value)


@pytest.mark.parametrize(
    ("args", "key", "code"),
    [
        ({"flake": "./flake"}, "host", "setting-missing"),
        (SERVER | {"host": None}, "host", "setting-missing"),
        (SERVER | {"variant": None, "memory": "2Q"}, "memory", "setting-invalid"),
        (SERVER | {"hots": "tiny"}, "hots", "setting-unknown"),
        (SERVER | {"memory": wrap_rpc_secret("1G")}, "memory", "setting-secret"),
        (SERVER | {"checks": [{"run": wrap_rpc_secret("x")}]}, "checks", "setting-secret"),
        (SERVER | {"vcpus": UNKNOWN}, "vcpus", "argument-unknown"),
        (SERVER | {"memory": "2Q"}, "memory", "setting-invalid"),
        (SERVER | {"ports": [{"port": 80.0, "hostPort": 0}]}, "ports[0].hostPort", ""),
        (SERVER | {"ports": [{"prot": 80.0}]}, "ports[0].prot", "setting-unknown"),
        (SERVER | {"bootTimeout": -1.0}, "bootTimeout", "setting-invalid"),
        (SERVER | {"flake": "./none"}, "flake", "setting-invalid"),
    ],
)
def test_a_wrong_argument_of_a_server(args: dict[str, Any], key: str, code: str) -> None:
    error = refused("LocalServer", args)
    assert isinstance(error, SettingError)
    assert error.key == key
    assert not code or error.code == code
    assert not Path(".state").exists()


def test_several_wrong_arguments_are_told_at_once() -> None:
    error = refused("LocalServer", SERVER | {"memory": "2Q", "disk": "2Q"})
    assert {each.key for each in getattr(error, "problems", ())} == {"memory", "disk"}
    assert "flakeship:" not in str(error)


def test_the_name_of_a_server_is_that_of_its_component() -> None:
    assert refused("LocalServer", SERVER, name="Web server").key == "name"


@pytest.mark.parametrize("name", ["../web", "a/b", "..", "", ".hidden", "x" * 64, "web\n"])
def test_the_name_of_an_image_is_part_of_a_file_name(name: str) -> None:
    error = refused("NixImage", SERVER, name=name)
    assert (error.key, error.code, error.given) == (
        "name",
        "setting-invalid",
        shown(json.dumps(name)),
    )
    assert "63 letters" in error.allowed
    assert not Path(".state").exists()


@pytest.mark.parametrize("name", ["os", "Web_1.qcow2-a", "x" * 63])
def test_any_other_name_of_an_image_is_taken(name: str) -> None:
    assert settings.of_image(name, SERVER, Anything()).host == "tiny"


def test_an_image_has_no_secret_either() -> None:
    assert refused("GlanceImage", IMAGE | {"properties": {"a": wrap_rpc_secret("b")}}).code == (
        "setting-secret"
    )


def test_an_image_may_have_values_that_resources_bring() -> None:
    args = IMAGE | {"sha512": UNKNOWN, "minRam": None}
    asyncio.run(Components().prepare("flakeship:index:GlanceImage", "os", args, "dev"))


def test_an_unknown_component() -> None:
    error = refused("Server", SERVER)
    assert (error.code, error.given) == ("component-unknown", "flakeship:index:Server")
    assert "LocalServer" in error.allowed


KEY = "flakeship:servers[0].memory"
WRONG = SettingError(
    f"{KEY} is wrong",
    key=KEY,
    given="flakeship:x",
    allowed=f"less than {KEY}",
    remedy=f"set {KEY}, or flakeship:host",
    details=[f"see {KEY}"],
)


@pytest.mark.parametrize("error", [WRONG, SettingsError([WRONG]), RefusedError([WRONG])])
def test_an_error_has_the_names_of_the_program(error: FlakeshipError) -> None:
    before = str(error)
    assert settings.told(error) == (
        "memory: memory is wrong, got flakeship:x; allowed: less than memory. "
        "Set memory, or host\nsee memory"
    )
    assert str(error) == before


def test_an_error_of_any_class_is_told() -> None:
    assert settings.told(QmpError("is gone", "web", "gone")) == "web: is gone"


def test_an_error_of_the_system_is_cleaned() -> None:
    told = settings.told(PermissionError(13, "Permission denied", ".state\x1b[2J"))
    assert told.startswith("[Errno 13]")
    assert "\x1b" not in told


def test_a_warning_of_a_flake_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, _: shown.append(text))
    component.warn(cast("pulumi.Resource", None), "one\x1b[2J", "two")
    assert len(shown) == 2
    assert "\x1b" not in "".join(shown)


def test_an_argument_is_read_as_the_setting_is() -> None:
    given = settings.of_server(
        "web",
        SERVER | {"memory": "1G", "bootTimeout": 60.0, "ports": [{"port": 80.0}]},
        SPEC,
    )
    (server,) = given.servers
    assert (server.name, server.memory, server.ports[0].port) == ("web", 1024, 80)
    assert given.boot_timeout == 60
