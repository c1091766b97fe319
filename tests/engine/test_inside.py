"""A preview says what changes inside, and is never in the way."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from uuid import uuid4

from flakeship.system.process import run
from tests.engine.conftest import Tiny

SLOW = 30
"""Seconds that a report takes which nobody waits for."""
SHOWN = "`flakeship diff` shows all of it"


def test_a_changed_release_is_told_and_not_built(project: Tiny) -> None:
    assert SHOWN not in project.preview()
    assert SHOWN not in project.up()
    project.log()
    new = f"two{uuid4().hex}"  # never built before: nothing of it is in the store
    project.write(new)
    said = project.preview()
    assert re.search(r"inside tiny-\w{8}, compared with tiny-\w{8}:\n", said)
    assert f"boot: kernel parameters -text=one +text={new}" in said
    assert f"packages: tool one -> {new}" in said
    assert "the local store has 0 of about 2 store paths" in said
    assert SHOWN in said
    assert project.log() == []
    assert "has 0 of about 2" in project.preview()
    assert SHOWN in project.up()
    # what was told is what runs now
    assert SHOWN not in project.preview("--expect-no-changes")


def test_going_back_is_told_too(project: Tiny) -> None:
    project.up()
    first = project.running()
    project.write("two")
    project.up()
    project.config("release", first)
    said = project.preview()
    assert "packages: tool two -> one" in said
    assert "closure size: 0.0 MiB as before" in said


def test_a_derivation_that_is_gone_is_a_line_and_no_failure(project: Tiny) -> None:
    project.up()
    state = project.pulumi("stack", "export").stdout
    drv = project.outputs()["releases"][0]["release"]["drv"]
    lost = project.path / "lost.json"
    lost.write_text(state.replace(drv, drv.replace("-image", "-lost")))
    project.pulumi("stack", "import", "--file", str(lost))
    project.write("two")
    said = project.preview()
    assert "the changes cannot be shown: tiny-" in said
    assert "-lost-tiny.drv is not in the Nix store any more. Evaluate tiny at revision" in said
    assert "image-tiny-" in said
    project.up()
    assert project.ledger() == ["two", "one"]


def test_all_of_it_between_releases_and_the_flake(project: Tiny) -> None:
    """`flakeship diff`; `conftest` has another __main__ in the project."""
    project.up()
    project.write("two")
    project.up()
    newest, older = (each["release"]["out"] for each in project.outputs()["releases"])
    names = [f"tiny-{Path(out).name[:8]}" for out in (older, newest)]
    project.write("three")
    asked = (
        "import sys; from flakeship.state import stack as selected;"
        "from flakeship.operate import diff as asked;"
        "print(asked.diff(selected.selected(), *sys.argv[1:]))"
    )
    for words, said in [(["", ""], "tool two -> three"), (names, "tool one -> two")]:
        done = run(
            [project.path / ".venv/bin/python", "-c", asked, *words],
            cwd=project.path,
            env=project.env,
        )
        assert said in done.stdout


def test_a_mistake_in_the_settings_is_not_held_up(project: Tiny) -> None:
    """What goes on beside the plan ends with it, in silence."""
    project.config("servers[0].name", "web")
    project.up()
    project.write("two")
    project.config("servers[0].memory", "32")
    folder = project.path / "flakeship/nix"
    source = folder.resolve()
    folder.unlink()
    shutil.copytree(source, folder)
    with (folder / "diff/report.py").open("a") as report:
        report.write(f"\n\nimport time\nreport = lambda *_: time.sleep({SLOW})\n")
    begun = time.monotonic()
    said = project.preview(check=False)
    assert time.monotonic() - begun < SLOW
    assert "flakeship:servers[0].memory (server web): tiny-" in said
    assert "never retrieved" not in said
    assert "was destroyed" not in said
