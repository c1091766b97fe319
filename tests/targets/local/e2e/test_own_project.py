"""A project of one's own, from the template: an empty folder, the package, and no checkout."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from flakeship.system.process import run
from flakeship.system.tcp import free_ports
from tests.docs.markdown import blocks
from tests.project import ROOT, Project, commit
from tests.targets.local.e2e.conftest import end_plugins, qemus

TEMPLATE = ROOT / "nix/templates/project"


@dataclass(frozen=True)
class OwnProject(Project):
    """What `pulumi new` made; the server `web` answers on `port`."""

    port: int

    def run(self, program: str, *words: str) -> str:
        """Run a program of the project's own Python environment."""
        argv = [str(self.path / ".venv/bin" / program), *words]
        return run(argv, cwd=self.path, env=self.env).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[OwnProject]:
    """An instance of the template, with this checkout's wheel, and the appliance as its flake."""
    for tool in ("pulumi", "nix", "uv"):
        assert shutil.which(tool), f"{tool} is not on PATH: run the tests by `make test`"
    path, flake, wheels = (tmp_path / name for name in ("mine", "appliance", "wheels"))
    path.mkdir()
    (tmp_path / "backend").mkdir()
    env = os.environ | {
        "PULUMI_BACKEND_URL": (tmp_path / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_STACK": "dev",
    }
    for name in ("PULUMI_CONFIG_PASSPHRASE_FILE", "PYTHONPATH", "VIRTUAL_ENV"):
        env.pop(name, None)
    made = OwnProject(path, flake, env, free_ports(1)[0])
    made.pulumi("new", str(TEMPLATE), "--yes", "--generate-only", "--name", "mine")

    run(["uv", "build", "--quiet", "--wheel", "--out-dir", wheels, ROOT])
    run(["uv", "venv", "--quiet", "--python", "3.11", path / ".venv"], env=env)
    run(["uv", "pip", "install", "--quiet", "--python", path / ".venv", *wheels.glob("*.whl")])

    shutil.copytree(ROOT / "nix/appliance", flake, ignore=shutil.ignore_patterns("__pycache__"))
    run(["git", "init", "-q", flake])
    commit(flake)
    made.pulumi("stack", "init", "--no-select", "dev")
    for key, value in {
        "flake": str(flake),
        "host": "appliance",
        "servers[0].memory": "512",
        "servers[0].disk": "2G",
        "servers[0].ports[0].hostPort": str(made.port),
        "servers[0].checks[0].contains": "appliance",
    }.items():
        made.config(key, value)
    yield made
    end_plugins(path)
    made.pulumi("destroy", "--yes", "--skip-preview")
    assert not list(qemus(path))


def test_a_project_of_ones_own(project: OwnProject) -> None:
    installed = project.run("python", "-c", "import flakeship; print(flakeship.__file__)")
    assert Path(installed).is_relative_to(project.path / ".venv")
    find = "from importlib.util import find_spec; print(find_spec('openstack'))"
    assert project.run("python", "-c", find) == "None"

    project.up()
    with urlopen(f"http://127.0.0.1:{project.port}/", timeout=20) as answer:
        assert "appliance" in answer.read().decode()
    assert "✓ greeting" in project.run("flakeship", "status")
    project.preview("--expect-no-changes")
    project.up("--expect-no-changes")
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert not list(qemus(project.path))


def test_policies_of_ones_own(project: OwnProject) -> None:
    """The two files of the how-to page, as they are there."""
    (wheel,) = project.path.parent.glob("wheels/*.whl")
    venv = project.path / ".venv"
    package = f"flakeship[policy] @ {wheel.as_uri()}"
    run(["uv", "pip", "install", "--quiet", "--python", venv, package])
    folder = project.path / "policy"
    folder.mkdir()
    page = ROOT / "docs/how-to/policies.md"
    (runtime,) = (text for text in blocks(page, "yaml") if text.startswith("runtime:"))
    (folder / "PulumiPolicy.yaml").write_text(runtime)
    (rules,) = blocks(page, "python")
    (folder / "__main__.py").write_text(rules)

    assert "✅ flakeship" in project.preview("--policy-pack", "policy")
    levels = folder / "small.json"
    levels.write_text('{"small-machines": {"memory": 256}}')
    words = ("--policy-pack", "policy", "--policy-pack-config", str(levels))
    refused = project.pulumi("preview", *words, check=False)
    assert refused.code != 0
    assert "has more than 256 MiB of memory" in refused.stdout
