"""The cost of the report of changes inside a host, compared with `nix derivation show`."""

from __future__ import annotations

import dataclasses
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dev.bench.table import show
from flakeship.model.release import Release
from flakeship.nix.diff import graph
from flakeship.nix.diff.report import report
from flakeship.nix.store import NIX
from flakeship.state import outputs
from flakeship.system.process import run
from tests.project import Project

RUNS = 5
SIZE = 3000
"""How many derivations a system has; of NixOS, with its image, it is 3,000 to 4,500."""

SYSTEM = """
let
  size = %d;
  changed = %d;
  release = version:
    let
      package = i: derivation {
        name = "package${toString i}-${at i}";
        pname = "package${toString i}";
        version = at i;
        system = "x86_64-linux";
        builder = "/bin/sh";
        args = [ "-c" "echo > $out" ];
        buildInputs = map (step: if i < step then "" else elem (i - step)) [ 1 7 50 ];
        installPhase = text;
      };
      at = i: if i == changed then version else "1";
      all = builtins.genList package size;
      elem = builtins.elemAt all;
      line = n: "install -m 644 file${toString n}";
      text = builtins.concatStringsSep "\\n" (builtins.genList line 100);
      toplevel = derivation {
        name = "nixos-system";
        system = "x86_64-linux";
        builder = "/bin/sh";
        sw = elem (size - 1);
      };
      image = derivation {
        name = "image";
        system = "x86_64-linux";
        builder = "/bin/sh";
        inherit toplevel;
      };
    in
    {
      drv = builtins.unsafeDiscardOutputDependency image.drvPath;
      out = image.outPath;
      toplevel = toplevel.outPath;
    };
in
map release [ "1.0" "2.0" ]
"""


def inside(project: Project) -> None:
    """Measure two pairs of made-up systems; `project` is a stack that is up."""
    some = outputs.read(project.outputs(), "dev").ledger[0].release
    rows: list[tuple[object, ...]] = []
    for what, changed in [("every package is another", 0), ("one package is another", SIZE - 1)]:
        before, after = releases(some, changed)
        drvs = [before.drv, after.drv]
        rows += [
            (f"{what}: two bare `nix derivation show -r`", *times(show_each, drvs)),
            (f"{what}: the report", *times(report, before, after)),
        ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    show(
        f"What changes inside, two systems of {SIZE} derivations, median and best of {RUNS}; "
        f"at most {peak:.0f} MB in this process",
        ("what", "median s", "best s"),
        rows,
    )


def releases(some: Release, changed: int) -> list[Release]:
    """Two releases that differ in the package of that number and in all above it."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "system.nix")
        file.write_text(SYSTEM % (SIZE, changed))
        printed = run([*NIX, "eval", "--json", "--impure", "--file", file]).stdout
    return [dataclasses.replace(some, **each) for each in json.loads(printed)]


def show_each(drvs: list[str]) -> None:
    """Let Nix show each with all that it needs."""
    for drv in drvs:
        run([*NIX, "derivation", "show", "--recursive", drv], most=graph.MOST)


def times(act: Callable[..., object], *arguments: object) -> tuple[float, float]:
    """The median and the best of some runs, in seconds."""
    found = []
    for _ in range(RUNS):
        start = time.perf_counter()
        act(*arguments)
        found.append(time.perf_counter() - start)
    return statistics.median(found), min(found)
