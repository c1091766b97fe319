"""The browser of the tests: installed where that is possible, else its absence is explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dev.setup import browser, packages
from dev.setup.tools import Machine
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import Result

DEBIAN = Machine(path="", root=True, manager="apt-get")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What is run and installed, where no browser is on PATH."""
    done: list[Any] = []

    def run(argv: list[str], **_: object) -> Result:
        done.append(argv[1:])
        return Result(0, "", "")

    monkeypatch.setattr(browser, "run", run)
    monkeypatch.setattr(packages, "install", lambda missing, _: done.append(missing[0].tool.name))
    monkeypatch.setenv("PATH", str(tmp_path))
    return done


def test_both_are_installed(ran: list[Any]) -> None:
    browser.ensure(DEBIAN)
    python, chromium = ran
    assert python[:2] == ["sync", "--frozen"]
    assert "browser" in python
    assert chromium == "Chromium"


def test_a_chromium_that_is_there_is_taken(ran: list[Any], tmp_path: Path) -> None:
    there = tmp_path / "chromium"
    there.touch(mode=0o755)
    browser.ensure(DEBIAN)
    assert len(ran) == 1
    assert browser.found() == str(there)


@pytest.mark.parametrize(
    "machine",
    [Machine(path="", root=False, manager="apt-get"), Machine("", root=True, manager="dnf")],
)
def test_elsewhere_it_says_what_to_run(
    ran: list[Any], machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    browser.ensure(machine)
    assert len(ran) == 1
    assert f"install -y {'--no' if machine.manager == 'apt-get' else 'chromium'}" in (
        capsys.readouterr().err
    )


def test_a_package_that_cannot_be_had_stops_no_other_test(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install(*_: object) -> None:
        raise FlakeshipError("no network", code="x")

    monkeypatch.setattr(packages, "install", install)
    browser.ensure(DEBIAN)
    assert "no network" in capsys.readouterr().err
    assert len(ran) == 1
