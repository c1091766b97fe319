"""The backends of the tests: installed where that is possible, else their absence is explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dev.setup import backends, packages, paths
from dev.setup.tools import Machine
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import Result

DEBIAN = Machine(path="", root=True, manager="apt-get")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What is run and installed, where nothing is there yet."""
    done: list[Any] = []

    def run(argv: list[Any], **_: object) -> Result:
        done.append([*map(str, argv)])
        return Result(0, "", "")

    monkeypatch.setattr(backends, "run", run)
    monkeypatch.setattr(packages, "install", lambda missing, _: done.append(missing[0].tool.name))
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(backends, "VERSIONS", tmp_path / "postgresql")
    monkeypatch.setattr(paths, "cache", lambda: tmp_path / "cache")
    return done


def test_both_are_installed(ran: list[Any]) -> None:
    backends.ensure(DEBIAN)
    environment, moto, postgres = ran
    assert environment[1] == "venv"
    assert "--require-hashes" in moto
    assert postgres == "PostgreSQL"
    assert backends.postgres() is None


def test_what_is_there_is_taken_the_newest_first(ran: list[Any], tmp_path: Path) -> None:
    for version in ("9.6", "13", "15"):
        (tmp_path / "postgresql" / version / "bin").mkdir(parents=True)
        (tmp_path / "postgresql" / version / "bin/initdb").touch()
    backends.ensure(DEBIAN)
    assert "PostgreSQL" not in ran
    assert backends.postgres() == tmp_path / "postgresql/15/bin"


def test_another_lock_file_is_another_environment(
    ran: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends.ensure(DEBIAN)
    program = Path(ran[0][-1]) / "bin/moto_server"
    program.parent.mkdir(parents=True)
    program.touch()
    assert backends.moto() == program
    monkeypatch.setattr(backends, "LOCK", tmp_path / "moto.txt")
    backends.LOCK.write_text("moto==6\n")
    assert backends.moto() is None
    backends.ensure(DEBIAN)
    assert not program.exists()


def test_elsewhere_it_says_what_to_run(ran: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    backends.ensure(Machine(path="", root=False, manager="apt-get"))
    assert "PostgreSQL" not in ran
    assert "apt-get install postgresql" in capsys.readouterr().err


def test_what_cannot_be_had_stops_no_other_test(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise FlakeshipError("no network", code="x")

    monkeypatch.setattr(packages, "install", fails)
    monkeypatch.setattr(backends, "run", fails)
    backends.ensure(DEBIAN)
    assert capsys.readouterr().err.count("no network") == 2
    assert not packages.POLICY.exists()
    assert ran == []
