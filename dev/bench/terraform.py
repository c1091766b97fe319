"""Terraform as a peer: what a user would write for one server, with a bare SSH check."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.setup import gobuild
from dev.setup.tools import Machine
from flakeship.system.process import run

ANSWERS = Path(__file__).with_name("answers.sh")
"""The script that waits for a server, which gets a key and a login."""
LONGEST = 900


@dataclass(frozen=True)
class Peer:
    """A provider that is built here, its address in a registry, and the file that uses it."""

    part: gobuild.Part
    source: str
    main: Path


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
        """The output `address`, which is that of the server."""
        return str(json.loads(self._run("output", "-json", "address")))

    def _run(self, *words: str) -> str:
        return run(["terraform", *words], cwd=self.path, env=self.env, timeout=LONGEST).stdout


def there_is_one() -> bool:
    """Whether there is a Terraform to compare with."""
    return shutil.which("terraform") is not None


def answers(key: Path, login: str) -> None:
    """Wait until SSH answers."""
    run([ANSWERS, key, login], timeout=LONGEST)


@contextmanager
def terraform(
    peer: Peer, variables: Mapping[str, object], script: str = ANSWERS.read_text()
) -> Iterator[Terraform]:
    """Give a Terraform project that has not made anything yet; all is removed then.

    `script` is what it waits for the server with, see ANSWERS.
    """
    gobuild.build((peer.part,), Machine.detect())
    provider = (gobuild.engine() / peer.part.program).parent
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(peer.main, directory)
        waiting = Path(directory, ANSWERS.name)
        waiting.write_text(script)
        waiting.chmod(0o755)
        settings = Path(directory, "terraform.rc")
        settings.write_text(
            f'provider_installation {{\n  dev_overrides {{\n    "{peer.source}" = "{provider}"\n'
            "  }\n}\n"
        )
        env = os.environ | {
            "TF_CLI_CONFIG_FILE": str(settings),
            "CHECKPOINT_DISABLE": "1",
            **{f"TF_VAR_{name}": str(value) for name, value in variables.items()},
        }
        made = Terraform(Path(directory), env)
        try:
            yield made
        finally:
            made.timed("destroy", "-auto-approve")
