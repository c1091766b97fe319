"""The cost of a preview that changes nothing, compared with the same resources as literals.

And the cost of the policies beside it.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import statistics
import threading
import time
from pathlib import Path

from dev.bench.table import show
from tests.project import Project

RUNS = 7
OURS = "flakeship"
"""The package of components, and of resources of a provider of our own."""

TOP = ".index"
"""What an SDK has in its package itself."""

EMPTY = "import pulumi\n"
# advisory: SSH of a cloud's server is open to everybody here
POLICIES = ("--policy-pack", "policy", "--policy-pack-config", "policy/dev.json")

LITERAL = """
import importlib
import json
import pulumi

with open("literal.json") as file:
    stored = json.load(file)
made = {}
for each in stored["resources"]:
    package, module, kind = each["type"]
    opts = pulumi.ResourceOptions(
        parent=made.get(each["parent"]),
        depends_on=[made[d] for d in each["depends"]],
        provider=made.get(each["provider"]),
        ignore_changes=each["ignored"],
    )
    token = ":".join(each["type"])
    if package == "flakeship" and each["custom"]:
        made[each["urn"]] = pulumi.CustomResource(token, each["name"], each["inputs"], opts)
    elif package == "flakeship":
        made[each["urn"]] = pulumi.ComponentResource(token, each["name"], None, opts)
    else:
        found = getattr(importlib.import_module(f"pulumi_{package}{module}"), kind)
        made[each["urn"]] = found(each["name"], opts=opts, **each["inputs"])
for name, value in stored["outputs"].items():
    pulumi.export(name, value)
"""


def preview(project: Project) -> None:
    """Measure three programs over one state, and policies; `project` is a stack that is up."""
    literal, empty = copied(project, "literal", LITERAL), copied(project, "empty", EMPTY)
    stored = json.loads(project.pulumi("stack", "export").stdout)["deployment"]["resources"]
    (literal.path / "literal.json").write_text(
        json.dumps(
            {"resources": [plain(r) for r in stored if plain(r)], "outputs": project.outputs()}
        )
    )
    literal.preview("--expect-no-changes")
    programs: dict[str, tuple[Project, tuple[str, ...]]] = {
        "empty program": (empty, ()),
        "the same resources, literal inputs": (literal, ()),
        "Flakeship": (project, ()),
        "Flakeship and its policies": (project, POLICIES),
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(RUNS):
        # in turn: what else the machine does meets them all
        for name, (each, words) in programs.items():
            start = time.perf_counter()
            each.preview(*words)
            times[name].append(time.perf_counter() - start)
    rows: list[tuple[object, ...]] = [
        (name, statistics.median(times[name]), min(times[name]), peak(each))
        for name, (each, _) in programs.items()
    ]
    _, theirs, ours, checked = times.values()
    for name, before, after in (
        ("Flakeship over literal inputs", theirs, ours),
        ("policies over Flakeship alone", ours, checked),
    ):
        more = statistics.median(after) - statistics.median(before)
        rows.append((name, more, min(after) - min(before), ""))
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
    settings = f"Pulumi.{project.env['PULUMI_STACK']}.yaml"
    # in the folder flakeship is the provider of the resources of its own
    for each in ("Pulumi.yaml", settings, "pyproject.toml", "uv.lock", ".venv", "flakeship"):
        (path / each).symlink_to(project.path / each)
    (path / "__main__.py").write_text(program)
    shutil.copytree(project.path / "backend", path / "backend")
    env = project.env | {"PULUMI_BACKEND_URL": f"file://{path}/backend"}
    return Project(path, project.flake, env)


def plain(resource: dict[str, object]) -> dict[str, object] | None:
    """A resource of the state as the literal program declares it; None for the engine's own."""
    kind, urn = str(resource["type"]).split(":"), str(resource["urn"])
    name = urn.split("::", 3)[3]  # a name may have :: too
    if kind[:2] == ["pulumi", "providers"] and not name.startswith("default"):
        kind = [kind[2], "", "Provider"]
    if kind[0] == "pulumi":
        return None
    package, module, cls = kind
    ours = package == OURS
    if not ours:
        module = f".{module.partition('/')[0]}".removesuffix(TOP) if module else ""
    stated = without_notes(resource.get("inputs") or {})
    assert isinstance(stated, dict)
    return {
        "urn": urn,
        "type": (package, module, cls),
        "name": name,
        "custom": bool(resource.get("custom")),
        "parent": resource.get("parent"),
        "provider": str(resource.get("provider")).rpartition("::")[0],
        "depends": resource.get("dependencies") or [],
        "ignored": resource.get("ignoreChanges") or [],
        "inputs": {
            # a resource of ours takes them as they are, an SDK by the names of Python
            key if ours else re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", key): value
            for key, value in stated.items()
            if ours or key != "version"
        },
    }


def without_notes(value: object) -> object:
    """An input without the engine's own notes, and without what they say is a plugin's default."""
    if isinstance(value, dict):
        left_out = {"__defaults", *value.get("__defaults", [])}
        return {
            key: without_notes(each)
            for key, each in value.items()
            if key not in left_out and not key.startswith("__")
        }
    return [without_notes(each) for each in value] if isinstance(value, list) else value


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
