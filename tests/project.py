"""A project of its own for a test: the real program, the real engine, a file backend."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

from flakeship.system.process import Result, run

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "Pulumi.dev.yaml"
SHARED = [
    "__main__.py",
    "Pulumi.yaml",
    "components",
    "policy",
    "pyproject.toml",
    "uv.lock",
    ".venv",
]


@dataclass(frozen=True)
class Project:
    """A checkout of links with one stack; `flake` is a git repository of its own."""

    path: Path
    flake: Path
    env: dict[str, str]

    def pulumi(self, *words: str, check: bool = True) -> Result:
        # Longer than bootTimeout: what hangs says itself where.
        done = run(["pulumi", *words], cwd=self.path, env=self.env, check=False, timeout=600)
        assert not check or done.code == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def up(self, *words: str, check: bool = True) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *words, check=check).stdout

    def preview(self, *words: str, check: bool = True) -> str:
        return self.pulumi("preview", *words, check=check).stdout

    def config(self, key: str, value: str) -> None:
        self.pulumi("config", "set", "--path", f"flakeship:{key}", value)

    def unset(self, key: str) -> None:
        self.pulumi("config", "rm", "--path", f"flakeship:{key}")

    def outputs(self) -> dict[str, Any]:
        outputs: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json").stdout)
        return outputs

    def running(self) -> str:
        """The name of the one release that runs."""
        (name,) = self.outputs()["running"].values()
        return str(name)

    def edit(self, old: str, new: str, where: str = "hosts/appliance.nix") -> None:
        """Change the appliance's description; another description is another release."""
        file = self.flake / where
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        self.commit()

    def commit(self) -> None:
        """Make the flake's files one more commit."""
        commit(self.flake)

    def beside(self, name: str, settings: dict[str, Any]) -> Self:
        """Another stack of the same project, with settings of its own alone."""
        made = replace(self, env=self.env | {"PULUMI_STACK": name})
        made.pulumi("stack", "init", "--no-select", name)
        config = {f"flakeship:{key}": value for key, value in settings.items()}
        with (self.path / f"Pulumi.{name}.yaml").open("a") as file:
            file.write(json.dumps({"config": config})[1:-1])  # beside the salt that Pulumi wrote
        return made


class ServerStack(Project):
    """A project whose servers have addresses of their own."""

    def fails(self, *words: str) -> str:
        """What a run says that must not succeed."""
        done = self.pulumi("up", "--yes", "--skip-preview", *words, check=False)
        assert done.code != 0, done.stdout
        return done.stdout + done.stderr

    def refused(self) -> str:
        """What a preview says that must not succeed."""
        done = self.pulumi("preview", check=False)
        assert done.code != 0, done.stdout
        return done.stdout + done.stderr

    def address(self, server: str = "web") -> str:
        return str(self.outputs()["servers"][server]["address"])

    def machine(self, server: str = "web") -> str:
        return str(self.outputs()["servers"][server]["machine"])

    def page(self, server: str = "web") -> str:
        """What the server's address answers on port 80."""
        with urlopen(f"http://{self.address(server)}/", timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def resources(self) -> list[dict[str, Any]]:
        state = json.loads(self.pulumi("stack", "export").stdout)
        found: list[dict[str, Any]] = state["deployment"].get("resources", [])
        return found

    def evidence(self, machine: str) -> dict[str, str]:
        """The details of a machine's checks, by name."""
        for resource in self.resources():
            held = resource.get("outputs", {}).get("result")
            if held and resource["type"].endswith("Verification") and held["machine"] == machine:
                assert all(check["passed"] for check in held["checks"])
                return {check["name"]: check["detail"] for check in held["checks"]}
        raise AssertionError(f"no evidence of {machine}")


def commit(path: Path) -> None:
    git = ["git", "-C", str(path), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    run([*git, "add", "-A"])
    run([*git, "commit", "--allow-empty", "-qm", "test"])


def check_out(path: Path, flake: Path, source: Path) -> None:
    """A checkout of links, with a copy of the flake `source` at `flake` in it."""
    (path / "flakeship").mkdir(parents=True)
    for name in SHARED:
        (path / name).symlink_to(ROOT / name)
    for file in (ROOT / "flakeship").iterdir():
        if file.name != "__pycache__":
            (path / "flakeship" / file.name).symlink_to(file)
    shutil.copytree(source, path / flake, ignore=shutil.ignore_patterns("__pycache__"))
    run(["git", "init", "-q", path / flake])
    commit(path / flake)


def environment(path: Path, stack: str = "test") -> dict[str, str]:
    """That of a stack whose backend is a new directory in `path`."""
    (path / "backend").mkdir()
    own = {
        "PULUMI_BACKEND_URL": f"file://{path}/backend",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_STACK": stack,  # a selection would stay behind in Pulumi's home
    }
    whole = os.environ | own
    whole.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    return whole


def make(path: Path, flake: Path, source: Path, stack: str = "test", **env: str) -> Project:
    """A project in an empty directory, with a copy of the flake `source` at `flake` in it.

    Its settings are those of the embedded example. `env` adds to the environment of every command.
    """
    for tool in ("pulumi", "nix", "git"):
        assert shutil.which(tool), f"{tool} is not on PATH: run the tests by `make test`"
    check_out(path, flake, source)
    made = Project(path, path / flake, environment(path, stack) | env)
    made.pulumi("stack", "init", "--no-select", stack)
    _, key, settings = EXAMPLE.read_text().partition("config:\n")
    with (path / f"Pulumi.{stack}.yaml").open("a") as text:
        text.write(key + settings)
    return made
