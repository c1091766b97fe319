"""The parts of a system, found in the derivation of its toplevel.

NixOS links its parts in the `buildCommand` of the toplevel, and writes /etc and its units likewise.
A toplevel without one, such as the appliance's, has its parts in attributes of the same names.
Whatever is in neither is not compared.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flakeship.nix.diff.graph import Derivation, Graph

LINK = re.compile(r"^ln -s (/nix/store/\S+) \$out/([a-z-]+)$", re.MULTILINE)
ENTRY = "makeEtcEntry "
UNIT = re.compile(r"^name=(\S+)$", re.MULTILINE)
UNITS = {"systemd/system": "", "systemd/user": "user "}
"""The directories of units in NixOS' /etc, and a prefix for the names of their units."""


@dataclass(frozen=True)
class Entry:
    """A file of /etc or a unit: its path in the store, or its text."""

    path: str = ""
    text: str = ""


@dataclass(frozen=True, eq=False)
class System:
    """A toplevel and its parts. `parameters` are the kernel's, `units` and `files` are by name."""

    toplevel: Derivation
    parts: Mapping[str, Derivation]
    parameters: list[str]
    units: Mapping[str, Entry]
    files: Mapping[str, Entry]


def system(graph: Graph, toplevel: Derivation) -> System:
    """Take a toplevel apart."""
    linked = {name: path for path, name in LINK.findall(toplevel.text("buildCommand"))}
    parts = {}
    for name in ("kernel", "initrd", "kernel-modules", "etc", "sw"):
        if made := graph.deriver_at(linked.get(name) or toplevel.text(name)):
            parts[name] = made
    given = toplevel.attributes.get("kernelParams", "")
    parameters = given.split() if isinstance(given, str) else [str(word) for word in given]
    units: dict[str, Entry] = {}
    files: dict[str, Entry] = {}
    for name, entry in etc_entries(parts["etc"]) if "etc" in parts else ():
        if name in UNITS and (made := graph.deriver_at(entry.path)):
            units |= {UNITS[name] + unit: found for unit, found in generated_units(graph, made)}
        else:
            files[name] = entry
    return System(toplevel, parts, parameters, units, files)


def etc_entries(etc: Derivation) -> Iterator[tuple[str, Entry]]:
    """The files of /etc, from the commands of NixOS' builder or from attributes with the texts."""
    for line in etc.text("buildCommand").splitlines():
        if line.startswith(ENTRY):
            source, target = shlex.split(line)[1:3]
            yield target, Entry(path=source)
    if "buildCommand" not in etc.attributes:
        for number, target in enumerate(etc.text("paths").split()):
            yield target, Entry(text=etc.text(f"file{number}"))


def generated_units(graph: Graph, directory: Derivation) -> Iterator[tuple[str, Entry]]:
    """The units that NixOS writes, but not those that packages bring."""
    for path in dict.fromkeys(directory.store_paths("buildCommand".__eq__)):
        made = graph.deriver(path)
        if made and made.name.startswith("unit-"):
            # an @ is a dash in the name of the derivation
            name = UNIT.search(made.text("buildCommand"))
            unit = shlex.split(name[1])[0] if name else made.name.removeprefix("unit-")
            yield unit, Entry(path=f"/nix/store/{path}")
