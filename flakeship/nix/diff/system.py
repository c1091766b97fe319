"""The parts of a system that a person knows it by, found in the derivation of its toplevel.

NixOS links its parts in the `buildCommand` of the toplevel and writes /etc and its units likewise;
the appliance has attributes of the same names. What is not found there is not shown.
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
"""Where NixOS' /etc has directories of units, and what is put before their names."""
SERVICES = "services/"
"""Where the appliance's has them; `services/order` is the order in which they start."""


@dataclass(frozen=True)
class Entry:
    """A file of /etc or a unit: a path in the store, or the very text."""

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
        if made := graph.maker_at(linked.get(name) or toplevel.text(name)):
            parts[name] = made
    given = toplevel.attributes.get("kernelParams", "")
    parameters = given.split() if isinstance(given, str) else [str(each) for each in given]
    units: dict[str, Entry] = {}
    files: dict[str, Entry] = {}
    if "etc" in parts:
        for name, entry in entries(parts["etc"]):
            if name in UNITS and (made := graph.maker_at(entry.path)):
                units |= {UNITS[name] + unit: each for unit, each in linked_units(graph, made)}
            elif name.startswith(SERVICES) and name != f"{SERVICES}order":
                units[name.removeprefix(SERVICES)] = entry
            else:
                files[name] = entry
    return System(toplevel, parts, parameters, units, files)


def entries(etc: Derivation) -> Iterator[tuple[str, Entry]]:
    """The files of /etc: NixOS' as its builder links them, the appliance's as it is given them."""
    for line in etc.text("buildCommand").splitlines():
        if line.startswith(ENTRY):
            source, target = shlex.split(line)[1:3]
            yield target, Entry(path=source)
    if "buildCommand" not in etc.attributes:
        for number, target in enumerate(etc.text("paths").split()):
            yield target, Entry(text=etc.text(f"file{number}"))


def linked_units(graph: Graph, directory: Derivation) -> Iterator[tuple[str, Entry]]:
    """The units that NixOS has written; others come as they are in their packages."""
    for path in dict.fromkeys(directory.named("buildCommand".__eq__)):
        made = graph.maker(path)
        if made and made.name.startswith("unit-"):
            # in the derivation's own name an @ is a dash
            name = UNIT.search(made.text("buildCommand"))
            unit = shlex.split(name[1])[0] if name else made.name.removeprefix("unit-")
            yield unit, Entry(path=f"/nix/store/{path}")
