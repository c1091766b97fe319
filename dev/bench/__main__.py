"""`make bench`: every measurement in one run, on a stack of its own that is gone afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dev.bench.evaluation import evaluation
from dev.bench.inside import inside
from dev.bench.preview import preview
from dev.bench.servers import MANY, configure, servers
from tests.project import ROOT, make


def main() -> None:
    """Measure in a temporary project."""
    evaluation()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "project")
        path.mkdir()
        project = make(path, Path("nix/appliance"), ROOT / "nix/appliance")
        configure(project, 1)
        try:
            print("building the image and bringing up a first server…", flush=True)
            project.up()
            preview(project)
            inside(project)
            project.pulumi("destroy", "--yes", "--skip-preview")
            servers(project, 1)
            servers(project, MANY)
        finally:
            project.pulumi("destroy", "--yes", "--skip-preview", check=False)


main()
