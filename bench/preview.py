"""What a preview that changes nothing costs beside the same resources with literal inputs."""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import threading
import time
from pathlib import Path

from bench.table import show
from tests.project import Project

RUNS = 7

EMPTY = "import pulumi\n"

LITERAL = """
import json
import pulumi
from pulumi_command import local

with open("literal.json") as file:
    stored = json.load(file)
made = {}
for each in stored["resources"]:
    parent = made.get(each["parent"])
    opts = pulumi.ResourceOptions(parent=parent, depends_on=[made[d] for d in each["depends"]])
    if each["type"] == "command:local:Command":
        made[each["urn"]] = local.Command(each["name"], opts=opts, **each["inputs"])
    else:
        made[each["urn"]] = pulumi.ComponentResource(each["type"], each["name"], None, opts)
for name, value in stored["outputs"].items():
    pulumi.export(name, value)
"""

INPUTS = ("create", "delete", "stdin", "interpreter", "logging")


def preview(project: Project) -> None:
    """Measure three programs over one state; `project` is a stack that is up."""
    literal, empty = copied(project, "literal", LITERAL), copied(project, "empty", EMPTY)
    stored = json.loads(project.pulumi("stack", "export").stdout)["deployment"]["resources"]
    (literal.path / "literal.json").write_text(
        json.dumps(
            {"resources": [plain(r) for r in stored if plain(r)], "outputs": project.outputs()}
        )
    )
    literal.preview("--expect-no-changes")
    programs = {
        "empty program": empty,
        "the same resources, literal inputs": literal,
        "Flakeship": project,
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(RUNS):
        for name, each in programs.items():  # in turn: what else the machine does meets them all
            start = time.perf_counter()
            each.preview()
            times[name].append(time.perf_counter() - start)
    rows: list[tuple[object, ...]] = [
        (name, statistics.median(times[name]), min(times[name]), peak(each))
        for name, each in programs.items()
    ]
    ours, theirs = times["Flakeship"], times["the same resources, literal inputs"]
    more = statistics.median(ours) - statistics.median(theirs)
    rows.append(("Flakeship over literal inputs", more, min(ours) - min(theirs), ""))
    show(
        f"`pulumi preview` without changes, clean tree, median and best of {RUNS}",
        ("program", "median s", "best s", "peak memory MB"),
        rows,
    )


def copied(project: Project, name: str, program: str) -> Project:
    """A project with the same state and another program."""
    path = project.path.parent / f"{project.path.name}-{name}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for each in ("Pulumi.yaml", "Pulumi.test.yaml", "pyproject.toml", "uv.lock", ".venv"):
        (path / each).symlink_to(project.path / each)
    (path / "__main__.py").write_text(program)
    shutil.copytree(project.path / "backend", path / "backend")
    env = project.env | {"PULUMI_BACKEND_URL": f"file://{path}/backend"}
    return Project(path, project.flake, env)


def plain(resource: dict[str, object]) -> dict[str, object] | None:
    """A resource of the state as the literal program declares it; None for the engine's own."""
    kind, urn = str(resource["type"]), str(resource["urn"])
    if kind.startswith("pulumi:"):
        return None
    stated = resource.get("inputs") or {}
    assert isinstance(stated, dict)
    depends = resource.get("dependencies") or []
    assert isinstance(depends, list)
    return {
        "urn": urn,
        "type": kind,
        "name": urn.rsplit("::", 1)[1],
        "parent": resource.get("parent"),
        "depends": depends,
        "inputs": {key: stated[key] for key in INPUTS if key in stated},
    }


def peak(project: Project) -> float:
    """The most memory that the program held in one more preview, in MB."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            most.append(high_water(str(project.path)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    project.preview()
    done.set()
    watcher.join()
    return max(most) / 1000


def high_water(directory: str) -> int:
    """The peak of the language's launcher that runs in a directory, in kB; 0 without one."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, StopIteration):
            words = (entry / "cmdline").read_bytes()
            if (
                b"pulumi-language-python-exec" in words
                and str((entry / "cwd").readlink()) == directory
            ):
                status = (entry / "status").read_text().splitlines()
                return int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    return 0
