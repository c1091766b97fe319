"""A real build by Nix: what a person sees meanwhile, and where it fails."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.nix import build
from flakeship.nix.build import BuildRequest
from flakeship.nix.store import NIX
from flakeship.system import waiting
from flakeship.system.process import run
from tests.unit.model.test_ledger import release

EXPRESSION = """
let
  make = name: script: dep: derivation {{
    inherit name dep;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" script ];
  }};
  tool = make "tool" "echo {salt} > $out" "";
  image = make "image" ''{script}'' tool;
in
  {{ drv = image.drvPath; out = image.outPath; toplevel = tool.outPath; }}
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # the builder is the host's shell, and not every sandbox has one
    monkeypatch.setenv("NIX_CONFIG", "sandbox = false\n" + os.environ.get("NIX_CONFIG", ""))
    monkeypatch.chdir(tmp_path)


def evaluated(tmp_path: Path, script: str) -> Release:
    """A release of a derivation that no other test has built, and that needs another one."""
    text = EXPRESSION.format(salt=tmp_path, script=script)
    found = json.loads(run([*NIX, "eval", "--impure", "--json", "--expr", text]).stdout)
    return replace(release(1), files=(".",), format="raw", **found)


class Watching(logging.Handler):
    """Keeps every line, and does something as soon as one has a text in it."""

    def __init__(self, text: str, act: Callable[[], object]) -> None:
        super().__init__()
        self.said: list[str] = []
        self._text, self._act = text, act

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        if self._text in self.said[-1]:
            self._act()


def test_a_person_sees_what_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    monkeypatch.setattr(waiting, "MOST", 0.0)
    # it goes on only after somebody has seen it
    seen = tmp_path / "seen"
    script = f"until [ -e {seen} ]; do echo copying; /bin/sleep 0.1; done; echo image > $out"
    made = evaluated(tmp_path, script)
    watching = Watching("building image", seen.touch)
    logger = logging.getLogger("flakeship.nix.progress")
    waits = logging.getLogger("flakeship.system.waiting")
    for each in (logger, waits):
        each.setLevel(logging.INFO)
        each.addHandler(watching)
    try:
        artifact = build.build(BuildRequest.of(made, "dev"))
    finally:
        for each in (logger, waits):
            each.removeHandler(watching)
    assert artifact.files[0].path == made.out
    assert f"{made.name}: these 2 derivations will be built" in watching.said
    (first, *_) = (line for line in watching.said if "building image" in line)
    assert first.startswith(f"{made.name}: still building after ")
    assert "1 of 2 derivations built; building image for " in first
    assert not any("/nix/store/" in line for line in watching.said)


def test_a_failed_build_ends_with_its_log(tmp_path: Path) -> None:
    made = evaluated(tmp_path, "echo first; echo last >&2; exit 3")
    with pytest.raises(FlakeshipError) as raised:
        build.build(BuildRequest.of(made, "dev"))
    error = raised.value
    assert (error.code, error.key) == ("build-failed", made.name)
    assert error.details[:2] == ("  > first", "  > last")
    assert "exit code 3" in "".join(error.details[2:])
    assert f"nix log {made.drv}" in error.remedy
    assert not Path(f".state/dev/roots/{made.name}").is_symlink()
