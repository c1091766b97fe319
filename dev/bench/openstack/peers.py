"""The peers in the lab's cloud: the same image and server by Terraform and by the client."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.setup import gobuild
from dev.setup.tools import Machine
from flakeship.system.process import run

HERE = Path(__file__).parent
ANSWERS = (HERE / "answers.sh").read_text()
FLAVOR = "s1.tiny"
POOL = "public"
NAME = "flakeship-bench"
LONGEST = 900


def client(image: Path, key: Path) -> float:
    """The seconds that the script of `openstack` commands takes to a server that answers."""
    argv: list[str | Path] = [HERE / "client.sh", image, key, FLAVOR, NAME]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return float(run(argv, env=os.environ | {"PATH": path}, timeout=LONGEST).stdout)


def answers(key: Path, address: str) -> None:
    """Wait until SSH answers."""
    run([HERE / "answers.sh", key, f"nixos@{address}"], timeout=LONGEST)


@dataclass(frozen=True)
class Terraform:
    """A directory with main.tf, and the environment of every command."""

    path: Path
    env: Mapping[str, str]

    def timed(self, *words: str) -> float:
        """The seconds of a command that changes or plans."""
        start = time.perf_counter()
        self._run(*words, "-input=false", "-no-color")
        return time.perf_counter() - start

    def address(self) -> str:
        """The floating IP."""
        return str(json.loads(self._run("output", "-json", "address")))

    def _run(self, *words: str) -> str:
        return run(["terraform", *words], cwd=self.path, env=self.env, timeout=LONGEST).stdout


def variables(image: Path, key: Path) -> Mapping[str, str]:
    """The variables of main.tf."""
    return {"image": str(image), "key": str(key), "flavor": FLAVOR, "name": NAME}


@contextmanager
def terraform(image: Path, key: Path, answers: str = ANSWERS) -> Iterator[Terraform]:
    """Give a Terraform project that has not made anything yet; all is removed then.

    `answers` is the script that waits for the server, which gets its key and login.
    """
    gobuild.build((gobuild.TERRAFORM,), Machine.detect())
    provider = (gobuild.engine() / gobuild.TERRAFORM.program).parent
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(HERE / "main.tf", directory)
        script = Path(directory, "answers.sh")
        script.write_text(answers)
        script.chmod(0o755)
        settings = Path(directory, "terraform.rc")
        settings.write_text(
            "provider_installation {\n  dev_overrides {\n"
            f'    "terraform-provider-openstack/openstack" = "{provider}"\n  }}\n}}\n'
        )
        env = os.environ | {
            "TF_CLI_CONFIG_FILE": str(settings),
            "CHECKPOINT_DISABLE": "1",
            **{f"TF_VAR_{name}": text for name, text in variables(image, key).items()},
        }
        made = Terraform(Path(directory), env)
        try:
            yield made
        finally:
            made.timed("destroy", "-auto-approve")
