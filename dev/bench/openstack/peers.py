"""The peers in the lab's cloud: the same image and server by Terraform and by the client."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from dev.bench.terraform import ANSWERS, LONGEST, Peer, Terraform
from dev.bench.terraform import terraform as started
from dev.setup import gobuild
from flakeship.system.process import run

HERE = Path(__file__).parent
PEER = Peer(gobuild.TERRAFORM, "terraform-provider-openstack/openstack", HERE / "main.tf")
USER = "nixos"
FLAVOR = "s1.tiny"
POOL = "public"
NAME = "flakeship-bench"


def client(image: Path, key: Path) -> float:
    """The seconds that the script of `openstack` commands takes to a server that answers."""
    argv: list[str | Path] = [HERE / "client.sh", image, key, FLAVOR, NAME]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return float(run(argv, env=os.environ | {"PATH": path}, timeout=LONGEST).stdout)


def variables(image: Path, key: Path) -> Mapping[str, str]:
    """The variables of main.tf."""
    return {"image": str(image), "key": str(key), "flavor": FLAVOR, "name": NAME}


def terraform(
    image: Path, key: Path, script: str = ANSWERS.read_text()
) -> AbstractContextManager[Terraform]:
    """A Terraform project for an image, see dev.bench.terraform."""
    return started(PEER, variables(image, key), script)
