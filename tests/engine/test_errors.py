"""What a user reads when something is wrong: one clear error, no traceback, nothing touched."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.engine.conftest import Tiny


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "hots",
            "x",
            "flakeship:hots: there is no such key. Did you mean host? (Pulumi.test.yaml)",
        ),
        ("host", "tinny", "flakeship:host: ./flake has no host tinny; allowed: other, tiny"),
        ("variant", "qemo", "flakeship:variant: ./flake has no variant qemo; allowed: qemu. Did"),
        ("flake", "./gone", "flakeship:flake: there is no flake.nix in ./gone, got"),
        ("servers[0].memory", "32", "flakeship:servers[0].memory (server web): tiny-"),
    ],
)
def test_a_mistake_in_the_settings(project: Tiny, key: str, value: str, said: str) -> None:
    project.config("servers[0].name", "web")
    project.config(key, value)
    heard = project.preview(check=False)
    assert said in heard
    assert "unhandled" not in heard
    assert heard.count("error: ") <= 3  # the live view repeats it
    assert project.log() == []


def test_an_error_in_the_flake_is_nix_own_words(project: Tiny) -> None:
    (project.path / "flake/flake.nix").write_text("{ outputs = _: { flakeship = 1 + ; }; }")
    said = project.preview(check=False)
    assert "syntax error, unexpected ';'" in said


def test_an_interrupted_program_says_nothing(project: Tiny) -> None:
    """As the published language host does it: SIGINT while the program waits for a resource."""
    slow = project.path / "flakeship/__main__.py"
    slow.write_text("import time\nopen('log', 'a').write('slow x\\n')\ntime.sleep(15)\n")
    with subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview"],
        cwd=project.path,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as engine:
        deadline = time.monotonic() + 60
        while not (project.path / "log").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (program,) = programs(str(project.path))
        os.kill(program, signal.SIGINT)
        said = engine.communicate(timeout=60)[0]
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said


def programs(directory: str) -> list[int]:
    """The processes of the language's launcher that run in a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            launched = any(word.endswith(b"pulumi-language-python-exec") for word in words)
            if launched and str((entry / "cwd").readlink()) == directory:
                found.append(int(entry.name))
    return found
