"""The activation of a release that is running already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model.errors import CommandError
from flakeship.ssh.options import as_root
from flakeship.system.process import Result
from flakeship.verify.checks import inside
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import REQUEST, ROUTE, Shell, subject

DONE, RUNNING = Result(0, "", ""), Result(0, f"{REQUEST.toplevel}\n", "")


def test_an_activation() -> None:
    shell = Shell(DONE, RUNNING)
    assert "the release is still running" in inside.reactivation(subject(shell=shell))
    assert shell.commands[0] == as_root(f"{REQUEST.toplevel}/bin/switch-to-configuration switch")


def test_a_serving_machine_is_left_alone() -> None:
    shell = Shell()
    serving = replace(ROUTE, serving=True)
    assert inside.reactivation(subject(route=serving, shell=shell)).startswith("skipped")
    assert shell.commands == []


@pytest.mark.parametrize(
    ("results", "detail"),
    [
        ([Result(4, "x", "a\nfailed: web\n"), RUNNING], "exit code 4: a / failed: web"),
        ([DONE, Result(0, "/nix/store/old\n", "")], "the running system is /nix/store/old"),
        ([CommandError("too long")], "did not finish: too long"),
    ],
)
def test_an_activation_fails(results: list[Result | Exception], detail: str) -> None:
    with pytest.raises(Failed, match=detail):
        inside.reactivation(subject(shell=Shell(*results)))
