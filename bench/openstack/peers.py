"""The peers in the lab's cloud: the same image and server by Terraform and by the client."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.table import show
from flakeship.process import run
from lab.setup import gobuild
from lab.setup.tools import Machine

HERE = Path(__file__).parent
FLAVOR = "s1.tiny"
NAME = "flakeship-bench"
LONGEST = 900

Rows = list[tuple[object, ...]]


def client(image: Path, key: Path) -> float:
    """The seconds that the script of `openstack` commands takes to a server that answers."""
    argv: list[str | Path] = [HERE / "client.sh", image, key, FLAVOR, NAME]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return float(run(argv, env=os.environ | {"PATH": path}, timeout=LONGEST).stdout)


@contextmanager
def terraform(image: Path, key: Path) -> Iterator[Callable[..., float]]:
    """Give a function that runs a Terraform command and tells its seconds; all is removed then."""
    gobuild.build((gobuild.TERRAFORM,), Machine.here())
    provider = (gobuild.engine() / gobuild.TERRAFORM.program).parent
    with tempfile.TemporaryDirectory() as directory:
        for name in ("main.tf", "answers.sh"):
            shutil.copy(HERE / name, directory)
        settings = Path(directory, "terraform.rc")
        settings.write_text(
            "provider_installation {\n  dev_overrides {\n"
            f'    "terraform-provider-openstack/openstack" = "{provider}"\n  }}\n}}\n'
        )
        env = os.environ | {
            "TF_CLI_CONFIG_FILE": str(settings),
            "CHECKPOINT_DISABLE": "1",
            **{f"TF_VAR_{name}": str(value) for name, value in variables(image, key).items()},
        }

        def timed(*words: str) -> float:
            start = time.perf_counter()
            run(
                ["terraform", *words, "-input=false", "-no-color"],
                cwd=Path(directory), env=env, timeout=LONGEST,
            )  # fmt: skip
            return time.perf_counter() - start

        try:
            yield timed
        finally:
            timed("destroy", "-auto-approve")


def variables(image: Path, key: Path) -> dict[str, object]:
    """What main.tf asks for."""
    return {"image": image, "key": key, "flavor": FLAVOR, "name": NAME}


def rows(image: Path, key: Path) -> Rows:
    """Measure both; a peer that is not on this machine has a row that says so."""
    measured: Rows = [("`openstack` commands until SSH answers", client(image, key))]
    if not shutil.which("terraform"):
        return [*measured, ("Terraform until SSH answers", "left out: no terraform on PATH")]
    with terraform(image, key) as timed:
        measured.append(("Terraform until SSH answers", timed("apply", "-auto-approve")))
        # Its exit code is 0 only where nothing is to be changed.
        measured.append(("Terraform's plan without changes", timed("plan", "-detailed-exitcode")))
    return measured


if __name__ == "__main__":
    show(
        f"one server from an image file, {FLAVOR}",
        ("what", "seconds"),
        rows(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()),
    )
