"""What differs between two systems: their boot, packages, units and files, and their builds.

NixOS links a system's parts in the `buildCommand` of the toplevel, and writes /etc and its units
likewise. A toplevel without one, such as the appliance's, has its parts in attributes of the same
names.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.nix.diff import file_diff, runtime
from flakeship.nix.diff.file_diff import Entry, FileDiff, Text
from flakeship.nix.diff.graph import Derivation, Graph, base_name
from flakeship.nix.diff.runtime import Packages, closure, versions

BOOT = ("kernel", "kernel-modules", "initrd")
LINK = re.compile(r"^ln -s (/nix/store/\S+) \$out/([a-z-]+)$", re.MULTILINE)
ENTRY = "makeEtcEntry "
UNIT = re.compile(r"^name=(\S+)$", re.MULTILINE)
# the directories of units in NixOS' /etc, and a prefix for the names of their units
UNITS = {"systemd/system": "", "systemd/user": "user "}


@dataclass(frozen=True)
class Changes:
    """Everything that differs between two releases of a host."""

    reboot: list[str]  # what takes effect with a reboot
    direct: Packages  # that the system's path, units and files name
    dependencies: Packages  # that come with these
    units: FileDiff
    files: FileDiff  # below /etc
    other: FileDiff  # scripts and settings outside of it
    build: Packages  # that only builds use
    expected: list[tuple[str, ...]]  # the later closure: the base names of each one's outputs

    @property
    def any_inside(self) -> bool:
        """Whether the systems differ at all, not only their builds."""
        parts = (self.direct, self.dependencies, self.units, self.files, self.other)
        return bool(self.reboot) or any(any(vars(part).values()) for part in parts)


@dataclass(frozen=True, eq=False)
class System:
    """A toplevel and its parts. `parameters` are the kernel's, `units` and `files` are by name."""

    toplevel: Derivation
    parts: Mapping[str, Derivation]
    parameters: list[str]
    units: Mapping[str, Entry]
    files: Mapping[str, Entry]

    def some(self, *names: str) -> list[Derivation]:
        """Those of the named parts that it has."""
        return [self.parts[name] for name in names if name in self.parts]


def compare(graph: Graph, before: Release, after: Release) -> Changes:
    """Compare two releases. Raises FlakeshipError for a toplevel that is no input of its image."""
    old, new = sides = [_system(graph, release) for release in (before, after)]
    closures = [closure(graph, [side.toplevel]) for side in sides]
    after_boot = (closure(graph, [side.toplevel], exclude=side.some(*BOOT)) for side in sides)
    running = runtime.compare(*map(versions, after_boot))
    direct = {n for side in sides for n in versions(_configuration(graph, side, "sw", "etc"))}
    inside = {name for found in closures for name in versions(found)}
    builds = (graph.build_closure(base_name(release.drv)) for release in (before, after))
    texts = partial(file_diff.entry_texts, graph)

    def one_text(derivation: Derivation) -> Mapping[str, Text]:
        return {"": file_diff.written_text(derivation)}

    return Changes(
        _boot_changes(old, new),
        running.only(direct.__contains__),
        running.only(lambda name: name not in direct),
        file_diff.compare(old.units, new.units, texts),
        file_diff.compare(old.files, new.files, texts),
        file_diff.compare(_other_texts(graph, old), _other_texts(graph, new), one_text),
        runtime.compare(*map(runtime.build_inputs, builds)).only(lambda n: n not in inside),
        [tuple(made.outputs.values()) for made in closures[1]],
    )


def _system(graph: Graph, release: Release) -> System:
    toplevel = graph.deriver(base_name(release.toplevel))
    if toplevel is None:
        raise FlakeshipError(
            f"the toplevel {release.toplevel} is not an input of the image {release.drv}",
            code="toplevel-not-in-image",
            key=release.name,
            remedy="name the image's system in the manifest (docs/reference/manifest.md)",
        )
    linked = {name: path for path, name in LINK.findall(toplevel.text("buildCommand"))}
    parts = {}
    for name in (*BOOT, "etc", "sw"):
        if made := graph.deriver_at(linked.get(name) or toplevel.text(name)):
            parts[name] = made
    given = toplevel.attributes.get("kernelParams", "")
    parameters = given.split() if isinstance(given, str) else [str(word) for word in given]
    units: dict[str, Entry] = {}
    files: dict[str, Entry] = {}
    for name, entry in _etc_entries(parts["etc"]) if "etc" in parts else ():
        if name in UNITS and (made := graph.deriver_at(entry.path)):
            units |= {UNITS[name] + unit: found for unit, found in _generated_units(graph, made)}
        else:
            files[name] = entry
    return System(toplevel, parts, parameters, units, files)


def _etc_entries(etc: Derivation) -> Iterator[tuple[str, Entry]]:
    for line in etc.text("buildCommand").splitlines():
        if line.startswith(ENTRY):
            source, target = shlex.split(line)[1:3]
            yield target, Entry(path=source)
    if "buildCommand" not in etc.attributes:
        for number, target in enumerate(etc.text("paths").split()):
            yield target, Entry(text=etc.text(f"file{number}"))


def _generated_units(graph: Graph, directory: Derivation) -> Iterator[tuple[str, Entry]]:
    # the units that NixOS writes, but not those that packages bring
    for path in dict.fromkeys(directory.store_paths("buildCommand".__eq__)):
        made = graph.deriver(path)
        if made and made.name.startswith("unit-"):
            # an @ is a dash in the name of the derivation
            name = UNIT.search(made.text("buildCommand"))
            unit = shlex.split(name[1])[0] if name else made.name.removeprefix("unit-")
            yield unit, Entry(path=f"/nix/store/{path}")


def _boot_changes(old: System, new: System) -> list[str]:
    found = []
    differ = [name for name in new.parts if old.parts.get(name) is not new.parts[name]]
    if "kernel" in differ:  # stands for its modules and initrd
        before, after = _kernel_version(old), _kernel_version(new)
        same = before == after
        found.append(f"linux {after}, rebuilt" if same else f"linux {before} -> {after}")
    else:
        found += [name for name in BOOT if name in differ]
    if old.parameters != new.parameters:
        words = [f"-{word}" for word in old.parameters if word not in new.parameters]
        words += [f"+{word}" for word in new.parameters if word not in old.parameters]
        found.append(" ".join(["kernel parameters", *(words or ["in a different order"])]))
    return found


def _kernel_version(side: System) -> str:
    kernel = side.parts.get("kernel")
    return str(kernel.attributes.get("version", kernel.name)) if kernel else "none"


def _configuration(graph: Graph, side: System, *parts: str) -> list[Derivation]:
    """What parts of a system refer to, down to the first packages and with these."""
    return closure(graph, side.some(*parts), descend=lambda made: not made.package)


def _other_texts(graph: Graph, side: System) -> Mapping[str, Derivation]:
    """What a system refers to that is no package, no part of its boot and not in /etc."""
    known = {side.toplevel, *_configuration(graph, side, *BOOT, "etc")}
    found = closure(graph, [side.toplevel], descend=lambda m: not m.package, exclude=known)
    return {made.name: made for made in found if not made.package and made is not side.toplevel}
