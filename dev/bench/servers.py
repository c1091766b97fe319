"""From a built image to verified servers, compared with a shell loop that waits for SSH."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from dev.bench.table import show
from flakeship.system.process import run
from flakeship.targets.local.accelerator import accelerator
from tests.project import Project

MANY = 10
HERE = Path(__file__).parent


def servers(project: Project, count: int) -> None:
    """Measure `count` servers at once; `project` is a stack whose image is built, and is empty."""
    configure(project, count)
    start = time.perf_counter()
    project.up()
    ours = time.perf_counter() - start
    outputs = project.outputs()
    state = json.loads(project.pulumi("stack", "export").stdout)["deployment"]["resources"]
    held = [resource.get("outputs", {}).get("evidence") for resource in state]
    evidence = [each for each in held if each]
    builds = [
        c["milliseconds"] / 1000 for e in evidence for c in e["checks"] if c["name"] == "nix-build"
    ]
    waited = max(each["seconds_to_ssh"] for each in evidence)
    image = outputs["releases"][0]["artifact"]["files"][0]["path"]
    project.pulumi("destroy", "--yes", "--skip-preview")
    theirs = peer(image, project.path / ".state/id_ed25519", count)
    apart = max(builds)
    show(
        f"{count} server(s) from a built image, 2 vCPUs and 512 MiB each, {accelerator()}",
        ("what", "seconds"),
        [
            ("a shell loop until SSH answers everywhere", theirs),
            ("`pulumi up` until verified and cut over", ours),
            ("  of it until the slowest answered SSH", waited),
            ("  of it the slowest build inside a guest", apart),
            ("`pulumi up` less that build, over the shell loop", ours - apart - theirs),
            ("`pulumi up` less that build, as a multiple of it", (ours - apart) / theirs),
        ],
    )


def configure(project: Project, count: int) -> None:
    """Servers with the one port that the appliance's host declares."""
    for number in range(count):
        project.config(f"servers[{number}].name", f"s{number}")
        project.config(f"servers[{number}].ports[0].port", "80")
        project.config(f"servers[{number}].ports[0].protocol", "http")


def peer(image: str, key: Path, count: int) -> float:
    """The seconds that the shell loop takes."""
    with tempfile.TemporaryDirectory() as directory:
        argv = [str(HERE / "peer.sh"), image, str(key), str(count), directory]
        return float(run(argv, env=os.environ | {"ACCELERATOR": accelerator()}).stdout)
