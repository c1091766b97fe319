"""A preview of a NixOS host with the real engine says what will be built, and builds nothing."""

from __future__ import annotations

import time
from pathlib import Path

from flakeship.nix import evaluate
from tests.nix.known import Repository
from tests.project import make


def test_a_host_is_previewed_without_a_build(repository: Repository, tmp_path: Path) -> None:
    project = make(tmp_path / "project", Path("flake"), repository.path / "nix")
    for key, value in (
        ("flake", "./flake"),
        ("host", "web"),
        ("servers[0].name", "web"),
        ("servers[0].memory", "2G"),
        ("servers[0].disk", "8G"),
    ):
        project.config(key, value)
    seconds, preview = [], ""
    for _ in range(2):
        start = time.monotonic()
        preview = project.preview()
        seconds.append(time.monotonic() - start)
    release = evaluate.evaluate(
        str(project.flake), "web", "qemu", project.path / ".state/test/access"
    )
    assert f"image-{release.name}" in preview
    assert f"machine-{release.name}" in preview
    assert "create" in preview
    assert Path(release.drv).is_file()
    assert not Path(release.out).exists()
    assert not Path(release.toplevel).exists()
    assert not list((project.path / ".state/test").glob("roots/*"))
    # from the evaluation cache: without it a preview takes as long as the first
    assert seconds[1] < seconds[0] / 1.5, seconds
