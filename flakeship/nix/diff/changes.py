"""What changes inside a system: how it boots, packages, units, files, and what its build needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.nix.diff import contents
from flakeship.nix.diff.contents import Difference, Text
from flakeship.nix.diff.graph import Derivation, Graph, base
from flakeship.nix.diff.packages import Packages, changed, needed
from flakeship.nix.diff.runtime import closure, versions
from flakeship.nix.diff.system import Entry, System, system

BOOT = ("kernel", "kernel-modules", "initrd")
"""The parts of a system that it boots from."""


@dataclass(frozen=True)
class Changes:
    """Everything that differs between two releases of a host.

    `reboot` tells what takes effect with a reboot. `direct` are packages that the system's path,
    its units and files name, `dependencies` those that come with these, `build` what is there for
    the build alone. `files` are below /etc, `other` are scripts and settings beside them.
    `expected` are the derivations that the later system is expected to have outputs of, each as
    the base names of these.
    """

    reboot: list[str]
    direct: Packages
    dependencies: Packages
    units: Difference
    files: Difference
    other: Difference
    build: Packages
    expected: list[tuple[str, ...]]

    @property
    def inside(self) -> bool:
        """Whether the systems differ at all."""
        return bool(
            self.reboot
            or any(each.changes or each.rebuilt for each in (self.direct, self.dependencies))
            or any(
                each.added or each.removed or each.changed or each.moved
                for each in (self.units, self.files, self.other)
            )
        )


def compare(graph: Graph, before: Release, after: Release) -> Changes:
    """Compare two releases; the derivations of both images are in the graph.

    Raises FlakeshipError where a release's toplevel is not among what its image is made of.
    """
    systems = [taken(graph, release) for release in (before, after)]
    old, new = systems
    lasting = [closure(graph, [each.toplevel]) for each in systems]
    packages = changed(*(versions(in_use(graph, each)) for each in systems))
    direct = {name for each in systems for name in versions(shell(graph, each, "sw", "etc"))}
    stays = {name for each in lasting for name in versions(each)}
    builds = [needed(graph.below(base(release.drv))) for release in (before, after)]

    def said(entry: Entry) -> Mapping[str, Text]:
        return contents.pieces(graph, entry)

    def written(derivation: Derivation) -> Mapping[str, Text]:
        return {"": contents.written(derivation)}

    return Changes(
        boot(old, new),
        packages.only(direct.__contains__),
        packages.only(lambda name: name not in direct),
        contents.compare(old.units, new.units, said),
        contents.compare(old.files, new.files, said),
        contents.compare(beside(graph, old), beside(graph, new), written),
        changed(*builds).only(lambda name: name not in stays),
        [tuple(each.outputs.values()) for each in lasting[1]],
    )


def taken(graph: Graph, release: Release) -> System:
    """A release's system, taken apart."""
    toplevel = graph.maker(base(release.toplevel))
    if toplevel is None:
        raise FlakeshipError(
            f"{release.name}: its toplevel {release.toplevel} is not among what {release.drv} is "
            "made of: the manifest must name the system that is in the image (docs/nix.md)"
        )
    return system(graph, toplevel)


def boot(old: System, new: System) -> list[str]:
    """What of a boot differs; modules and initrd change with every kernel and are not told then."""
    said = []
    differ = [name for name in new.parts if old.parts.get(name) is not new.parts[name]]
    if BOOT[0] in differ:
        was, is_ = (version(each) for each in (old, new))
        said.append(f"linux {was} -> {is_}" if was != is_ else f"linux {is_}, built otherwise")
    else:
        said += [name for name in BOOT[1:] if name in differ]
    less = [f"-{each}" for each in old.parameters if each not in new.parameters]
    more = [f"+{each}" for each in new.parameters if each not in old.parameters]
    if old.parameters != new.parameters:
        said.append(" ".join(["kernel parameters", *(less + more or ["in another order"])]))
    return said


def version(each: System) -> str:
    """A kernel's version, or the name of what makes it."""
    kernel = each.parts.get("kernel")
    return str(kernel.attributes.get("version", kernel.name)) if kernel else "none"


def in_use(graph: Graph, each: System) -> list[Derivation]:
    """What is there once a system has booted, without what it has booted from."""
    booted = [each.parts[name] for name in BOOT if name in each.parts]
    return closure(graph, [each.toplevel], without=booted)


def shell(graph: Graph, each: System, *parts: str) -> list[Derivation]:
    """What parts of a system name down to the first packages, these included."""
    start = [each.parts[name] for name in parts if name in each.parts]
    return closure(graph, start, into=lambda made: not made.package)


def beside(graph: Graph, each: System) -> Mapping[str, Derivation]:
    """What the system names that is no package, part of the boot, unit or file of /etc."""
    told = {each.toplevel, *shell(graph, each, *BOOT, "etc")}
    found = closure(graph, [each.toplevel], into=lambda made: not made.package, without=told)
    return {made.name: made for made in found if not made.package and made is not each.toplevel}
