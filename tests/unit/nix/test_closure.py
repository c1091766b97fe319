"""Closures in each format that Nix has printed, and names as Nix parts them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.nix import closure
from flakeship.nix.closure import Member
from flakeship.system.process import Result

SYSTEM, GLIBC = (f"{digit * 32}-{name}" for digit, name in (("a", "system-1"), ("b", "glibc-2.40")))
INFO: dict[str, dict[str, Any]] = {
    GLIBC: {"narHash": "sha256-b", "narSize": 2, "references": [GLIBC]},
    SYSTEM: {"narHash": "sha256-a", "narSize": 1, "references": [GLIBC, SYSTEM]},
}
STORE = "/nix/store/"


def whole(info: dict[str, Any]) -> dict[str, Any]:
    return {**info, "references": [STORE + each for each in info["references"]]}


@pytest.mark.parametrize(
    "shown",
    [
        [{"path": STORE + name, **whole(info)} for name, info in INFO.items()],
        {STORE + name: whole(info) for name, info in INFO.items()},
        {"version": 2, "storeDir": "/nix/store", "info": INFO},
    ],
)
def test_every_format_is_read(shown: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closure, "run", lambda *_, **__: Result(0, json.dumps(shown), ""))
    assert closure.read(STORE + SYSTEM, "web-1") == [
        Member(STORE + SYSTEM, "sha256-a", 1, (STORE + GLIBC,)),
        Member(STORE + GLIBC, "sha256-b", 2, ()),
    ]


@pytest.mark.parametrize("shown", [3, [3], {"a": None}, {"a": {**INFO[GLIBC], "narHash": {}}}])
def test_another_format_is_refused(shown: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closure, "run", lambda *_, **__: Result(0, json.dumps(shown), ""))
    with pytest.raises(FlakeshipError) as refused:
        closure.read(STORE + SYSTEM, "web-1")
    assert (refused.value.code, refused.value.key) == ("nix-format-unknown", "web-1")


@pytest.mark.parametrize(("exit_code", "code"), [(1, "store-path-missing"), (None, "failed")])
def test_a_path_that_is_not_here(
    monkeypatch: pytest.MonkeyPatch, exit_code: int | None, code: str
) -> None:
    def fail(*_: object, **__: object) -> Result:
        raise CommandError("nix failed", exit_code, code="failed")

    monkeypatch.setattr(closure, "run", fail)
    with pytest.raises(FlakeshipError) as refused:
        closure.read(STORE + SYSTEM, "web-1")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("base", "parted"),
    [
        ("glibc-2.40-66", ("glibc", "2.40-66")),
        ("nixos-system-web-26.05.x", ("nixos-system-web", "26.05.x")),
        ("etc", ("etc", "")),
        ("unit-nginx.service", ("unit-nginx.service", "")),
        ("perl5.40-x", ("perl5.40-x", "")),
        ("python3.12-six-1.17.0-dev", ("python3.12-six", "1.17.0-dev")),
    ],
)
def test_names_and_versions(base: str, parted: tuple[str, str]) -> None:
    assert Member(f"{STORE}{'a' * 32}-{base}", "", 0, ()).name_and_version == parted
