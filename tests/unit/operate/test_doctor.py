"""`flakeship doctor`: the tools on PATH, and which of them a stack cannot do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.operate import doctor
from flakeship.targets.base import Tool


def test_each_tool_is_shown_with_its_version_or_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\necho git version 2.39.5\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    found = {each.command: each for each in doctor.tools()}
    assert found["git"].path == str(git)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert doctor.located(Tool("git", "the package git"), doctor.EVERY).version == "2.39.5"
    assert found["pulumi"].missing
    assert found["pulumi"].required
    assert found["qemu-img"].missing
    assert not found["qemu-img"].required
    shown = doctor.text(list(found.values()))
    assert "missing, needed for the target local: the package qemu-utils or qemu-img" in shown
