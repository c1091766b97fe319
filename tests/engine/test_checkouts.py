"""Two checkouts on one backend: a server on a workstation belongs to the checkout that made it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flakeship.system.process import Result, run
from flakeship.system.tcp import free_ports
from tests.engine.conftest import HERE, Tiny
from tests.project import ROOT, check_out

COMMANDS = "from flakeship.cli import main; raise SystemExit(main())"


@pytest.fixture
def other(project: Tiny, tmp_path: Path) -> Tiny:
    """Another checkout, with the same settings and key, after the first one has deployed."""
    project.up()
    path = tmp_path / "other"
    check_out(path, Path("flake"), HERE / "flake")
    shutil.copy(project.path / "Pulumi.test.yaml", path)
    (path / ".state").mkdir()
    for name in ("id_ed25519", "id_ed25519.pub"):
        shutil.copy(project.path / ".state" / name, path / ".state")
    return Tiny(path, path / "flake", project.env)


def flakeship(checkout: Tiny, *words: str) -> Result:
    argv = [str(ROOT / ".venv/bin/python"), "-c", COMMANDS, *words]
    env = checkout.env | {"PYTHONPATH": str(ROOT)}
    return run(argv, cwd=checkout.path, env=env, check=False, timeout=120)


def test_another_checkout_changes_nothing(project: Tiny, other: Tiny) -> None:
    made = (project.path / ".state/checkout.id").read_text().strip()
    project.log()
    before = resources(project)
    assert flakeship(other, "status").code == 0

    other.write("two")
    for words in (["preview"], ["up", "--yes", "--skip-preview"]):
        refused = other.pulumi(*words, check=False)
        assert refused.code != 0
        assert "belongs to another checkout" in refused.stdout + refused.stderr
        assert made in refused.stdout + refused.stderr
    # nor where its settings have the server no more
    other.config("servers[0].name", "db")
    other.config("servers[0].ports[0].hostPort", str(free_ports(1)[0]))
    gone = other.pulumi("up", "--yes", "--skip-preview", check=False)
    assert gone.code != 0
    assert "web: belongs to another checkout" in gone.stdout + gone.stderr

    for words in (["sweep"], ["sweep", "--before-destroy"], ["recover", "--break-lock"]):
        denied = flakeship(other, *words)
        assert denied.code == 1
        assert denied.stdout == ""
        assert made in denied.stderr
    assert project.log() == other.log() == []
    assert resources(project) == before

    # where it was moved, it goes on
    project.path.rename(moved := project.path.with_name("moved"))
    there = Tiny(moved, moved / "flake", project.env | backend(moved))
    there.preview("--expect-no-changes")


def resources(checkout: Tiny) -> object:
    """What each is: a refused run is one too, which notes where the program is."""
    state = json.loads(checkout.pulumi("stack", "export").stdout)["deployment"]["resources"]
    return {r["urn"]: (r.get("id"), r.get("inputs"), r.get("outputs")) for r in state}


def backend(path: Path) -> dict[str, str]:
    return {"PULUMI_BACKEND_URL": f"file://{path}/backend"}
