"""Packages that differ between two sets of derivations, by name and version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flakeship.nix.diff.file_diff import VERSION, strip_versions
from flakeship.nix.diff.graph import Derivation
from flakeship.nix.diff.runtime import Versions, versions


@dataclass(frozen=True)
class PackageChange:
    """A package's versions before and after; empty where it is new or removed."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Packages:
    """Packages whose versions change, and the names of those that are only rebuilt."""

    changes: list[PackageChange] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)

    def only(self, accept: Callable[[str], bool]) -> Packages:
        """Those whose names `accept` accepts."""
        return Packages(
            [change for change in self.changes if accept(change.name)],
            [name for name in self.rebuilt if accept(name)],
        )


def compare(before: Versions, after: Versions) -> Packages:
    """Compare two sets of packages."""
    changes, rebuilt = [], []
    for name in sorted({*before, *after}, key=str.lower):
        old, new = before.get(name, {}), after.get(name, {})
        if old.keys() != new.keys():
            changes.append(PackageChange(name, tuple(sorted(old)), tuple(sorted(new))))
        elif old != new:
            rebuilt.append(name)
    return Packages(changes, rebuilt)


def build_inputs(derivations: Iterable[Derivation]) -> Versions:
    """What a build uses: packages, and sources by the versions in their file names."""
    derivations = list(derivations)
    found = {name: dict(outputs) for name, outputs in versions(derivations).items()}
    for made in derivations:
        if made.fixed_output and not made.package and (version := VERSION.search(made.name)):
            source = found.setdefault(f"source of {strip_versions(made.name)}", {})
            source.setdefault(version[0][1:], set()).update(made.outputs.values())
    return found
