"""From a built image to verified servers, compared with a shell loop that waits for SSH."""

from __future__ import annotations

import os
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from dev.bench.runs import RUNS, medians
from dev.bench.table import show
from dev.bench.timeline import logged
from dev.bench.timeline.processes import BESIDES, peak
from dev.bench.timeline.watch import watching
from flakeship.system.process import run
from flakeship.targets.local.accelerator import accelerator
from tests.project import Project

MANY = 10
WHOLE = "`pulumi up` until verified and cut over"
BUILD = "  of it the slowest build inside a guest"
HERE = Path(__file__).parent


def servers(project: Project, count: int) -> None:
    """Measure `count` servers at once; `project` is a stack whose image is built, and is empty."""
    configure(project, count)
    ours, theirs = [], []
    for _ in range(RUNS):
        run = logged.up(project)
        image = project.outputs()["releases"][0]["artifact"]["files"][0]["path"]
        project.pulumi("destroy", "--yes", "--skip-preview")
        evidence = run.evidence()
        built = [c for e in evidence for c in e["checks"] if c["name"] == "nix-build"]
        ours.append(
            {
                WHOLE: run.seconds,
                "  of it until the slowest answered SSH": max(
                    each["seconds_to_ssh"] for each in evidence
                ),
                BUILD: max(each["milliseconds"] for each in built) / 1000,
            }
        )
        theirs.append(peer(image, project.path / ".state/id_ed25519", count))
    middle, loop = medians(ours), statistics.median(theirs)
    less = middle[WHOLE] - middle[BUILD]
    show(
        f"{count} server(s) from a built image, 2 vCPUs and 512 MiB each, {accelerator()}, "
        f"median of {RUNS}",
        ("what", "seconds"),
        [
            ("a shell loop until SSH answers everywhere", loop),
            *middle.items(),
            ("`pulumi up` as a multiple of the shell loop", middle[WHOLE] / loop),
            # too little by what the build does beside the other checks
            ("  less that build", less / loop),
        ],
    )
    memory(project, count)


def memory(project: Project, count: int) -> None:
    """The memory of one more run: looking at it takes time, so it is not one of those above."""
    with watching() as watch:
        replace(project, env=project.env | watch.env).up()
    project.pulumi("destroy", "--yes", "--skip-preview")
    show(
        f"the memory of {count} server(s), without the guests",
        ("what", "peak MB"),
        [(BESIDES, peak(watch.sampler.seen))],
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
