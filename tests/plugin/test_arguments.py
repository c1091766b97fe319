"""What a component is given: refused before anything is declared, in the program's own words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime.rpc import wrap_rpc_secret

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.targets.local.spec import SPEC
from plugin import component, settings
from plugin.catalog import Components

SERVER = {"flake": "./flake", "host": "tiny"}
IMAGE = {"file": "image.qcow2", "sha512": "abc"}


@pytest.fixture(autouse=True)
def flake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flake").mkdir()
    (tmp_path / "flake/flake.nix").touch()


def refused(kind: str, args: dict[str, Any], name: str = "web") -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        asyncio.run(Components().prepare(f"flakeship:index:{kind}", name, args, "dev"))
    assert settings.told(raised.value) == str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("args", "key", "code"),
    [
        ({"flake": "./flake"}, "host", "setting-missing"),
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


def test_an_image_has_no_secret_either() -> None:
    assert refused("GlanceImage", IMAGE | {"properties": {"a": wrap_rpc_secret("b")}}).code == (
        "setting-secret"
    )


def test_an_image_may_have_values_that_resources_bring() -> None:
    args = IMAGE | {"sha512": UNKNOWN}
    asyncio.run(Components().prepare("flakeship:index:GlanceImage", "os", args, "dev"))


def test_an_unknown_component() -> None:
    error = refused("Server", SERVER)
    assert (error.code, error.given) == ("component-unknown", "flakeship:index:Server")
    assert "LocalServer" in error.allowed


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SettingError("is wrong", key="flakeship:host", remedy="set flakeship:host"), "host: is"),
        (PermissionError(13, "Permission denied", ".state\x1b[2J"), "[Errno 13]"),
    ],
)
def test_an_error_has_the_names_of_the_program(error: FlakeshipError | OSError, text: str) -> None:
    told = settings.told(error)
    assert told.startswith(text)
    assert "flakeship:" not in told
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
