"""The real program under the real engine, in a project and on a file backend of its own."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flakeship.process import Result, run

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SHARED = ["__main__.py", "Pulumi.yaml", "components", "pyproject.toml", "uv.lock", ".venv"]
TINY = {"flakeship:flake": "./flake", "flakeship:host": "tiny"}


@dataclass(frozen=True)
class Project:
    """A project of its own with the tiny flake, whose stack is called test."""

    path: Path
    env: dict[str, str]

    def pulumi(self, *words: str, check: bool = True) -> Result:
        done = run(["pulumi", *words], cwd=self.path, env=self.env, check=False, timeout=300)
        assert not check or done.code == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def up(self, *words: str, check: bool = True) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *words, check=check).stdout

    def preview(self, *words: str, check: bool = True) -> str:
        return self.pulumi("preview", *words, check=check).stdout

    def config(self, key: str, value: str) -> None:
        self.pulumi("config", "set", "--path", f"flakeship:{key}", value)

    def outputs(self) -> dict[str, Any]:
        outputs: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json").stdout)
        return outputs

    def ledger(self) -> list[str]:
        """The first line of each kept release's image, newest first."""
        stored = [record["release"]["out"] for record in self.outputs().get("releases", [])]
        return [Path(out).read_text().strip() for out in stored]

    def images(self) -> list[str]:
        """What the state's images hold."""
        state = json.loads(self.pulumi("stack", "export").stdout)
        urns = [(r["urn"], r) for r in state["deployment"].get("resources", [])]
        built = [r["outputs"]["stdout"] for urn, r in urns if "::image-" in urn]
        return sorted(Path(json.loads(text)["file"]).read_text().strip() for text in built)

    def log(self) -> list[str]:
        """What the verbs have done since this was last asked."""
        file = self.path / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def write(self, text: str) -> None:
        """Another release: the image's one line is another."""
        (self.path / "flake/text").write_text(text)
        commit(self.path / "flake")

    def fail(self, verb: str, part: str = "") -> None:
        (self.path / f"fail-{verb}").write_text(part)

    def mend(self, verb: str) -> None:
        (self.path / f"fail-{verb}").unlink()


def commit(path: Path) -> None:
    git = ["git", "-C", path, "-c", "user.name=test", "-c", "user.email=test@example.org"]
    run([*git, "add", "-A"])
    run([*git, "commit", "--allow-empty", "-qm", "test"])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for tool in ("pulumi", "nix", "git"):
        assert shutil.which(tool), f"{tool} is not on PATH: run the tests by `make test`"
    path = tmp_path / "project"
    (path / "flakeship").mkdir(parents=True)
    for name in SHARED:
        (path / name).symlink_to(ROOT / name)
    for file in (ROOT / "flakeship").iterdir():
        if file.name != "__main__.py":
            (path / "flakeship" / file.name).symlink_to(file)
    shutil.copy(HERE / "verbs.py", path / "flakeship/__main__.py")
    shutil.copytree(HERE / "flake", path / "flake")
    run(["git", "init", "-q", path / "flake"])
    commit(path / "flake")
    (tmp_path / "backend").mkdir()
    env = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/backend",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        # The tiny flake's builder is the host's shell; not every sandbox has one.
        "NIX_CONFIG": "sandbox = false\n" + os.environ.get("NIX_CONFIG", ""),
    }
    env.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    made = Project(path, env)
    made.pulumi("stack", "init", "test")
    for key, value in TINY.items():
        made.pulumi("config", "set", key, value)
    return made
