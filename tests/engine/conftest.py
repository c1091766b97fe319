"""Stacks of the tiny flake: one whose machines are only noted down, one on the target fake."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flakeship.system.process import Result, run
from flakeship.system.tcp import free_ports
from flakeship.targets.fake.cloud import STORED, Cloud, Object
from tests.project import ROOT, Project, check_out, make

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tiny(Project):
    """The tiny flake: an image is one line of text, and so is all that changes it."""

    def write(self, text: str) -> None:
        """Another text is another release."""
        (self.flake / "text").write_text(text)
        self.commit()

    def ledger(self) -> list[str]:
        """What each kept release's image holds, newest first."""
        stored = [record["release"]["out"] for record in self.outputs().get("releases", [])]
        return [Path(out).read_text().strip() for out in stored]

    def images(self) -> list[str]:
        """What the state's images hold."""
        state = json.loads(self.pulumi("stack", "export").stdout)
        resources = state["deployment"].get("resources", [])
        built = [r["outputs"]["stdout"] for r in resources if "::image-" in r["urn"]]
        return sorted(
            Path(json.loads(text)["files"][0]["path"]).read_text().strip() for text in built
        )

    def log(self) -> list[str]:
        """What the commands have done since this was last asked."""
        file = self.path / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def fail(self, verb: str, part: str = "") -> None:
        """From now on a command fails where its request holds `part`."""
        (self.path / f"fail-{verb}").write_text(part)

    def mend(self, verb: str) -> None:
        """The opposite."""
        (self.path / f"fail-{verb}").unlink()


@pytest.fixture
def project(tmp_path: Path) -> Tiny:
    # The tiny flake's builder is the host's shell, and not every sandbox has one.
    nix = "sandbox = false\n" + os.environ.get("NIX_CONFIG", "")
    made = make(tmp_path, Path("flake"), HERE / "flake", NIX_CONFIG=nix)
    package = tmp_path / "flakeship"
    for directory in ("targets", "targets/local"):  # which are links, so that a file can be another
        links = [*(package / directory).iterdir()]
        (package / directory).unlink()
        (package / directory).mkdir()
        for file in links:
            (package / directory / file.name).symlink_to(ROOT / "flakeship" / directory / file.name)
    for replaced in ("__main__.py", "targets/local/resource_types.py"):
        (package / replaced).unlink()
        shutil.copy(HERE / "verbs.py", package / replaced)
    for key, value in {"flake": "./flake", "host": "tiny"}.items():
        made.config(key, value)
    # nothing listens on it, but a preview refuses one that another stack's machine has
    made.config("servers[0].ports[0].hostPort", str(free_ports(1)[0]))
    return Tiny(made.path, made.flake, made.env)


class FakeStack(Tiny):
    """A stack of the tiny flake on the target fake."""

    @property
    def file(self) -> Path:
        return self.path / ".state/test/fake.json"

    def cloud(self) -> Cloud:
        return STORED.validate_json(self.file.read_text())

    def machines(self) -> dict[str, Object]:
        """The machines by their names, which are unique while nothing is orphaned."""
        return {machine.name: machine for machine in self.cloud().of("machine")}

    def serving(self) -> str:
        """The name of the machine that the one address leads to."""
        (address,) = self.cloud().of("address")
        return self.cloud().objects[address.uses].name

    def change(self, cloud: Cloud) -> None:
        """As if somebody else had changed the cloud."""
        self.file.write_text(STORED.dump_json(cloud).decode())

    def flakeship(self, *words: str, cwd: Path | None = None) -> Result:
        """The command in the project's directory, or in one below it."""
        argv = [f"{self.path}/.venv/bin/python", "-m", "flakeship", *words]
        env = self.env | {"PYTHONPATH": str(self.path)}
        return run(argv, cwd=cwd or self.path, env=env, check=False, timeout=120)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.pulumi("stack", "export").stdout)["deployment"]
        return found

    def resources(self) -> dict[str, object]:
        """The inputs and outputs of each resource in the state, but for the nonces of secrets."""
        stored = json.dumps(self.state().get("resources", []))
        return {
            each["urn"]: (each.get("id"), each.get("inputs"), each.get("outputs"))
            for each in json.loads(re.sub(r'("ciphertext": )"[^"]*"', r'\1""', stored))
        }

    def second(self, path: Path) -> FakeStack:
        """Another checkout of the same stack, on the same backend and with the same cloud."""
        check_out(path, self.flake.relative_to(self.path), self.flake)
        shutil.copy(self.path / "Pulumi.test.yaml", path)
        (path / ".state/test").mkdir(parents=True)
        shutil.copy(self.file, path / ".state/test")
        return FakeStack(path, path / self.flake.relative_to(self.path), self.env)

    def make_up(self) -> Result:
        """What `make up` runs, as the Makefile has it."""
        found = re.search(r"^UP +:= (pulumi up .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert found
        argv = [".venv/bin/python", "-m", "dev.attended", *found[1].split(), "test"]
        env = self.env | {"PYTHONPATH": str(ROOT)}
        return run(argv, cwd=self.path, env=env, check=False, timeout=120)


def fake_stack(tmp_path: Path, **env: str) -> FakeStack:
    """A stack of the tiny flake on the target fake; `env` is as of tests.project.make."""
    nix = "sandbox = false\n" + os.environ.get("NIX_CONFIG", "")
    made = make(tmp_path, Path("flake"), HERE / "flake", NIX_CONFIG=nix, **env)
    made.unset("servers[0].ports[0].hostPort")  # of the target local
    for key, value in {"flake": "./flake", "host": "tiny", "target": "fake"}.items():
        made.config(key, value)
    return FakeStack(made.path, made.flake, made.env)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[FakeStack]:
    yield fake_stack(tmp_path)
    end_all(tmp_path)


@contextlib.contextmanager
def starting(stack: FakeStack, seconds: int) -> Iterator[subprocess.Popen[bytes]]:
    """The engine of a run that is starting a machine, which takes so long."""
    stack.config("servers[0].fake.bootSeconds", str(seconds))
    with subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview"],
        cwd=stack.path,
        env=stack.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        until(lambda: process.poll() is not None or "starting" in stack.file.read_text())
        assert process.poll() is None
        yield process
        process.kill()


def until(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end_all(directory: Path) -> None:
    """Kill what runs in a directory."""
    for pid in processes(directory):
        os.kill(pid, signal.SIGKILL)


def processes(directory: Path) -> list[int]:
    """Those that run in a directory: a plugin and its command outlive a killed engine."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink() == directory:
                found.append(int(entry.name))
    return found
