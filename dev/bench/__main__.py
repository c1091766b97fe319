"""`make bench`: every measurement in one run, on a stack of its own that is gone afterwards.

`python -m dev.bench [PART…]` measures only some; BENCH_RUNS is how often each figure is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dev.bench.evaluation import evaluation
from dev.bench.inside import inside
from dev.bench.parts import chosen, folder
from dev.bench.preview import preview
from dev.bench.servers import MANY, configure, servers
from tests.project import ROOT, Project, make

PARTS = ("evaluation", "preview", "inside", "server", "servers")


def main(parts: list[str]) -> None:
    """Measure in a temporary project."""
    if "evaluation" in parts:
        evaluation()
    if {*parts} == {"evaluation"}:
        return
    with folder() as path:
        project = make(path, Path("nix/appliance"), ROOT / "nix/appliance")
        configure(project, 1)
        try:
            measure(project, parts)
        finally:
            project.pulumi("destroy", "--yes", "--skip-preview", check=False)


def measure(project: Project, parts: list[str]) -> None:
    """One stack goes through all of it."""
    print("building the image and bringing up a first server…", flush=True)
    project.up()
    if "preview" in parts:
        preview(project)
    if "inside" in parts:
        inside(project)
    project.pulumi("destroy", "--yes", "--skip-preview")
    if "server" in parts:
        servers(project, 1)
    if "servers" in parts:
        servers(project, MANY)


main(chosen(sys.argv[1:], PARTS))
