"""What differs between two systems: their boot, packages, units and files, and their builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.nix.diff import file_diff, packages
from flakeship.nix.diff.file_diff import FileDiff, Text
from flakeship.nix.diff.graph import Derivation, Graph, base_name
from flakeship.nix.diff.packages import Packages
from flakeship.nix.diff.runtime import closure, versions
from flakeship.nix.diff.system import System, system

BOOT = ("kernel", "kernel-modules", "initrd")
"""The parts that a system boots from."""


@dataclass(frozen=True)
class Changes:
    """Everything that differs between two releases of a host.

    `reboot` takes effect with a reboot. `direct` are packages that the system's path, units and
    files name, `dependencies` those that come with these, `build` those that only builds use.
    `files` are below /etc, `other` are scripts and settings outside of it. `expected` are the
    derivations of the later system's closure, each as the base names of its outputs.
    """

    reboot: list[str]
    direct: Packages
    dependencies: Packages
    units: FileDiff
    files: FileDiff
    other: FileDiff
    build: Packages
    expected: list[tuple[str, ...]]

    @property
    def any_inside(self) -> bool:
        """Whether the systems differ at all, not only their builds."""
        parts = (self.direct, self.dependencies, self.units, self.files, self.other)
        return bool(self.reboot) or any(any(vars(part).values()) for part in parts)


def compare(graph: Graph, before: Release, after: Release) -> Changes:
    """Compare two releases; the graph has the derivations of both images.

    Raises FlakeshipError where a release's toplevel is not among the inputs of its image.
    """
    old, new = (release_system(graph, release) for release in (before, after))
    closures = [closure(graph, [side.toplevel]) for side in (old, new)]
    running = packages.compare(*(versions(after_boot(graph, side)) for side in (old, new)))
    direct = {n for side in (old, new) for n in versions(configuration(graph, side, "sw", "etc"))}
    runtime = {name for found in closures for name in versions(found)}
    builds = (graph.build_closure(base_name(release.drv)) for release in (before, after))
    texts = partial(file_diff.entry_texts, graph)

    def one_text(derivation: Derivation) -> Mapping[str, Text]:
        return {"": file_diff.written_text(derivation)}

    return Changes(
        boot_changes(old, new),
        running.only(direct.__contains__),
        running.only(lambda name: name not in direct),
        file_diff.compare(old.units, new.units, texts),
        file_diff.compare(old.files, new.files, texts),
        file_diff.compare(other_texts(graph, old), other_texts(graph, new), one_text),
        packages.compare(*map(packages.build_inputs, builds)).only(lambda n: n not in runtime),
        [tuple(made.outputs.values()) for made in closures[1]],
    )


def release_system(graph: Graph, release: Release) -> System:
    """The system of a release, taken apart."""
    toplevel = graph.deriver(base_name(release.toplevel))
    if toplevel is None:
        raise FlakeshipError(
            f"the toplevel {release.toplevel} is not an input of the image {release.drv}",
            code="toplevel-not-in-image",
            key=release.name,
            remedy="name the image's system in the manifest (docs/reference/manifest.md)",
        )
    return system(graph, toplevel)


def boot_changes(old: System, new: System) -> list[str]:
    """What differs in how two systems boot; a new kernel stands for its modules and initrd."""
    found = []
    differ = [name for name in new.parts if old.parts.get(name) is not new.parts[name]]
    if BOOT[0] in differ:
        before, after = kernel_version(old), kernel_version(new)
        same = before == after
        found.append(f"linux {after}, rebuilt" if same else f"linux {before} -> {after}")
    else:
        found += [name for name in BOOT[1:] if name in differ]
    if old.parameters != new.parameters:
        words = [f"-{word}" for word in old.parameters if word not in new.parameters]
        words += [f"+{word}" for word in new.parameters if word not in old.parameters]
        found.append(" ".join(["kernel parameters", *(words or ["in a different order"])]))
    return found


def kernel_version(side: System) -> str:
    """The version of a system's kernel, or the name of its derivation."""
    kernel = side.parts.get("kernel")
    return str(kernel.attributes.get("version", kernel.name)) if kernel else "none"


def after_boot(graph: Graph, side: System) -> list[Derivation]:
    """The closure of a system without what it has booted from."""
    boot = [side.parts[name] for name in BOOT if name in side.parts]
    return closure(graph, [side.toplevel], exclude=boot)


def configuration(graph: Graph, side: System, *parts: str) -> list[Derivation]:
    """What parts of a system refer to, down to the first packages and with these."""
    start = [side.parts[name] for name in parts if name in side.parts]
    return closure(graph, start, descend=lambda made: not made.package)


def other_texts(graph: Graph, side: System) -> Mapping[str, Derivation]:
    """What a system refers to that is no package, no part of its boot and not in /etc."""
    known = {side.toplevel, *configuration(graph, side, *BOOT, "etc")}
    found = closure(graph, [side.toplevel], descend=lambda m: not m.package, exclude=known)
    return {made.name: made for made in found if not made.package and made is not side.toplevel}
