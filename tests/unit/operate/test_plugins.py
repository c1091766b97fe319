"""What a killed engine has left running is ended, and nothing else: with real processes."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import pytest

from flakeship.operate import plugins
from flakeship.system import processes
from flakeship.system.tcp import LOOPBACK, free_ports

WAITS = "echo $$ >{name}; while :; do sleep 0.05; done"
COMMAND = "trap 'kill -0 $PPID && echo >undone; exit 130' TERM\n" + WAITS.format(name="command")
WORDS = ("-m", "flakeship", "internal", "build-image")  # which a shell takes for a script's name


class Shells:
    """Starts shells that look like the processes of a run."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, *words: str, cwd: Path | None = None, **env: str) -> subprocess.Popen[bytes]:
        path = {"PATH": os.environ["PATH"]}
        child = subprocess.Popen(words, executable="/bin/sh", cwd=cwd, env=path | env)
        self._stack.callback(child.wait)
        self._stack.callback(child.kill)
        return child

    def plugin(
        self,
        port: int,
        script: str = "",
        cwd: Path | None = None,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.Popen[bytes]:
        text = script + WAITS.format(name="plugin")
        address = f"{LOOPBACK}:{port}"
        words = ("/x/pulumi-resource-command", "-c", text, address)
        child = self.start(*words, cwd=cwd, PULUMI_PROJECT="servers", **env)
        wait_for((cwd or Path.cwd()) / "plugin")
        return child


def wait_for(file: Path) -> None:
    processes.wait_until(lambda: file.exists() and bool(file.read_text().strip()), 20)
    assert file.exists()


@pytest.fixture
def shells() -> Iterator[Shells]:
    Path("flakeship").write_text(COMMAND)
    with ExitStack() as stack:
        yield Shells(stack)


@pytest.fixture
def dead() -> int:
    """The port of an engine that does not run any more."""
    return free_ports(1)[0]


@pytest.fixture
def living() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as engine:
        yield engine.getsockname()[1]


def test_a_plugin_and_its_command(shells: Shells, dead: int) -> None:
    plugin = shells.plugin(dead, f"sh {' '.join(WORDS)} &\n")
    wait_for(Path("command"))
    command = int(Path("command").read_text())
    ended = plugins.end_orphaned("dev")
    assert sorted(ended) == sorted(
        [
            f"process {plugin.pid} (pulumi-resource-command)",
            f"process {command} (flakeship internal build-image)",
        ]
    )
    assert Path("undone").exists()  # while its plugin was there
    assert plugin.wait(20) < 0
    assert processes.find(command) is None
    assert plugins.end_orphaned("dev") == []


def test_a_run_that_lives_is_spared(shells: Shells, living: int) -> None:
    plugin = shells.plugin(living, f"sh {' '.join(WORDS)} &\n")
    wait_for(Path("command"))
    assert plugins.end_orphaned("dev") == []
    assert plugin.poll() is None
    os.kill(int(Path("command").read_text()), 9)


def test_a_program_is_known_by_its_launcher(shells: Shells, dead: int, living: int) -> None:
    Path("pulumi-language-python-exec").write_text(WAITS.format(name="program"))
    words = ("-u", "pulumi-language-python-exec", "--monitor", f"{LOOPBACK}:{dead}")
    program = shells.start("python", *words, "--engine", f"{LOOPBACK}:{dead}")
    wait_for(Path("program"))
    Path("program").unlink()
    other = shells.start("python", *words, "--engine", f"{LOOPBACK}:{living}")
    wait_for(Path("program"))
    assert plugins.end_orphaned("dev") == [f"process {program.pid} (pulumi-language-python-exec)"]
    assert other.poll() is None


def test_a_command_whose_plugin_is_gone(shells: Shells) -> None:
    command = shells.start("python", *WORDS, PULUMI_PROJECT="servers")
    wait_for(Path("command"))
    ended = plugins.end_orphaned("dev")
    assert ended == [f"process {command.pid} (flakeship internal build-image)"]
    assert command.wait(20) == 130


def test_what_a_person_has_started_is_spared(shells: Shells) -> None:
    mentions = shells.start("vim", "-c", WAITS.format(name="other"), "pulumi-resource-command")
    wait_for(Path("other"))
    by_hand = shells.start("python", *WORDS)
    wait_for(Path("command"))
    assert plugins.end_orphaned("dev") == []
    assert mentions.poll() is by_hand.poll() is None


@pytest.mark.parametrize(
    ("env", "is_ours"),
    [
        ({}, True),
        ({"PULUMI_STACK": "dev"}, True),
        ({"PULUMI_STACK": "acme/servers/dev", "FLAKESHIP_STACK": "prod"}, True),
        ({"FLAKESHIP_STACK": "prod"}, False),
        ({"PULUMI_STACK": "prod", "FLAKESHIP_STACK": "dev"}, False),
    ],
)
def test_the_run_of_another_stack_is_spared(
    shells: Shells, dead: int, env: dict[str, str], is_ours: bool
) -> None:
    plugin = shells.plugin(dead, env=env)
    assert bool(plugins.end_orphaned("dev")) is is_ours
    assert (plugin.poll() is None) is not is_ours


def test_another_checkout_is_spared(shells: Shells, dead: int, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    plugin = shells.plugin(dead, cwd=other)
    assert plugins.end_orphaned("dev") == []
    assert plugin.poll() is None


def test_an_address_of_another_network_proves_nothing(
    shells: Shells, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = shells.plugin(dead)
    monkeypatch.setattr(processes.Process, "network", Path("net:[1]"))
    assert plugins.end_orphaned("dev") == []
    assert plugin.poll() is None
