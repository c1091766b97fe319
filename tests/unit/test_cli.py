"""The command line: options, JSON, exit codes, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from flakeship import __version__, cli
from flakeship.cli import completion
from flakeship.model.errors import FlakeshipError
from flakeship.operate import recover
from flakeship.operate.recover import Recovered
from flakeship.state import environments, stack
from flakeship.state.environments import Environment, Project
from flakeship.state.stack import Stack
from flakeship.targets.base import SweepResult
from tests.unit.operate.test_status import resources

STATE = Stack("dev", {"resources": resources()})
PROD = click.Context(
    cli.commands.commands["ssh"], parent=click.Context(cli.commands, info_name="flakeship")
)
PROD.parent.params["name"] = "prod"  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def _selected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "selected", lambda: STATE)
    monkeypatch.setattr(cli, "install_signal_handlers", lambda: None)
    monkeypatch.setenv("PULUMI_STACK", "dev")


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["flakeship", *words])
    return cli.main()


def test_status_for_people_and_for_scripts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "status") == 0
    assert "web: ssh -F .state/dev/ssh_config web" in capsys.readouterr().out
    assert run(monkeypatch, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["running"] == {"web": "web-33333333"}


def test_releases_of_all_stacks_for_people_and_for_scripts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        Environment("dev", STATE),
        Environment("prod", problem=FlakeshipError("was destroyed")),
    ]
    monkeypatch.setattr(environments, "read_all", lambda: Project(found))
    assert run(monkeypatch, "releases") == 0
    shown = capsys.readouterr().out
    assert "web-33333333" in shown
    assert "stack prod: was destroyed" in shown
    assert run(monkeypatch, "releases", "--json") == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["environments"]] == [
        *("dev", "prod")
    ]


def test_ssh_becomes_the_command_without_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Sequence[str]] = []
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    monkeypatch.setattr(
        os, "execvpe", lambda file, argv, env: became.append([env["SHELL"], file, *argv])
    )
    assert run(monkeypatch, "ssh", "web") == 0
    assert became == [["/bin/sh", "ssh", "ssh", "-F", ".state/dev/ssh_config", "web"]]


def test_a_stack_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--stack", "prod", "status") == 0
    assert os.environ["PULUMI_STACK"] == "prod"


def test_it_works_in_the_directory_of_the_project_and_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "servers/web").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "servers/web")
    former = os.umask(0o022)
    try:
        assert run(monkeypatch, "status") == 0
        assert Path.cwd() == tmp_path
    finally:
        assert os.umask(former) == 0o077


@pytest.mark.parametrize("words", [("ssh", "wbe"), ("verify", "wbe")])
def test_an_unknown_server_is_told_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str]
) -> None:
    assert run(monkeypatch, "-v", *words) == 1
    shown = capsys.readouterr().err
    assert "code: server-unknown" in shown
    assert "wbe: there is no such server; allowed: web. Did you mean web?" in shown


def fails(error: BaseException) -> Any:
    def selected() -> Stack:
        raise error

    return selected


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (FlakeshipError("is broken", key="web"), 1, "web: is broken\n"),
        (OSError("no space left"), 1, "no space left\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 1, "not confirmed: nothing was changed\n"),
    ],
)
def test_a_failure_is_one_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    printed: str,
) -> None:
    monkeypatch.setattr(stack, "selected", fails(error))
    assert run(monkeypatch, "status") == code
    assert capsys.readouterr().err.lstrip() == printed


@pytest.mark.parametrize("words", [["statsu"], ["status", "--jsn"], ["diff", "a", "b", "c"]])
def test_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, *words) == 2
    assert "Usage: flakeship" in capsys.readouterr().err


def test_help_and_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    for command in ("status", "ssh", "verify", "diff", "sweep", "recover", "doctor"):
        assert f"\n  {command} " in shown
    assert run(monkeypatch, "--version") == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(("words", "broken"), [([], False), (["--break-lock"], True)])
def test_recover(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    broken: bool,
) -> None:
    def recovered(found: Stack, *, break_lock: bool) -> Recovered:
        assert (found, break_lock) == (STATE, broken)
        return Recovered(["process 7"], [], SweepResult(["machine-1"]))

    monkeypatch.setattr(recover, "recover", recovered)
    assert run(monkeypatch, "recover", *words) == 0
    assert "removed the lock of process 7\nremoved machine-1\n" in capsys.readouterr().out
    assert run(monkeypatch, "recover", *words, "--json") == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["locks"], done["swept"]["removed"]) == (["process 7"], ["machine-1"])


@pytest.mark.parametrize(
    ("complete", "found"), [(completion.servers, "web"), (completion.release_names, "web-33")]
)
def test_names_are_completed(monkeypatch: pytest.MonkeyPatch, complete: Any, found: str) -> None:
    assert any(name.startswith(found) for name in complete(PROD, None, "w"))
    assert os.environ["PULUMI_STACK"] == "prod"
    assert complete(PROD, None, "x") == []
    monkeypatch.setattr(stack, "selected", fails(FlakeshipError("no stack")))
    assert complete(PROD, None, "w") == []


def test_the_completion_of_each_argument_gives_names() -> None:
    for command in cli.commands.commands.values():
        for parameter in command.params:
            context = click.Context(command, parent=PROD)
            found = parameter.shell_complete(context, "w")
            assert all(item.value.startswith("w") for item in found), (command.name, parameter.name)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_completion_script(shell: str) -> None:
    env = {**os.environ, "_FLAKESHIP_COMPLETE": f"{shell}_source"}
    argv = [sys.executable, "-m", "flakeship"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert "_FLAKESHIP_COMPLETE" in done.stdout


@pytest.mark.parametrize(("words", "imported"), [(["internal"], False), (["--version"], True)])
def test_internal_commands_do_not_import_the_parser(words: list[str], imported: bool) -> None:
    code = f"import sys; sys.argv[1:] = {words!r}; from flakeship.__main__ import main; main();"
    code += "print('click' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(imported)
