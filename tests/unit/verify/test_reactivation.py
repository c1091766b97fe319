"""The activation of a release that is running already."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError
from flakeship.system import process
from flakeship.system.process import Result
from flakeship.verify.checks import inside
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import REQUEST, ROUTE, Shell, subject

RUNNING = f"\n{REQUEST.toplevel}\n"
DONE = Result(0, RUNNING, "")


def test_an_activation() -> None:
    shell = Shell(DONE)
    assert "the release is still running" in inside.reactivation(subject(shell=shell))
    (command,) = shell.commands
    assert f"sudo -n {REQUEST.toplevel}/bin/switch-to-configuration switch" in command


def test_a_serving_machine_is_left_alone() -> None:
    shell = Shell()
    serving = replace(ROUTE, serving=True)
    assert inside.reactivation(subject(route=serving, shell=shell)).startswith("skipped")
    assert shell.commands == []


@pytest.mark.parametrize(
    ("result", "detail"),
    [
        (Result(4, f"x{RUNNING}", "a\nfailed: web\n"), "exit code 4: a / failed: web"),
        (Result(4, f"failed: db\n{RUNNING}", ""), "exit code 4: failed: db$"),
        (Result(0, "done\n\n/nix/store/old\n", ""), "the running system is /nix/store/old"),
        (Result(0, "done\n\n", ""), "the running system is unknown"),
        (CommandError("too long"), "did not finish: too long"),
    ],
)
def test_an_activation_fails(result: Result | Exception, detail: str) -> None:
    with pytest.raises(Failed, match=detail):
        inside.reactivation(subject(shell=Shell(result)))


@pytest.mark.parametrize("code", [0, 4])
def test_the_activation_and_its_result_come_in_one_session(tmp_path: Path, code: int) -> None:
    """By the shell itself: the exit code is that of the activation."""
    commands = {
        "sudo": 'shift; exec "$@"',
        "activate": f"printf activated; exit {code}",
        "readlink": f'[ "$*" = "-f /run/current-system" ] && echo {tmp_path}',
    }
    (tmp_path / "bin").mkdir()
    for name, text in commands.items():
        file = tmp_path / "bin" / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    (tmp_path / "bin/activate").rename(tmp_path / "bin/switch-to-configuration")
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    class Local(Shell):
        def run(self, command: str, **_: Any) -> Result:
            return process.run(["sh", "-c", command], check=False, env=env)

    asked = subject(request=replace(REQUEST, toplevel=str(tmp_path)), shell=Local())
    if code:
        with pytest.raises(Failed, match=r"exit code 4: activated$"):
            inside.reactivation(asked)
    else:
        assert "the release is still running" in inside.reactivation(asked)
